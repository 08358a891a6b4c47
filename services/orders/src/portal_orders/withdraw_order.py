"""The customer withdraws an order that waits for its review (§5.7, C40)."""

from dataclasses import dataclass, replace
from typing import Final

from pydantic import BaseModel

from portal_chassis.clocks import BusinessClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Fail, Next, Outcome, ProcessDefinition, ProcessEngine, Run, Step
from portal_contracts.message import Acknowledged
from portal_contracts.orders_of_customers import WithdrawOrder
from portal_contracts.problems import Refused
from portal_orders import tell_staff, timeline
from portal_orders.order import KeptOrder, SalesOrder
from portal_orders.own_orders import OwnOrder
from portal_orders.ports import CommandLog, OrderBook, OrderMoved, SalesOrders, Transactions
from portal_orders.take_reading import SoldProducts, TakeReading
from portal_orders.tell_staff import CaseToOpen

KIND: Final = "order_withdrawal"
STEP: Final = "cancel"
NOTE: Final = "Withdrawn by the customer in the portal before approval."
ANSWER_SECONDS: Final = 0.5
"""What is left of the caller's time for the way back."""


class WithdrawalState(BaseModel):
    """Whose order is to be cancelled."""

    order_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Takes the wish. The row says so before Salesforce does, and a process carries it out however long that takes.

    So whoever reads the cancelled order first tells it as a withdrawal and not as a rejection.
    """

    transactions: Transactions
    log: CommandLog
    own: OwnOrder
    book: OrderBook
    processes: ProcessEngine

    async def __call__(self, command: WithdrawOrder, account_id: str, deadline: Deadline) -> Acknowledged:
        """Refused NOT_FOUND, or ORDER_NOT_WITHDRAWABLE once it was approved or has ended. Harmless to repeat."""
        kept = await self.own(command.order_id, account_id)
        key = f"{kept.order_id}:{command.request_id}"
        async with self.transactions() as transaction:
            if not await self.log.answered(transaction, command, account_id):
                await self._begin(transaction, kept, key)
                await self.log.remember(transaction, command, account_id)
        view = await self.processes.run_inline(KIND, key, until=Deadline.after(deadline.remaining() - ANSWER_SECONDS))
        if view.status in ("failed", "cancelled"):
            raise Refused(view.code or "ORDER_NOT_WITHDRAWABLE")
        return Acknowledged()

    async def _begin(self, transaction: Transaction, kept: KeptOrder, key: str) -> None:
        row = await self.book.lock(transaction, kept.order_id) or kept
        if row.state != "pending_review" and not (row.withdrawn and row.state == "cancelled"):
            raise Refused("ORDER_NOT_WITHDRAWABLE")
        await self.book.save(transaction, replace(row, withdrawn=True))
        state = WithdrawalState(order_id=row.order_id, account_id=row.account_id)
        await self.processes.start(transaction, KIND, key, state, inline=True)


@dataclass(frozen=True, slots=True)
class WithdrawalProcess:
    """Cancels order and opportunity in one go, whenever Salesforce takes it."""

    sales: SalesOrders
    book: OrderBook
    products: SoldProducts
    take_reading: TakeReading
    processes: ProcessEngine
    clock: BusinessClock

    def definition(self) -> ProcessDefinition[WithdrawalState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, WithdrawalState, (Step(STEP, self.cancel),))

    async def cancel(self, run: Run[WithdrawalState]) -> Outcome:
        """Look at the order as it is now, and cancel it unless staff came first: their approval stands."""
        order = (await self.sales.read([run.state.order_id])).get(run.state.order_id)
        if order is None:
            return Fail("NOT_FOUND")
        if order.state == "pending_review":
            try:
                async with run.outside("cancel_order", fingerprint=run.key):
                    order = await self.sales.cancel(order, NOTE)
            except OrderMoved:
                return Next(STEP)  # somebody wrote to it just now: it is read again
        elif order.state == "cancelled":
            await self.sales.void_opportunity(order.order_id)
        return await self._told(order)

    async def _told(self, order: SalesOrder) -> Outcome:
        products = await self.products.of([order])

        async def effect(transaction: Transaction) -> None:
            after = await self.take_reading(transaction, order, products, ours=False)
            if after.state == "cancelled":
                await tell_staff.tell(transaction, self.processes, f"withdrawn-{order.order_id}", _case(order))
                return
            await self.book.save(transaction, replace(after, withdrawn=False))
            await self.take_reading.tell(transaction, order.order_id, timeline.withdrawn_too_late(self.clock.now()))

        if order.state == "cancelled":
            return Done(effects=(effect,))
        return Fail("ORDER_NOT_WITHDRAWABLE", effects=(effect,))


def _case(order: SalesOrder) -> CaseToOpen:
    return CaseToOpen(
        account_id=order.account_id,
        type="general_inquiry",
        title=f"Order {order.order_number} was withdrawn by the customer",
        description="Nothing has to be set up. Order and opportunity are closed; please close this case.",
    )
