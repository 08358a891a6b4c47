"""Orders: the real use cases, follower, sweeper and Salesforce adapter."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from portal_chassis.postgres import Transaction
from portal_chassis.testing import InMemoryOperatorDesk
from portal_orders import consumers, sweep_orders
from portal_orders.bus_ports import BusBilledClients, BusBilling, BusCustomers, BusLinks, BusProducts
from portal_orders.comparison_in_memory import InMemoryDifferences
from portal_orders.jobs import Follower
from portal_orders.main import Outside, join
from portal_orders.ports import Hint
from portal_orders.rows_in_memory import (
    InMemoryBook,
    InMemoryCheckouts,
    InMemoryCommandLog,
    InMemoryHints,
    InMemorySignedCalls,
)
from portal_orders.salesforce import SalesforceOrders
from portal_orders.salesforce_comparison import SalesforceRecords
from portal_orders.salesforce_eligibility import SalesforceEligibility
from portal_orders.settings import OrdersSettings
from portal_orders.sweep_orders import SweepState
from portal_simulation.services.parts import Parts

SELDOM: Final = 600.0
"""Pause between polls: an alarm rings when a hint is due, so that idle hours cost nothing."""


class AlarmedHints(InMemoryHints):
    """Hints of which `due` hears when each is due, in the place of a poll every second."""

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

    async def postpone(self, transaction: Transaction, hints: Sequence[Hint], due_at: datetime) -> None:
        """Move them."""
        await super().postpone(transaction, hints, due_at)
        self._due(due_at)


async def wire(parts: Parts) -> None:
    """Join everything for one worker."""
    settings = OrdersSettings()
    followers: list[tuple[Any, Follower]] = parts.rows.table("followers", list)

    def hint_is_due() -> None:
        for worker, follower in followers:
            if worker.alive:
                follower.nudge()

    outside = _outside(parts, settings, lambda at: parts.alarm(at, hint_is_due))
    hinted = asyncio.Event()
    orders = join(outside, parts.processes, parts.clock, parts.machine, settings, hinted=hinted.set)
    follower = Follower(orders.follow, hinted, poll_seconds=SELDOM)
    followers.append((parts.worker, follower))
    desk = consumers.EventDesk(
        hints=outside.hints,
        book=outside.book,
        sales=outside.sales,
        take_reading=orders.take_reading,
        processes=parts.processes,
        clock=parts.clock,
        early=settings.early,
        hinted=follower.nudge,
    )
    consumers.register(parts.bus, orders.use, desk, parts.machine)  # type: ignore[arg-type]  # it registers as on the bus
    if parts.rules.sweeper:
        async with parts.database.transaction() as transaction:
            await parts.processes.start(transaction, sweep_orders.KIND, sweep_orders.KEY, SweepState())
    parts.background("follower of orders", follower.run)


def _outside(parts: Parts, settings: OrdersSettings, due: Callable[[datetime], None]) -> Outside:
    """Everything behind the ports. The nightly comparison is never started, so its ports are the simplest there are."""
    table, bus = parts.rows.table, parts.bus
    salesforce = parts.salesforce()
    return Outside(
        transactions=parts.database.transaction,
        book=table("book", InMemoryBook),
        checkouts=table("checkouts", InMemoryCheckouts),
        hints=table("hints", lambda: AlarmedHints(due)),
        signed_calls=table("signed calls", InMemorySignedCalls),
        commands=table("commands", InMemoryCommandLog),
        sales=SalesforceOrders(salesforce, internet_commodity=settings.internet_commodity),
        customers=BusCustomers(bus),  # type: ignore[arg-type]  # it is asked as the bus is
        products=BusProducts(bus),  # type: ignore[arg-type]  # the same
        billing=BusBilling(bus),  # type: ignore[arg-type]  # the same
        accounts=SalesforceEligibility(salesforce, internet_commodity=settings.internet_commodity),
        records=SalesforceRecords(salesforce),
        clients=BusBilledClients(bus),  # type: ignore[arg-type]  # the same
        links=BusLinks(bus),  # type: ignore[arg-type]  # the same
        differences=table("differences", InMemoryDifferences),
        desk=table("desk", lambda: InMemoryOperatorDesk(parts.rows.database)),
    )
