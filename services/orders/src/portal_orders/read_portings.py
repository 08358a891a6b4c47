from collections.abc import Sequence
from dataclasses import dataclass

from portal_contracts.personal_data_exports import OrderedPorting
from portal_orders.ports import OrderBook, SalesOrders


@dataclass(frozen=True, slots=True)
class ReadPortings:
    """What stands about numbers a customer's orders were to bring along, live, for the customer's own eyes (D17).

    Where the org has no fields for them, the portal's own row has it while the order is open.
    """

    sales: SalesOrders
    book: OrderBook

    async def __call__(self, account_id: str) -> Sequence[OrderedPorting]:
        """Give one for each order with a number to bring along; TryLater while Salesforce is away."""
        kept = {one.order_id: one.porting for one in await self.book.of_account(account_id)}
        found = []
        for order in await self.sales.of_account(account_id):
            if order.state == "draft":
                continue  # no order yet: its customer has not given it
            ordered = kept.get(order.order_id)
            if order.porting is not None and not order.porting.untouched:
                found.append(OrderedPorting(order_id=order.order_id, data=order.porting.data))
            elif ordered is not None:
                found.append(
                    OrderedPorting(order_id=order.order_id, data=ordered.model_dump(mode="json", by_alias=False))
                )
        return found
