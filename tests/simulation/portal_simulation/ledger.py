"""What really happened, by order: read once from the sandbox's ledger after a schedule."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal_sandbox.core import Ledger


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect. `key` is the vendor's business key, `at` business time."""

    kind: str
    key: str
    at: datetime
    caller: str
    detail: dict[str, Any]


class Effects:
    """All effects of a schedule, by kind and in order."""

    def __init__(self, ledger: Ledger) -> None:
        self._by_kind: dict[str, list[Effect]] = defaultdict(list)
        for entry in ledger.entries(limit=1_000_000):
            effect = Effect(
                entry.kind, str(entry.key), datetime.fromisoformat(entry.at), entry.caller, dict(entry.detail)
            )
            self._by_kind[entry.kind].append(effect)

    def of(self, kind: str, key: str = "") -> Sequence[Effect]:
        """Give the effects of a kind whose key begins so: WHMCS markers are `<order id>#<line>`."""
        return [effect for effect in self._by_kind.get(kind, ()) if effect.key.startswith(key)]
