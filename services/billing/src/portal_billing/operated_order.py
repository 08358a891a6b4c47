"""An order as an operator meets it: what stands on its desk, how far its process is, and what may be done about it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from portal_billing.order_desk import OrderDesk
from portal_billing.order_process import WHMCS_ORDER
from portal_billing.order_progress import STUCK, OrderProgress
from portal_billing.ports import OrderBook
from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine, ProcessView
from portal_contracts.problems import Refused
from portal_contracts.whmcs_orders import WhmcsOrderDecided

Decision = Literal["linked", "retried", "cancelled"]


@dataclass(frozen=True, slots=True)
class OperatedOrder:
    """An order with its process, read for a decision."""

    desk: OrderDesk
    view: ProcessView

    @property
    def progress(self) -> OrderProgress:
        """The state of its process."""
        return OrderProgress.model_validate(self.view.state)

    @property
    def code(self) -> str | None:
        """What it waits for a person with, if it does."""
        problem = self.progress.problem
        if problem is not None:
            return problem.code
        return self.view.code if self.view.status in STUCK else None

    def check_open(self) -> None:
        """Refuse PROVISIONING_ENDED for an order that is accepted, or released and not asked for again."""
        phase = self.progress.phase
        if phase == "accepted" or (phase == "released" and self.desk.goal == "release"):
            raise Refused("PROVISIONING_ENDED", facts={"status": phase})


@dataclass(frozen=True, slots=True)
class Operations:
    """What the three buttons share."""

    book: OrderBook
    processes: ProcessEngine
    clock: BusinessClock

    async def read(self, order_id: str) -> OperatedOrder:
        """Read an order to look at. Refused NOT_FOUND."""
        return await self._with_process(await self.book.read(order_id))

    async def lock(self, transaction: Transaction, order_id: str) -> OperatedOrder:
        """Read an order to decide about: nobody else changes it meanwhile. Refused NOT_FOUND, PROVISIONING_ENDED."""
        order = await self._with_process(await self.book.lock(transaction, order_id))
        order.check_open()
        return order

    async def _with_process(self, desk: OrderDesk | None) -> OperatedOrder:
        view = None if desk is None else await self.processes.read(WHMCS_ORDER, desk.order_id)
        if desk is None or view is None:
            raise Refused("NOT_FOUND")
        return OperatedOrder(desk, view)

    def decided(
        self,
        order: OperatedOrder,
        changed: OrderDesk,
        decision: Decision,
        operator: str,
        *,
        step: str | None = None,
        also: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> Callable[[Transaction], Awaitable[None]]:
        """Give the effect of a decision: the desk is written, the process goes on (at `step`), fulfillment is told."""

        async def effect(transaction: Transaction) -> None:
            await self.book.put(transaction, changed)
            if also is not None:
                await also(transaction)
            key = changed.order_id
            if not await self.processes.wake(transaction, WHMCS_ORDER, key, step=step):
                await self.processes.reopen(transaction, WHMCS_ORDER, key, order.progress, step or "decide")
            now = self.clock.now()
            await transaction.record(
                WhmcsOrderDecided(order_id=key, decision=decision, requested_by=operator, occurred_at=now)
            )

        return effect
