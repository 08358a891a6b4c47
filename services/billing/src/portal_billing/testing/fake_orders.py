"""WHMCS's orders in memory, with a ledger of what really happened, which the code under test cannot see."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from portal_billing.order import (
    DraftOrder,
    FoundOrder,
    FoundService,
    OrderInvoice,
    OrderState,
    ServiceNotes,
    read_marker,
)
from portal_billing.product import SoldProduct
from portal_billing.testing.faults import Fates
from portal_contracts.billing import InvoiceState, SubscriptionState
from portal_contracts.problems import Refused

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the ledger. `key` is the Salesforce order."""

    at: datetime
    kind: str
    key: str
    whmcs_order_id: int


@dataclass(slots=True)
class FakeOrders:
    """The Orders port.

    `closed_clients` may not order; the services of `stuck` orders never become active; `surcharge` is billed on top of
    each price, `fee` on the invoice alone; `keeps_invoices` leaves the invoices of cancelled orders open.
    """

    fates: Fates
    closed_clients: set[int] = field(default_factory=set)
    module_failures: dict[int, list[str]] = field(default_factory=dict)
    stuck: bool = False
    drop_markers: bool = False
    surcharge: int = 0
    fee: int = 0
    keeps_invoices: bool = False
    invoices: dict[int, InvoiceState] = field(default_factory=dict)
    ledger: list[Effect] = field(default_factory=list)
    notes: dict[int, ServiceNotes] = field(default_factory=dict)
    _orders: dict[int, tuple[int, str, FoundOrder]] = field(default_factory=dict)
    _before: dict[int, tuple[int, str, FoundOrder]] = field(default_factory=dict)
    _next: int = 100

    async def search(self, client_id: int, order_id: str) -> Sequence[FoundOrder]:
        """Find by marker."""

        def look() -> Sequence[FoundOrder]:
            ours = [order for owner, _, order in self._orders.values() if owner == client_id]
            return [order for order in ours if any(one.order_id == order_id for one in order.services)]

        return await self.fates.read("search", look, self._old(look))

    async def read(self, client_id: int, whmcs_order_id: int) -> FoundOrder | None:
        """Find by id."""

        def look() -> FoundOrder | None:
            owner, _, order = self._orders.get(whmcs_order_id, (0, "", None))
            return order if owner == client_id else None

        return await self.fates.read("read", look, self._old(look))

    def _old(self, look: Callable[[], R]) -> Callable[[], R]:
        """Look at the orders as they were before the last write."""

        def look_back() -> R:
            now, self._orders = self._orders, self._before
            try:
                return look()
            finally:
                self._orders = now

        return look_back

    async def add(self, draft: DraftOrder, *, send_by: float) -> int:
        """Make a Pending order, however often it is asked."""
        if draft.client_id in self.closed_clients:
            raise Refused("WHMCS_ORDER_REFUSED", facts={"message": "Unable to add order when client status is Closed"})
        return await self.fates.write("AddOrder", lambda: self.make(draft), send_by=send_by)

    def make(self, draft: DraftOrder) -> int:
        """Put an order into the installation."""
        number = self._next
        services = tuple(
            FoundService(
                id=number + index,
                product_id=unit.line.whmcs_product_id,
                state="pending",
                cycle=unit.line.billing_cycle,
                first_payment=unit.line.unit_price + self.surcharge,
                recurring=0 if unit.line.billing_cycle == "one_time" else unit.line.unit_price + self.surcharge,
                order_id=None if self.drop_markers else draft.order_id,
                ordinal=None if self.drop_markers else unit.ordinal,
            )
            for index, unit in enumerate(draft.units)
        )
        total = sum(service.first_payment for service in services)
        order = FoundOrder(number, "pending", total, number + 50, services)
        self._next += 100
        self.invoices[number + 50] = "unpaid"
        self.have(order, draft.client_id, draft.order_id)
        self._record("created", number)
        return number

    def have(self, order: FoundOrder, client_id: int, order_id: str) -> None:
        """Put an order there as it is, by hand."""
        self._before = dict(self._orders)
        self._orders[order.id] = (client_id, order_id, order)

    def forget(self, number: int) -> None:
        """Delete an order, as staff may."""
        self._before = dict(self._orders)
        del self._orders[number]

    async def accept(self, whmcs_order_id: int, *, send_by: float) -> bool:
        """Accept from Pending only."""
        state: SubscriptionState = "pending" if self.stuck else "active"
        return await self.fates.write(
            "AcceptOrder", lambda: self.move(whmcs_order_id, "active", state, "accepted"), send_by=send_by
        )

    async def cancel(self, whmcs_order_id: int, *, send_by: float) -> bool:
        """Cancel from Pending only."""
        return await self.fates.write(
            "CancelOrder", lambda: self.move(whmcs_order_id, "cancelled", "cancelled", "cancelled"), send_by=send_by
        )

    def move(self, number: int, state: OrderState, services: SubscriptionState, kind: str) -> bool:
        """Move a Pending order, as WHMCS and as its staff do."""
        if number not in self._orders:
            return False
        owner, key, order = self._orders[number]
        if order.state != "pending":
            return False
        if state == "cancelled" and order.invoice_id is not None and not self.keeps_invoices:
            self.invoices[order.invoice_id] = "cancelled"
        moved = tuple(replace(service, state=services) for service in order.services)
        self.have(replace(order, state=state, services=moved), owner, key)
        self._record(kind, number)
        return True

    async def failed_set_ups(self, service_id: int) -> Sequence[str]:
        """Name what waits in the module queue."""
        return await self.fates.read("module queue", lambda: self.module_failures.get(service_id, []))

    async def invoice(self, client_id: int, invoice_id: int) -> OrderInvoice | None:
        """Give an invoice with what it charges for each service."""

        def look() -> OrderInvoice | None:
            owner, _, order = next((entry for entry in self._orders.values() if entry[2].invoice_id == invoice_id), _NO)
            if owner != client_id:
                return None
            charged = {service.id: service.first_payment for service in order.services}
            return OrderInvoice(
                invoice_id, self.invoices.get(invoice_id, "unpaid"), charged, sum(charged.values()) + self.fee
            )

        return await self.fates.read("invoice", look)

    async def cancel_invoice(self, invoice_id: int, *, send_by: float) -> None:
        """Cancel an invoice."""
        await self.fates.write(
            "UpdateInvoice", lambda: self.invoices.update({invoice_id: "cancelled"}), send_by=send_by
        )

    async def annotate(self, notes: ServiceNotes) -> None:
        """Keep notes and numbers."""

        def write() -> None:
            self.notes[notes.service_id] = notes
            self._change(notes.service_id, lambda service: _numbered(service, notes))

        await self.fates.write("annotate", write, send_by=math.inf)

    async def mark(self, service_id: int, product_id: int, text: str) -> None:
        """Write a marker."""
        del product_id
        order_id, ordinal = read_marker(text) or (None, None)

        def write() -> None:
            self._change(service_id, lambda service: replace(service, order_id=order_id, ordinal=ordinal))

        await self.fates.write("mark", write, send_by=math.inf)

    def _change(self, service_id: int, change: Callable[[FoundService], FoundService]) -> None:
        for owner, key, order in list(self._orders.values()):
            if any(service.id == service_id for service in order.services):
                services = tuple(change(one) if one.id == service_id else one for one in order.services)
                self.have(replace(order, services=services), owner, key)

    def orders_of(self, order_id: str) -> list[FoundOrder]:
        """Give what really exists of a Salesforce order."""
        return [order for _, key, order in self._orders.values() if key == order_id]

    def effects(self, kind: str, order_id: str) -> list[Effect]:
        """Give what really happened to a Salesforce order."""
        return [effect for effect in self.ledger if (effect.kind, effect.key) == (kind, order_id)]

    def _record(self, kind: str, number: int) -> None:
        self.ledger.append(Effect(self.fates.clock.now(), kind, self._orders[number][1], number))


def _numbered(service: FoundService, notes: ServiceNotes) -> FoundService:
    return replace(service, phone_number=notes.phone_number or service.phone_number, iccid=notes.iccid or service.iccid)


_NO: Final = (0, "", FoundOrder(0, "unknown", 0, None, ()))


@dataclass(slots=True)
class FakeProducts:
    """The Products port."""

    fates: Fates
    products: Mapping[int, SoldProduct] = field(default_factory=dict)

    async def read(self, product_ids: Sequence[int]) -> Mapping[int, SoldProduct]:
        """Give those that exist."""
        return await self.fates.read(
            "GetProducts", lambda: {number: self.products[number] for number in product_ids if number in self.products}
        )
