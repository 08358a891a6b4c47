"""Fakes of orders' own tables, for tests on fakes: the read model, keys and claims, hints."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from portal_chassis.memory import InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_contracts.orders import TimelineEntry
from portal_orders.order import KeptOrder
from portal_orders.ports import Hint, NewEntry, StoredCheckout


def rolled_back(transaction: Transaction, undo: Callable[[], object]) -> None:
    """Take something back when an in-memory transaction does not hold."""
    if isinstance(transaction, InMemoryTransaction):
        transaction.on_rollback(lambda: _ignored(undo()))


def _ignored(_: object) -> None:
    """Drop a result."""


class InMemoryBook:
    """The read model in dictionaries."""

    def __init__(self) -> None:
        self.orders: dict[str, KeptOrder] = {}
        self.timelines: dict[str, list[TimelineEntry]] = {}
        self.complete: set[str] = set()

    def kinds(self, order_id: str) -> list[str]:
        """Give the names of an order's entries, in order."""
        return [entry.kind for entry in self.timelines.get(order_id, ())]

    async def read(self, order_id: str) -> KeptOrder | None:
        """Look it up."""
        return self.orders.get(order_id)

    async def of_account(self, account_id: str) -> Sequence[KeptOrder]:
        """Filter and sort."""
        mine = [order for order in self.orders.values() if order.account_id == account_id]
        return sorted(mine, key=lambda order: (order.placed_at, order.order_number), reverse=True)

    async def unprogressed(self, order_ids: Collection[str], before: datetime) -> Collection[str]:
        """Filter."""
        known = [self.orders[order_id] for order_id in order_ids if order_id in self.orders]
        busy = {
            order.order_id
            for order in known
            if order.activation != "failed"
            and (order.progressed_at is not None or (order.requested_at is not None and order.requested_at >= before))
        }
        return set(order_ids) - busy

    async def lock(self, _transaction: Transaction, order_id: str) -> KeptOrder | None:
        """Look it up; one task at a time runs here."""
        return self.orders.get(order_id)

    async def save(self, transaction: Transaction, order: KeptOrder) -> None:
        """Replace it."""
        before = self.orders.get(order.order_id)
        self.orders[order.order_id] = order
        rolled_back(transaction, lambda: self._restore(order.order_id, before))

    def _restore(self, order_id: str, before: KeptOrder | None) -> None:
        if before is None:
            self.orders.pop(order_id, None)
        else:
            self.orders[order_id] = before

    async def progressed(self, _transaction: Transaction, order_id: str, at: datetime, *, parked: bool) -> None:
        """Replace two facts."""
        if order_id in self.orders:
            self.orders[order_id] = replace(self.orders[order_id], progressed_at=at, parked=parked)

    async def requested(self, _transaction: Transaction, order_id: str, at: datetime) -> None:
        """Replace one fact."""
        if order_id in self.orders:
            self.orders[order_id] = replace(self.orders[order_id], requested_at=at)

    async def append(self, transaction: Transaction, order_id: str, entry: NewEntry) -> int:
        """Add it."""
        entries = self.timelines.setdefault(order_id, [])
        shown = TimelineEntry(
            sequence=len(entries) + 1,
            at=entry.at,
            kind=entry.kind,
            text=entry.text,
            actor=entry.actor,
            who_acts=entry.who_acts,
        )
        entries.append(shown)
        rolled_back(transaction, lambda: entries.remove(shown))
        return shown.sequence

    async def entries(self, order_id: str, after: int) -> tuple[Sequence[TimelineEntry], int]:
        """Filter."""
        entries = self.timelines.get(order_id, [])
        return [entry for entry in entries if entry.sequence > after], len(entries)

    async def is_complete(self, account_id: str) -> bool:
        """Look it up."""
        return account_id in self.complete

    async def set_complete(self, _transaction: Transaction, account_id: str) -> None:
        """Remember it."""
        self.complete.add(account_id)


@dataclass
class FakeCheckout:
    """A row of the fake desk."""

    stored: StoredCheckout
    account_id: str
    key: str
    expires_at: datetime
    state: str = "working"


