"""What really happened at the vendors, kept where the portal cannot see it: the measuring instrument of the tests."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from portal_sandbox.core.clock import Clock
from portal_sandbox.core.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS core_ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, vendor TEXT NOT NULL, kind TEXT NOT NULL,
    key TEXT NOT NULL, caller TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS core_ledger_kind_key ON core_ledger (kind, key);
CREATE TRIGGER IF NOT EXISTS core_ledger_is_append_only BEFORE UPDATE ON core_ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One effect. `at` is business time (ISO 8601, UTC), `key` the business key of the effect, `caller` who asked."""

    id: int
    at: str
    vendor: str
    kind: str
    key: str
    caller: str
    detail: dict[str, object]


class Ledger:
    """Append-only list of effects; only a reset empties it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        store.migrate("ledger", _TABLES)

    def record(
        self,
        db: sqlite3.Connection,
        *,
        vendor: str,
        kind: str,
        key: str,
        caller: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Writes in the transaction of the effect, so an entry exists exactly when the effect does."""
        db.execute(
            "INSERT INTO core_ledger (at, vendor, kind, key, caller, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (self._clock.now().isoformat(), vendor, kind, key, caller, json.dumps(dict(detail or {}), default=str)),
        )

    def entries(
        self,
        *,
        vendor: str = "",
        kind: str = "",
        key: str = "",
        after: int = 0,
        limit: int = 1000,
        newest_first: bool = False,
    ) -> list[Entry]:
        """Effects in the order they happened; an empty filter means any; `after` is the last id already seen."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM core_ledger WHERE id > :after AND (:vendor = '' OR vendor = :vendor)"  # noqa: S608 - two fixed texts
                " AND (:kind = '' OR kind = :kind) AND (:key = '' OR key = :key)"
                " ORDER BY id" + (" DESC" if newest_first else "") + " LIMIT :limit",
                {
                    "after": after,
                    "vendor": vendor,
                    "kind": kind,
                    "key": key,
                    "limit": limit,
                },
            ).fetchall()
        return [Entry(**{**dict(row), "detail": json.loads(row["detail"])}) for row in rows]
