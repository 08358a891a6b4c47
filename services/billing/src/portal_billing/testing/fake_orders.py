"""WHMCS's orders in memory, with a ledger of what really happened, which the code under test cannot see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from portal_billing.order import DraftOrder, FoundOrder, FoundService, OrderState, ServiceNotes
from portal_billing.product import SoldProduct
from portal_billing.testing.faults import Fates
from portal_contracts.billing import SubscriptionState
from portal_contracts.problems import Refused


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the ledger. `key` is the Salesforce order."""

    at: datetime
    kind: str
    key: str
    whmcs_order_id: int


@dataclass(slots=True)
class FakeOrders:
    """The Orders port. `closed_clients` may not order; `stuck_services` never become active."""

    fates: Fates
    closed_clients: set[int] = field(default_factory=set)
    module_failures: dict[int, list[str]] = field(default_factory=dict)
    stuck: bool = False
    drop_markers: bool = False
    surcharge: int = 0
    ledger: list[Effect] = field(default_factory=list)
    notes: dict[int, ServiceNotes] = field(default_factory=dict)
    _orders: dict[int, tuple[int, str, FoundOrder]] = field(default_factory=dict)
    _next: int = 100

    async def search(self, client_id: int, order_id: str) -> Sequence[FoundOrder]:
        """Find by marker."""

        def look() -> Sequence[FoundOrder]:
            ours = [order for owner, _, order in self._orders.values() if owner == client_id]
            return [order for order in ours if any(one.order_id == order_id for one in order.services)]

        return await self.fates.read("search", look)

    async def read(self, client_id: int, whmcs_order_id: int) -> FoundOrder | None:
        """Find by id."""

        def look() -> FoundOrder | None:
            owner, _, order = self._orders.get(whmcs_order_id, (0, "", None))
            return order if owner == client_id else None

        return await self.fates.read("read", look)

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
        self._orders[number] = (draft.client_id, draft.order_id, order)
        self._record("created", number)
        return number

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
        moved = tuple(replace(service, state=services) for service in order.services)
        self._orders[number] = (owner, key, replace(order, state=state, services=moved))
        self._record(kind, number)
        return True

    async def failed_set_ups(self, service_id: int) -> Sequence[str]:
        """Name what waits in the module queue."""
        return await self.fates.read("module queue", lambda: self.module_failures.get(service_id, []))

    async def invoiced(self, invoice_id: int, service_ids: Sequence[int]) -> int:
        """Sum the invoice's lines."""

        def look() -> int:
            _, _, order = self._orders[invoice_id - 50]
            return sum(service.first_payment for service in order.services if service.id in service_ids)

        return await self.fates.read("invoice", look)

    async def annotate(self, notes: ServiceNotes) -> None:
        """Keep notes and numbers."""
        await self.fates.read("annotate", lambda: self.notes.update({notes.service_id: notes}))
        for number, (owner, key, order) in self._orders.items():
            kept = tuple(_numbered(service, notes) for service in order.services)
            self._orders[number] = (owner, key, replace(order, services=kept))

    def orders_of(self, order_id: str) -> list[FoundOrder]:
        """Give what really exists of a Salesforce order."""
        return [order for _, key, order in self._orders.values() if key == order_id]

    def effects(self, kind: str, order_id: str) -> list[Effect]:
        """Give what really happened to a Salesforce order."""
        return [effect for effect in self.ledger if (effect.kind, effect.key) == (kind, order_id)]

    def _record(self, kind: str, number: int) -> None:
        self.ledger.append(Effect(self.fates.clock.now(), kind, self._orders[number][1], number))


def _numbered(service: FoundService, notes: ServiceNotes) -> FoundService:
    if service.id != notes.service_id:
        return service
    return replace(service, phone_number=notes.phone_number or service.phone_number, iccid=notes.iccid or service.iccid)


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
