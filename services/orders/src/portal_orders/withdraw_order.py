"""The customer withdraws an order that waits for its review (§5.7, C40)."""

from dataclasses import dataclass, replace

from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.message import Acknowledged
from portal_contracts.orders_of_customers import WithdrawOrder
from portal_contracts.problems import Refused
from portal_orders import tell_staff
from portal_orders.ask_again import own_order
from portal_orders.order import KeptOrder, SalesOrder
from portal_orders.ports import CommandLog, OrderBook, SalesOrders, Transactions
from portal_orders.take_reading import SoldProducts, TakeReading
from portal_orders.tell_staff import CaseToOpen

NOTE = "Withdrawn by the customer in the portal before approval."


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Cancels order and opportunity in one go.

    The portal's row says first that it is the customer's wish, so that whoever reads the cancelled order first (this
    request, a repeat, the follower after a lost answer) tells it as a withdrawal and not as a rejection.
    """

    transactions: Transactions
    log: CommandLog
    book: OrderBook
    sales: SalesOrders
    products: SoldProducts
    take_reading: TakeReading
    processes: ProcessEngine

    async def __call__(self, command: WithdrawOrder, account_id: str) -> Acknowledged:
        """Refused NOT_FOUND, or ORDER_NOT_WITHDRAWABLE once it was approved or has ended. Harmless to repeat."""
        kept = await own_order(self.book, command.order_id, account_id)
        async with self.transactions() as transaction:
            if await self.log.answered(transaction, command, account_id):
                return Acknowledged()
        order = (await self.sales.read([kept.order_id])).get(kept.order_id)
        if order is None:
            raise Refused("NOT_FOUND")
        written = await self._cancelled(kept, order)
        products = await self.products.of([written])
        async with self.transactions() as transaction:
            if not await self.log.answered(transaction, command, account_id):
                await self.take_reading(transaction, written, products, ours=False)
                await self._tell_staff(transaction, written)
                await self.log.remember(transaction, command, account_id)
        return Acknowledged()

    async def _cancelled(self, kept: KeptOrder, order: SalesOrder) -> SalesOrder:
        if order.state == "cancelled" and kept.withdrawn:
            return order  # an earlier try got through
        if order.state != "pending_review":
            raise Refused("ORDER_NOT_WITHDRAWABLE")
        async with self.transactions() as transaction:
            row = await self.book.lock(transaction, kept.order_id) or kept
            await self.book.save(transaction, replace(row, withdrawn=True))
        return await self.sales.cancel(order, NOTE)

    async def _tell_staff(self, transaction: Transaction, order: SalesOrder) -> None:
        case = CaseToOpen(
            account_id=order.account_id,
            type="general_inquiry",
            title=f"Order {order.order_number} was withdrawn by the customer",
            description="Nothing has to be set up. Order and opportunity are closed; please close this case.",
        )
        await tell_staff.tell(transaction, self.processes, f"withdrawn-{order.order_id}", case)
