# ruff: noqa: ARG002 - fakes keep the signature of their port
"""Fakes of what customers' lines need. Nothing outside of tests imports this."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from portal_chassis.memory import InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_contracts.billing_services import ChargeState
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import LineChangeState
from portal_fulfillment.kept_lines import OPEN_CHANGES, FiledLine, KeptChange, OwnedLine
from portal_fulfillment.testing_operator import Fallible


@dataclass
class InMemoryOwnedLines:
    """The `OwnedLines` port."""

    rows: list[OwnedLine] = field(default_factory=list)
    filed: dict[str, list[FiledLine]] = field(default_factory=dict)
    """By account."""

    async def of_service(self, service_id: int, account_id: str) -> OwnedLine | None:
        """Find it."""
        wanted = (service_id, account_id)
        return next((row for row in reversed(self.rows) if (row.service_id, row.account_id) == wanted), None)

    async def of_account(self, account_id: str) -> Sequence[FiledLine]:
        """Give them."""
        return self.filed.get(account_id, [])


@dataclass
class InMemoryLineChanges:
    """The `LineChanges` port."""

    rows: dict[str, KeptChange] = field(default_factory=dict)

    async def add(self, transaction: Transaction, change: KeptChange) -> bool:
        """Keep it unless its request is known or its line has an open one."""
        for row in self.rows.values():
            if (row.account_id, row.request) == (change.account_id, change.request):
                return False
            if row.line == change.line and row.state in OPEN_CHANGES:
                return False
        self.rows[change.change_id] = change
        if isinstance(transaction, InMemoryTransaction):
            transaction.on_rollback(lambda: self._drop(change.change_id))
        return True

    def _drop(self, change_id: str) -> None:
        del self.rows[change_id]

    async def of_request(self, account_id: str, request: str) -> KeptChange | None:
        """Find it."""
        wanted = (account_id, request)
        return next((row for row in self.rows.values() if (row.account_id, row.request) == wanted), None)

    async def read(self, change_id: str) -> KeptChange | None:
        """Give it."""
        return self.rows.get(change_id)

    async def lock(self, transaction: Transaction, change_id: str) -> KeptChange | None:
        """Give it; one task at a time needs no lock."""
        return self.rows.get(change_id)

    async def of_service(self, service_id: int, account_id: str) -> Sequence[KeptChange]:
        """Give them, the newest first."""
        wanted = (service_id, account_id)
        found = [row for row in self.rows.values() if (row.service_id, row.account_id) == wanted]
        return sorted(found, key=lambda row: row.asked_at, reverse=True)

    async def of_account(self, account_id: str) -> Sequence[KeptChange]:
        """Give them, the newest first."""
        found = [row for row in self.rows.values() if row.account_id == account_id]
        return sorted(found, key=lambda row: row.asked_at, reverse=True)

    async def standing(self, *, only_unclear: bool, limit: int) -> Sequence[KeptChange]:
        """Give them, the oldest first."""
        states = {"unclear"} if only_unclear else OPEN_CHANGES
        return [row for row in self.rows.values() if row.state in states or (row.state == "done" and row.code)][:limit]

    async def park_charge(self, transaction: Transaction, change_id: str, code: str | None) -> None:
        """Note it."""
        row = self.rows[change_id]
        if row.state == "done":
            if isinstance(transaction, InMemoryTransaction):
                transaction.on_rollback(lambda: self.rows.__setitem__(change_id, row))
            self.rows[change_id] = replace(row, code=code)

    async def move(
        self, transaction: Transaction, change_id: str, state: LineChangeState, *, code: str | None, at: datetime
    ) -> bool:
        """Change an open one."""
        row = self.rows[change_id]
        if row.state not in OPEN_CHANGES or row.state == state:
            return False
        if isinstance(transaction, InMemoryTransaction):
            transaction.on_rollback(lambda: self.rows.__setitem__(change_id, row))
        self.rows[change_id] = replace(row, state=state, code=code, ended_at=None if state in OPEN_CHANGES else at)
        return True


class FakeCharges(Fallible):
    """The `Charges` port. `made` is what was invoiced: an amount for each key, whatever was repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[str, int] = {}
        self.refuses: Refused | None = None

    async def charge(
        self, key: str, whmcs_client_id: int, service_id: int, amount: int, description: str
    ) -> ChargeState:
        """Charge once for a key."""
        fault = self.begin("charges.charge")
        if self.refuses is not None:
            raise self.refuses
        self.made.setdefault(key, amount)
        self.end(fault)
        return ChargeState(state="done", invoice_id=len(self.made))
