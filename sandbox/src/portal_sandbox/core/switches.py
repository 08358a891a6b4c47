"""Quirk switches: how each vendor misbehaves while it is healthy."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from portal_sandbox.core.store import Store
from portal_sandbox.settings import SwitchValue

_TABLES = """
CREATE TABLE IF NOT EXISTS core_switch (
    vendor TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (vendor, name)
);
"""


@dataclass(frozen=True, slots=True)
class Switch:
    """One declared switch: its default, what it does, and the allowed values (empty: any)."""

    vendor: str
    name: str
    default: SwitchValue
    meaning: str
    choices: tuple[SwitchValue, ...] = ()


class Switches:
    """Declared by the vendors at start, moved by the control API, back to their start values after a reset."""

    def __init__(self, store: Store, start_values: Mapping[str, Mapping[str, SwitchValue]] | None = None) -> None:
        self._store = store
        self._start_values = {vendor: dict(values) for vendor, values in (start_values or {}).items()}
        self._declared: dict[tuple[str, str], Switch] = {}
        self._callbacks: list[Callable[[], None]] = []
        store.migrate("switches", _TABLES)
        with store.transaction() as db:
            rows = db.execute("SELECT vendor, name, value FROM core_switch").fetchall()
        self._values: dict[tuple[str, str], SwitchValue] = {
            (row["vendor"], row["name"]): json.loads(row["value"]) for row in rows
        }
        store.on_reset(self._back_to_start)

    def declare(
        self, vendor: str, name: str, default: SwitchValue, meaning: str, choices: Sequence[SwitchValue] = ()
    ) -> None:
        """Makes a switch known; a vendor declares all its switches in `build`."""
        self._declared[(vendor, name)] = Switch(vendor, name, default, meaning, tuple(choices))

    def get(self, vendor: str, name: str) -> SwitchValue:
        """The present value. KeyError when nobody declared the switch."""
        declared = self._declared[(vendor, name)]
        if (vendor, name) in self._values:
            return self._values[(vendor, name)]
        return self._start_values.get(vendor, {}).get(name, declared.default)

    def is_on(self, vendor: str, name: str) -> bool:
        """The present value of a yes/no switch."""
        return bool(self.get(vendor, name))

    def text(self, vendor: str, name: str) -> str:
        """The present value as text."""
        return str(self.get(vendor, name))

    def number(self, vendor: str, name: str) -> float:
        """The present value as a number. ValueError when it is none."""
        return float(str(self.get(vendor, name)))

    def update(self, changes: Mapping[str, Mapping[str, SwitchValue]]) -> None:
        """Moves switches: all of them or none. ValueError names an unknown switch or a value that is not allowed."""
        wanted = {(vendor, name): value for vendor, values in changes.items() for name, value in values.items()}
        for key, value in wanted.items():
            self._check(key, value)
        with self._store.transaction() as db:
            for (vendor, name), value in wanted.items():
                db.execute("INSERT OR REPLACE INTO core_switch VALUES (?, ?, ?)", (vendor, name, json.dumps(value)))
        self._values.update(wanted)
        self._tell()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Calls back after every update and reset."""
        self._callbacks.append(callback)

    def values(self) -> dict[str, dict[str, SwitchValue]]:
        """All present values by vendor."""
        found: dict[str, dict[str, SwitchValue]] = {}
        for vendor, name in sorted(self._declared):
            found.setdefault(vendor, {})[name] = self.get(vendor, name)
        return found

    def declared(self) -> list[Switch]:
        """All switches, for the control page."""
        return [self._declared[key] for key in sorted(self._declared)]

    def _check(self, key: tuple[str, str], value: SwitchValue) -> None:
        switch = self._declared.get(key)
        if switch is None:
            known = ", ".join(f"{vendor}.{name}" for vendor, name in sorted(self._declared))
            raise ValueError(f"no switch {key[0]}.{key[1]}; known: {known}")
        if switch.choices and value not in switch.choices:
            allowed = ", ".join(str(choice) for choice in switch.choices)
            raise ValueError(f"{key[0]}.{key[1]} takes one of: {allowed}")

    def _back_to_start(self) -> None:
        # At once, so that the vendors seed their rows as the start values say.
        self._values.clear()
        self._store.after_commit(self._tell)

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()
