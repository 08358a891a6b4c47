"""Orders: the real use cases, follower, sweeper and Salesforce adapter."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from portal_chassis.memory import InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_orders import consumers, sweep_orders
from portal_orders.bus_ports import BusBilling, BusCustomers, BusProducts
from portal_orders.jobs import Follower
from portal_orders.main import Outside, join
from portal_orders.ports import Hint
from portal_orders.rows_in_memory import InMemoryBook, InMemoryCheckouts, InMemoryHints
from portal_orders.salesforce import SalesforceOrders
from portal_orders.settings import OrdersSettings
from portal_orders.sweep_orders import SweepState
from portal_simulation.services.parts import Parts

SELDOM: Final = 600.0
"""Pause between polls: an alarm rings when a hint is due, so that idle hours cost nothing."""


class TransactionalHints(InMemoryHints):
    """Hints whose changes are undone with their transaction; `due` hears of each moment at which one is due."""

    def __init__(self, due: Callable[[datetime], None]) -> None:
        super().__init__()
        self._due = due

    async def add(self, transaction: Transaction, hint: Hint) -> None:
        """Append it."""
        await super().add(transaction, hint)
        self._due(hint.due_at)

    async def take(self, now: datetime, most: int, hidden_for: timedelta) -> Sequence[Hint]:
        """Hide what is due."""
        taken = await super().take(now, most, hidden_for)
        if taken:
            self._due(now + hidden_for)
        return taken

    async def drop(self, transaction: Transaction, hints: Sequence[Hint]) -> None:
        """Remove them."""
        self._undone_with(transaction)
        await super().drop(transaction, hints)

    async def postpone(self, transaction: Transaction, hints: Sequence[Hint], due_at: datetime) -> None:
        """Move them."""
        self._undone_with(transaction)
        await super().postpone(transaction, hints, due_at)
        self._due(due_at)

    def _undone_with(self, transaction: Transaction) -> None:
        before = list(self.kept)
        if isinstance(transaction, InMemoryTransaction):
            transaction.on_rollback(lambda: self._restore(before))

    def _restore(self, before: list[Hint]) -> None:
        self.kept = before


class TransactionalBook(InMemoryBook):
    """A read model of which every change is undone with its transaction."""

    async def progressed(self, transaction: Transaction, order_id: str, at: datetime, *, parked: bool) -> None:
        """Replace two facts."""
        self._undone_with(transaction, order_id)
        await super().progressed(transaction, order_id, at, parked=parked)

    async def requested(self, transaction: Transaction, order_id: str, at: datetime) -> None:
        """Replace one fact."""
        self._undone_with(transaction, order_id)
        await super().requested(transaction, order_id, at)

    def _undone_with(self, transaction: Transaction, order_id: str) -> None:
        before = self.orders.get(order_id)
        if isinstance(transaction, InMemoryTransaction):
            transaction.on_rollback(lambda: self._restore(order_id, before))


async def wire(parts: Parts) -> None:
    """Join everything for one worker."""
    settings = OrdersSettings()
    followers: list[tuple[Any, Follower]] = parts.rows.table("followers", list)

    def hint_is_due() -> None:
        for worker, follower in followers:
            if worker.alive:
                follower.nudge()

    hints = parts.rows.table("hints", lambda: TransactionalHints(lambda at: parts.alarm(at, hint_is_due)))
    outside = Outside(
        transactions=parts.database.transaction,
        book=parts.rows.table("book", TransactionalBook),
        checkouts=parts.rows.table("checkouts", InMemoryCheckouts),
        hints=hints,
        sales=SalesforceOrders(parts.salesforce(), internet_commodity=settings.internet_commodity),
        customers=BusCustomers(parts.bus),  # type: ignore[arg-type]  # it is asked as the bus is
        products=BusProducts(parts.bus),  # type: ignore[arg-type]  # the same
        billing=BusBilling(parts.bus),  # type: ignore[arg-type]  # the same
    )
    orders = join(outside, parts.processes, parts.clock, parts.machine, settings)
    follower = Follower(orders.follow, poll_seconds=SELDOM)
    followers.append((parts.worker, follower))
    desk = consumers.EventDesk(
        hints=outside.hints,
        book=outside.book,
        sales=outside.sales,
        take_reading=orders.take_reading,
        processes=parts.processes,
        clock=parts.clock,
        early=timedelta(seconds=settings.early_event_seconds),
        hinted=follower.nudge,
    )
    consumers.register(parts.bus, orders.use, desk)  # type: ignore[arg-type]  # the same
    if parts.rules.sweeper:
        async with parts.database.transaction() as transaction:
            await parts.processes.start(transaction, sweep_orders.KIND, sweep_orders.KEY, SweepState())
    parts.background("follower of orders", follower.run)
