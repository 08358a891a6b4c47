"""Fakes of orders' own tables, for tests on fakes: the read model, keys and claims, hints."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from portal_chassis.memory import InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_contracts.message import Command
from portal_contracts.orders import TimelineEntry
from portal_contracts.problems import Refused
from portal_contracts.provisioning_requests import StaffTimelineEntry
from portal_orders.order import KeptOrder, KeptProgress
from portal_orders.ports import Hint, NewEntry, StaffNote, StoredCall, StoredCheckout
from portal_orders.projection import staff_entry


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
        self.notes: dict[tuple[str, int], StaffNote] = {}
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

    async def page(self, account_id: str, after: tuple[datetime, str] | None, most: int) -> Sequence[KeptOrder]:
        """Filter, sort and cut."""
        placed = [order for order in await self.of_account(account_id) if order.state != "draft"]
        return [one for one in placed if after is None or (one.placed_at, one.order_number) < after][:most]

    async def order_ids(self) -> Collection[str]:
        """Give the keys."""
        return set(self.orders)

    async def unprogressed(
        self, order_ids: Collection[str], *, asked_before: datetime, silent_before: datetime
    ) -> Collection[str]:
        """Filter."""
        known = [self.orders[order_id] for order_id in order_ids if order_id in self.orders]
        return set(order_ids) - {one.order_id for one in known if _is_busy(one, asked_before, silent_before)}

    async def reviewing(self) -> tuple[int, datetime | None]:
        """Filter."""
        since = [order.placed_at for order in self.orders.values() if order.state == "pending_review"]
        return len(since), min(since, default=None)

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

    async def progressed(self, transaction: Transaction, order_id: str, said: KeptProgress) -> None:
        """Replace three facts."""
        kept = self.orders.get(order_id)
        if kept is not None:
            now = kept.progress.after(said) if kept.progress else said.first()
            parked = now.stage == "needs_human"
            await self.save(transaction, replace(kept, progressed_at=now.at, parked=parked, progress=now))

    async def requested(self, transaction: Transaction, order_id: str, at: datetime) -> None:
        """Replace one fact."""
        if order_id in self.orders:
            await self.save(transaction, replace(self.orders[order_id], requested_at=at))

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
        self.notes[order_id, shown.sequence] = entry.staff
        rolled_back(transaction, lambda: entries.remove(shown))
        return shown.sequence

    async def entries(self, order_id: str, after: int) -> tuple[Sequence[TimelineEntry], int]:
        """Filter."""
        entries = self.timelines.get(order_id, [])
        return [entry for entry in entries if entry.sequence > after], len(entries)

    async def staff_entries(self, order_id: str) -> Sequence[StaffTimelineEntry]:
        """Join them."""
        entries = self.timelines.get(order_id, [])
        return [staff_entry(one, self.notes.get((order_id, one.sequence), StaffNote())) for one in entries]

    async def is_complete(self, account_id: str) -> bool:
        """Look it up."""
        return account_id in self.complete

    async def set_complete(self, _transaction: Transaction, account_id: str) -> None:
        """Remember it."""
        self.complete.add(account_id)


def _is_busy(order: KeptOrder, asked_before: datetime, silent_before: datetime) -> bool:
    if order.activation == "failed" and (order.progress is None or order.progress.ended):
        return False
    if order.progressed_at is None or (order.progress is not None and order.progress.stage == "withdrawn"):
        return order.requested_at is not None and order.requested_at >= asked_before
    return max(order.requested_at or order.progressed_at, order.progressed_at) >= silent_before


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

    async def drop(self, transaction: Transaction, hints: Sequence[Hint]) -> None:
        """Remove them."""
        ids = {hint.id for hint in hints}
        dropped = [hint for hint in self.kept if hint.id in ids]
        self.kept = [hint for hint in self.kept if hint.id not in ids]
        rolled_back(transaction, lambda: self.kept.extend(dropped))

    async def postpone(self, transaction: Transaction, hints: Sequence[Hint], due_at: datetime) -> None:
        """Move them."""
        for hint in hints:
            rolled_back(transaction, partial(self._move, [hint], hint.due_at))
        self._move(hints, due_at)

    def _move(self, hints: Sequence[Hint], due_at: datetime) -> None:
        ids = {hint.id for hint in hints}
        self.kept = [replace(hint, due_at=due_at) if hint.id in ids else hint for hint in self.kept]


class InMemorySignedCalls:
    """Nonces and keys in sets. One task at a time runs here, so nobody is ever in the way."""

    def __init__(self) -> None:
        self.nonces: set[str] = set()
        self.calls: dict[str, StoredCall] = {}
        self.entered_elsewhere: set[str] = set()
        """Keys that somebody else is working on, as a test says."""

    async def take_nonce(self, transaction: Transaction, nonce: str) -> bool:
        """Add it."""
        if nonce in self.nonces:
            return False
        self.nonces.add(nonce)
        rolled_back(transaction, lambda: self.nonces.discard(nonce))
        return True

    async def enter(self, _transaction: Transaction, key: str) -> bool:
        """Look whether somebody has it."""
        return key not in self.entered_elsewhere

    async def find(self, _transaction: Transaction, key: str) -> StoredCall | None:
        """Look it up."""
        return self.calls.get(key)

    async def keep(self, transaction: Transaction, key: str, call: StoredCall) -> None:
        """Add it."""
        self.calls[key] = call
        rolled_back(transaction, lambda: self.calls.pop(key))

    async def prune(self, _transaction: Transaction) -> None:
        """Nothing grows old here."""


class InMemoryCommandLog:
    """Commands in a dictionary."""

    def __init__(self) -> None:
        self.commands: dict[tuple[str, str, str], Command[Any]] = {}

    async def answered(self, _transaction: Transaction, command: Command[Any], account_id: str) -> bool:
        """Look the key up."""
        known = self.commands.get(_place(command, account_id))
        if known is not None and known != command:
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return known is not None

    async def remember(self, transaction: Transaction, command: Command[Any], account_id: str) -> None:
        """Keep it."""
        place = _place(command, account_id)
        self.commands[place] = command
        rolled_back(transaction, lambda: self.commands.pop(place))


def _place(command: Command[Any], account_id: str) -> tuple[str, str, str]:
    return command.subject, account_id, str(getattr(command, command.key))