class InMemoryCheckouts:
    """Keys and claims in dictionaries."""

    def __init__(self) -> None:
        self.rows: dict[str, FakeCheckout] = {}
        self.claims: dict[str, tuple[str, str | None]] = {}
        self.taken: dict[str, str] = {}

    async def find(self, account_id: str, key: str, now: datetime) -> StoredCheckout | None:
        """Look for a live row."""
        for row in self.rows.values():
            live = row.state == "working" or (row.state == "placed" and row.expires_at > now)
            if (row.account_id, row.key) == (account_id, key) and live:
                return row.stored
        return None

    async def owner(self, checkout_id: str) -> str | None:
        """Look it up."""
        row = self.rows.get(checkout_id)
        return row.account_id if row else None

    async def begin(
        self,
        transaction: Transaction,
        checkout: StoredCheckout,
        *,
        account_id: str,
        key: str,
        now: datetime,
        expires_at: datetime,
    ) -> StoredCheckout:
        """Insert unless there is a live row."""
        found = await self.find(account_id, key, now)
        if found is not None:
            return found
        self.rows[checkout.checkout_id] = FakeCheckout(checkout, account_id, key, expires_at)
        rolled_back(transaction, lambda: self.rows.pop(checkout.checkout_id))
        return checkout

    async def claim_internet(self, transaction: Transaction, account_id: str, checkout_id: str) -> bool:
        """Insert unless there is one."""
        if account_id in self.claims:
            return False
        self.claims[account_id] = (checkout_id, None)
        rolled_back(transaction, lambda: self.claims.pop(account_id))
        return True

    async def name_claim(self, _transaction: Transaction, checkout_id: str, order_id: str) -> None:
        """Write the order beside it."""
        for account_id, (holder, _) in list(self.claims.items()):
            if holder == checkout_id:
                self.claims[account_id] = (holder, order_id)

    async def release_claim(
        self, _transaction: Transaction, *, checkout_id: str | None = None, order_id: str | None = None
    ) -> None:
        """Remove it."""
        for account_id, (holder, order) in list(self.claims.items()):
            if (checkout_id is not None and holder == checkout_id) or (order_id is not None and order == order_id):
                del self.claims[account_id]

    async def settled(self, _transaction: Transaction, checkout_id: str, *, placed: bool) -> None:
        """Write the end."""
        self.rows[checkout_id].state = "placed" if placed else "failed"

    async def is_settled(self, checkout_id: str) -> bool:
        """Look it up."""
        row = self.rows.get(checkout_id)
        return row is None or row.state != "working"

    async def take_opportunity(self, order_key: str, candidates: Sequence[str]) -> str | None:
        """Reserve the first free one."""
        if order_key not in self.taken:
            free = next((one for one in candidates if one not in self.taken.values()), None)
            if free is None:
                return None
            self.taken[order_key] = free
        return self.taken[order_key]


class InMemoryHints:
    """Hints in a list."""

    def __init__(self) -> None:
        self.kept: list[Hint] = []
        self._last = 0

    async def add(self, transaction: Transaction, hint: Hint) -> None:
        """Append it."""
        self._last += 1
        added = replace(hint, id=self._last)
        self.kept.append(added)
        rolled_back(transaction, lambda: self.kept.remove(added))

    async def take(self, now: datetime, most: int, hidden_for: timedelta) -> Sequence[Hint]:
        """Hide what is due."""
        due = [hint for hint in self.kept if hint.due_at <= now][:most]
        self._move(due, now + hidden_for)
        return due

    async def drop(self, _transaction: Transaction, hints: Sequence[Hint]) -> None:
        """Remove them."""
        ids = {hint.id for hint in hints}
        self.kept = [hint for hint in self.kept if hint.id not in ids]

    async def postpone(self, _transaction: Transaction, hints: Sequence[Hint], due_at: datetime) -> None:
        """Move them."""
        self._move(hints, due_at)

    def _move(self, hints: Sequence[Hint], due_at: datetime) -> None:
        ids = {hint.id for hint in hints}
        self.kept = [replace(hint, due_at=due_at) if hint.id in ids else hint for hint in self.kept]
