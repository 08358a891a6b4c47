"""How provisioning stands, written to Salesforce for fulfillment (R125, R126, R161, R162, C20)."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_contracts.message import Acknowledged
from portal_contracts.orders import MarkActivating, RecordOutcome
from portal_contracts.problems import CATALOGUE, Refused, staff_text
from portal_orders.metrics import PRICE_MISMATCHES
from portal_orders.order import SalesOrder
from portal_orders.ports import OrderMoved, SalesOrders, Transactions
from portal_orders.take_reading import SoldProducts, TakeReading

MORE_LOOKS: Final = 2
"""How often an order that moves between reading and writing is read again within one command."""


@dataclass(frozen=True, slots=True)
class WriteProgress:
    """Every write looks at the order first, so that repeats do nothing, and takes what it wrote into the read model.

    Others may change the order between the two, and so may a write of ours that was given up: then it looks again.
    """

    sales: SalesOrders
    products: SoldProducts
    take_reading: TakeReading
    transactions: Transactions
    clock: BusinessClock

    async def mark_activating(self, command: MarkActivating) -> Acknowledged:
        """Write Activating unless it stands there (C20). Refused NOT_FOUND or ORDER_NOT_APPROVED."""
        return await self._write(command.order_id, self._activating)

    async def record(self, command: RecordOutcome) -> Acknowledged:
        """Write the outcome; a completed order stays completed whatever comes late. Refused as above or BAD_REQUEST."""

        async def written(order: SalesOrder) -> SalesOrder:
            match command.outcome:
                case "activated":
                    return await self._activated(order, command)
                case "scheduled":
                    return await self._scheduled(order)
                case "blocked" | "failed":
                    return await self._stopped(order, command)

        return await self._write(command.order_id, written)

    async def _activating(self, order: SalesOrder) -> SalesOrder:
        if order.state != "approved":
            raise Refused("ORDER_NOT_APPROVED")
        return order if order.activation == "activating" else await self.sales.write_activating(order)

    async def _scheduled(self, order: SalesOrder) -> SalesOrder:
        """Write the not-started wording back (C38); never over what was activated or has failed."""
        waits = order.state == "approved" and order.activation not in ("activated", "failed")
        clean = order.activation == "not_started" and order.error_code is None and order.error_text is None
        if clean or not waits:
            return order
        return await self.sales.write_not_started(order)

    async def _stopped(self, order: SalesOrder, command: RecordOutcome) -> SalesOrder:
        """Write `CODE: message` and the time (C37)."""
        code = command.code
        if code is None or code not in CATALOGUE:
            raise Refused("BAD_REQUEST")
        if order.state != "approved" or (order.activation == "failed" and order.error_code == code):
            return order
        written = await self.sales.write_failure(order, code, staff_text(code, command.facts), self.clock.now())
        if code == "PRICE_MISMATCH":
            PRICE_MISMATCHES.labels("provisioning").inc()
        return written

    async def _activated(self, order: SalesOrder, command: RecordOutcome) -> SalesOrder:
        """Write order and opportunity. An order that staff cancelled meanwhile is not opened again."""
        if command.whmcs_order_id is None or command.whmcs_service_id is None:
            raise Refused("BAD_REQUEST")
        if order.state not in ("approved", "completed"):
            raise Refused("ORDER_NOT_APPROVED")
        ids = (order.whmcs_order_id, order.whmcs_service_id)
        wanted = (command.whmcs_order_id, command.whmcs_service_id)
        if (order.state, order.activation, ids) == ("completed", "activated", wanted):
            return order
        return await self.sales.write_activated(order, *wanted)

    async def _write(self, order_id: str, work: Callable[[SalesOrder], Awaitable[SalesOrder]]) -> Acknowledged:
        for _ in range(MORE_LOOKS):
            with suppress(OrderMoved):
                return await self._keep(await work(await self._read(order_id)))
        return await self._keep(await work(await self._read(order_id)))

    async def _read(self, order_id: str) -> SalesOrder:
        order = (await self.sales.read([order_id])).get(order_id)
        if order is None:
            raise Refused("NOT_FOUND")
        return order

    async def _keep(self, order: SalesOrder) -> Acknowledged:
        products = await self.products.of([order])
        async with self.transactions() as transaction:
            await self.take_reading(transaction, order, products, ours=True)
        return Acknowledged()
