"""Sees to it that Salesforce goes on saying of a finished order that it is active."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_contracts.catalog import SoldProduct
from portal_orders import timeline
from portal_orders.order import KeptOrder, ReadActivation, SalesOrder
from portal_orders.ports import OrderBook, SalesOrders
from portal_orders.take_reading import TakeReading

MOST_TIMES: Final = 3
"""Whoever says otherwise again and again is somebody to talk to: the comparison lists the order for staff (D14)."""
_OTHERWISE: Final[frozenset[ReadActivation]] = frozenset({"not_started", "activating", "failed"})
"""Not `unknown`: an org that words its picklist anew is no reason to write."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StayActive:
    """Writes again what the portal knows, whoever wrote otherwise: provisioning is over and nobody else would look."""

    book: OrderBook
    sales: SalesOrders
    take_reading: TakeReading
    clock: BusinessClock

    async def __call__(self, kept: KeptOrder | None, reading: SalesOrder) -> SalesOrder | None:
        """Give the order as it was written again; None when there is nothing to write."""
        if kept is None or not kept.finished or reading.state != "completed" or reading.activation not in _OTHERWISE:
            return None
        if kept.put_right >= MOST_TIMES:
            _log.error("a finished order is said to be inactive again", alert=True, order_id=reading.order_id)
            return None
        _log.warning("a finished order is said to be inactive", order_id=reading.order_id, says=reading.activation)
        return await self.sales.write_activation_again(reading)

    async def note(self, transaction: Transaction, written: SalesOrder, products: Sequence[SoldProduct]) -> None:
        """Take what was written into the read model, count it and tell."""
        order = await self.take_reading(transaction, written, products, ours=True)
        await self.book.save(transaction, replace(order, put_right=order.put_right + 1))
        await self.take_reading.tell(transaction, written.order_id, timeline.put_right(self.clock.now()))
