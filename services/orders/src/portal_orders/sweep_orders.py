"""The safety net: asks Salesforce which orders are approved and which have changed, whatever events said (C01, C29)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.clocks import BusinessClock
from portal_chassis.process import Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import TryLater
from portal_orders.ports import Hint, Hints, OrderBook, SalesOrders, Transactions

KIND: Final = "order_sweep"
KEY: Final = "orders"
STEP: Final = "sweep"
OVERLAP: Final = timedelta(minutes=10)
"""How far each sweep looks back beyond the one before: commits are seen later than their time says."""
FIRST_LOOK_BACK: Final = timedelta(hours=72)
"""How far the first sweep looks back: as long as Salesforce keeps events."""
AWAY_SECONDS: Final = 30


class SweepState(BaseModel):
    """How far the sweeps have come, in business time."""

    swept_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SweepOrders:
    """A process that never ends. Each round only leaves hints: what they say is looked at like any other."""

    transactions: Transactions
    hints: Hints
    book: OrderBook
    sales: SalesOrders
    clock: BusinessClock
    pause: timedelta
    again: timedelta
    silent: timedelta

    def definition(self) -> ProcessDefinition[SweepState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, SweepState, (Step(STEP, self.sweep),))

    async def sweep(self, run: Run[SweepState]) -> Outcome:
        """Hint at every approved order that nothing is known to happen with, and at every order that changed."""
        begun = self.clock.now()
        since = (run.state.swept_until or begun - FIRST_LOOK_BACK) - OVERLAP
        try:
            approved = await self.sales.approved()
            changed = await self.sales.changed_since(since)
        except TryLater:
            return Wait(after=min(self.pause, timedelta(seconds=AWAY_SECONDS)), because="salesforce is away")
        quiet = await self.book.unprogressed(
            approved, asked_before=begun - self.again, silent_before=begun - self.silent
        )
        async with self.transactions() as transaction:
            for order_id in sorted(quiet):
                await self.hints.add(transaction, Hint(order_id, begun, signal=self._signal(order_id, begun)))
            for order_id in sorted(set(changed) - set(quiet)):
                await self.hints.add(transaction, Hint(order_id, begun))
        run.state.swept_until = begun
        return Wait(after=self.pause, because="next sweep")

    @staticmethod
    def _signal(order_id: str, at: datetime) -> ProvisionRequested:
        return ProvisionRequested(
            order_id=order_id,
            source="sweeper",
            request_id=f"sweep-{order_id}-{int(at.timestamp())}",
            requested_by="sweeper",
            occurred_at=at,
        )
