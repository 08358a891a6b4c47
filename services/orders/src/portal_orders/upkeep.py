"""What every instance does once a minute beside its work: gauges, and forgetting used nonces."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, get_args

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.process import ProcessEngine
from portal_contracts.drift import DriftKind
from portal_contracts.problems import TryLater
from portal_orders import comparison_process as comparison
from portal_orders import metrics
from portal_orders.business_calendar import BusinessCalendar
from portal_orders.comparison_ports import Differences
from portal_orders.comparison_process import ComparisonState
from portal_orders.keep_cart import KeptCarts
from portal_orders.ports import OrderBook, SignedCalls, Transactions

EVERY_SECONDS: Final = 60.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One round a minute. Instances do one another no harm, and the gauges of all say the same."""

    transactions: Transactions
    calls: SignedCalls
    book: OrderBook
    differences: Differences
    processes: ProcessEngine
    clock: BusinessClock
    calendar: BusinessCalendar
    carts: KeptCarts | None = None

    async def run(self) -> None:
        """Work until cancelled; a database that is away is asked again a minute later."""
        while True:
            try:
                await self.round()
            except (TryLater, TimeoutError):
                _log.warning("upkeep has to wait for the database")
            await asyncio.sleep(EVERY_SECONDS)

    async def round(self) -> None:
        """Do it once."""
        async with self.transactions() as transaction:
            await self.calls.prune(transaction)
            if self.carts is not None:
                await self.carts.prune(transaction, self.clock.now())
        waiting, since = await self.book.reviewing()
        metrics.REVIEW_WAITING.set(waiting)
        waited = self.calendar.worked(since, self.clock.now()) if since else timedelta()
        metrics.REVIEW_OLDEST.set(waited.total_seconds())
        totals = await self.differences.totals()
        for kind in get_args(DriftKind):
            metrics.DIFFERENCES.labels(kind).set(totals.get(kind, 0))
        view = await self.processes.read(comparison.KIND, comparison.KEY)
        ended_at = ComparisonState.model_validate(view.state).ended_at if view else None
        if ended_at is not None:
            metrics.COMPARED_AT.set(ended_at.timestamp())
