"""Billing's own decisions in memory, by the same rules as in Postgres."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from portal_billing.order_desk import OrderDesk, Verdict, merged, swept, winner_of
from portal_chassis.postgres import Transaction
from portal_chassis.process import JournalEntry
from portal_chassis.testing import InMemoryTransaction
from portal_contracts.message import Command, Event, Message
from portal_contracts.problems import Refused


@dataclass(slots=True)
class MemoryOrderBook:
    """The OrderBook port."""

    desks: dict[str, OrderDesk] = field(default_factory=dict)
    judged: dict[int, tuple[str, Verdict]] = field(default_factory=dict)

    async def want(self, transaction: Transaction, desk: OrderDesk) -> OrderDesk:
        """Merge a want."""
        standing = self.desks.get(desk.order_id)
        winner = None if standing is None else winner_of(await self.verdicts(desk.order_id), standing.round)
        self._put(transaction, merged(standing, desk, has_winner=winner is not None))
        return self.desks[desk.order_id]

    async def read(self, order_id: str) -> OrderDesk | None:
        """Read a desk."""
        return self.desks.get(order_id)

    async def lock(self, transaction: Transaction, order_id: str) -> OrderDesk | None:
        """Read a desk; nobody comes between in memory, as long as nothing is awaited before it is put back."""
        del transaction
        return self.desks.get(order_id)

    async def put(self, transaction: Transaction, desk: OrderDesk) -> None:
        """Write a desk."""
        self._put(transaction, desk)

    async def elect(self, order_id: str, round_: int, whmcs_order_id: int) -> int | None:
        """Register a winner unless there is one."""
        if winner_of(await self.verdicts(order_id), round_) is None:
            self.judged.setdefault(whmcs_order_id, (order_id, Verdict(round_, winner=True)))
        return winner_of(await self.verdicts(order_id), round_)

    async def discard(self, order_id: str, round_: int, whmcs_order_id: int) -> bool:
        """Judge an extra."""
        self.judged.setdefault(whmcs_order_id, (order_id, Verdict(round_, winner=False)))
        return not self.judged[whmcs_order_id][1].winner

    async def crown(self, transaction: Transaction, order_id: str, round_: int, whmcs_order_id: int) -> None:
        """Make a winner, and an extra of the one before."""
        before = {number: known for number, known in self.judged.items() if known[0] == order_id}
        if self.judged.get(whmcs_order_id, (order_id,))[0] != order_id:
            difference = "it belongs to another order"
            raise Refused("WHMCS_ORDER_NOT_OURS", facts={"whmcs_order_id": whmcs_order_id, "difference": difference})
        for number, (key, verdict) in before.items():
            if key == order_id and verdict == Verdict(round_, winner=True):
                self.judged[number] = (key, Verdict(round_, winner=False))
        self.judged[whmcs_order_id] = (order_id, Verdict(round_, winner=True))
        _undo(transaction, lambda: self._uncrown(whmcs_order_id, before))

    def _uncrown(self, whmcs_order_id: int, before: Mapping[int, tuple[str, Verdict]]) -> None:
        self.judged.pop(whmcs_order_id)
        self.judged.update(before)

    async def verdicts(self, order_id: str) -> Mapping[int, Verdict]:
        """Read all verdicts of an order."""
        return {number: verdict for number, (key, verdict) in self.judged.items() if key == order_id}

    async def released(self, transaction: Transaction, order_id: str) -> None:
        """Begin the next round."""
        desk = self.desks[order_id]
        self._put(transaction, replace(desk, round=desk.round + 1, closing=False, retries=0))

    async def stays(self, transaction: Transaction, order_id: str) -> None:
        """Give the release up."""
        self._put(transaction, replace(self.desks[order_id], closing=False, given_up=False))

    async def closed(self, transaction: Transaction, order_id: str) -> None:
        """Forget personal data."""
        self._put(transaction, replace(self.desks[order_id], eid=None, phone_number=None, iccid=None))

    async def sweep(self, transaction: Transaction, order_id: str, until: datetime) -> OrderDesk:
        """Count a new search in."""
        self._put(transaction, swept(self.desks[order_id], until))
        return self.desks[order_id]

    def _put(self, transaction: Transaction, desk: OrderDesk) -> None:
        before = self.desks.get(desk.order_id)
        self.desks[desk.order_id] = desk
        _undo(transaction, lambda: self._restore(desk.order_id, before))

    def _restore(self, order_id: str, desk: OrderDesk | None) -> None:
        if desk is None:
            self.desks.pop(order_id, None)
        else:
            self.desks[order_id] = desk


def _undo(transaction: Transaction, undo: Callable[[], None]) -> None:
    if isinstance(transaction, InMemoryTransaction):
        transaction.on_rollback(undo)


@dataclass(slots=True)
class MemoryOrderJournal:
    """The OrderJournal port, on entries a test has at hand."""

    look: Callable[[str], Sequence[JournalEntry]]

    async def entries(self, order_id: str) -> Sequence[JournalEntry]:
        """Give the entries."""
        return self.look(order_id)


@dataclass(slots=True)
class MemoryClientTurns:
    """The ClientTurns port."""

    taken: set[int] = field(default_factory=set)

    @asynccontextmanager
    async def turn(self, client_id: int) -> AsyncIterator[bool]:
        """Take a free turn."""
        if client_id in self.taken:
            yield False
            return
        self.taken.add(client_id)
        try:
            yield True
        finally:
            self.taken.discard(client_id)


@dataclass(slots=True)
class MemoryCommandLog:
    """The CommandLog port."""

    commands: dict[tuple[str, str], Command[Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    async def answered(self, command: Command[Any]) -> bool:
        """Look the key up."""
        known = self.commands.get((command.subject, str(getattr(command, command.key))))
        if known is not None and known != command:
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return known is not None

    async def remember(self, command: Command[Any], reply: Message, *events: Event) -> None:
        """Keep the key and the events."""
        del reply
        if not await self.answered(command):
            self.commands[command.subject, str(getattr(command, command.key))] = command
            self.events.extend(events)
