"""An operator has the read model built anew: every order of Salesforce is looked at again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from portal_chassis.call import Call
from portal_chassis.clocks import BusinessClock
from portal_chassis.operator_actions import Plan
from portal_chassis.postgres import Transaction
from portal_contracts.operators import OperatorOutcome
from portal_contracts.orders_rebuild import RebuildOrders
from portal_orders.ports import Hint, Hints, OrderBook, SalesOrders
from portal_orders.repair_difference import Desk

BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Leaves a hint for each order; the follower reads them, 200 in a call. Rows that are right stay as they are.

    Rows of orders that Salesforce has no more are looked at too: their deletion may have been missed.
    """

    sales: SalesOrders
    book: OrderBook
    hints: Hints
    desk: Desk
    clock: BusinessClock
    hinted: Callable[[], None]

    async def __call__(self, command: RebuildOrders, call: Call) -> OperatorOutcome:
        """Raise TryLater while Salesforce cannot say which orders there are."""
        order_ids = sorted({*await self.sales.changed_since(BEGINNING), *await self.book.order_ids()})

        async def effect(transaction: Transaction) -> None:
            now = self.clock.now()
            for order_id in order_ids:
                await self.hints.add(transaction, Hint(order_id, now))
            transaction.after_commit(self.hinted)

        async def plan(_: Transaction) -> Plan:
            if not order_ids:
                return Plan(())
            return Plan((f"{len(order_ids)} orders are read again from Salesforce.",), effect)

        return await self.desk.carry_out(command, call, plan, target="read model")
