"""A Salesforce order on WHMCS's side: its marker, what was found of it, and whether that is right. No I/O.

A line of quantity n becomes n services with the same marker, because AddOrder's own `qty` exists from WHMCS 8.12 on
only.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from portal_contracts.billing import InvoiceState, OrderLine, SubscriptionState
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import Refused

OrderState = Literal["pending", "active", "cancelled", "fraud", "unknown"]
RUNNING: Final[frozenset[SubscriptionState]] = frozenset({"active", "completed"})
"""States of a service that was set up; a one-time one may be completed at once."""

_MARKER: Final = re.compile(r"([A-Za-z0-9]{18})#([0-9]{1,3})")
_CYCLES: Final[dict[str, BillingCycle]] = {"monthly": "monthly", "annually": "annually", "onetime": "one_time"}


@dataclass(frozen=True, slots=True)
class OrderUnit:
    """One service to be made. `ordinal` counts the order's lines from 1."""

    ordinal: int
    line: OrderLine


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """What AddOrder is to make."""

    order_id: str
    client_id: int
    units: tuple[OrderUnit, ...]
    eid: str | None


@dataclass(frozen=True, slots=True)
class FoundService:
    """A service as WHMCS has it. Amounts in yen; `order_id` and `ordinal` come from its marker."""

    id: int
    product_id: int
    state: SubscriptionState
    cycle: BillingCycle | None
    first_payment: int
    recurring: int
    order_id: str | None
    ordinal: int | None
    phone_number: str = ""
    iccid: str = ""

    def amount(self) -> int:
        """Give what one cycle, or the one payment, costs."""
        return self.first_payment if self.cycle == "one_time" else self.recurring


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """A WHMCS order that belongs to a Salesforce order. `amount` in yen."""

    id: int
    state: OrderState
    amount: int
    invoice_id: int | None
    services: tuple[FoundService, ...]

    @property
    def alive(self) -> bool:
        """Whether it may still become, or is, the real one."""
        return self.state in ("pending", "active")


@dataclass(frozen=True, slots=True)
class OrderInvoice:
    """An order's first invoice. Amounts in yen; `charged` sums its lines by service, `gross` is all with tax."""

    id: int
    state: InvoiceState
    charged: Mapping[int, int]
    gross: int


@dataclass(frozen=True, slots=True)
class ServiceNotes:
    """What is written to a service once its order is accepted."""

    service_id: int
    product_id: int
    text: str
    phone_number: str | None = None
    iccid: str | None = None


def marker(order_id: str, ordinal: int) -> str:
    """Give the marker of an order's line (C07): it goes into an admin-only product custom field."""
    return f"{order_id}#{ordinal}"


def read_marker(text: str) -> tuple[str, int] | None:
    """Give the order and line a marker names; None when the text is no marker."""
    found = _MARKER.fullmatch(text.strip())
    return (found[1], int(found[2])) if found else None


def cycle_of(name: str) -> BillingCycle | None:
    """Give our word for a WHMCS cycle in lower case without spaces; None for one the portal does not sell."""
    return _CYCLES.get(name)


def units_of(lines: Sequence[OrderLine]) -> tuple[OrderUnit, ...]:
    """Give the services an order's lines become."""
    return tuple(OrderUnit(ordinal, line) for ordinal, line in enumerate(lines, start=1) for _ in range(line.quantity))


def is_complete(found: FoundOrder, units: Sequence[OrderUnit]) -> bool:
    """Whether an order found has exactly the services it should: PHP can die in the middle of making it."""
    wanted = Counter((unit.ordinal, unit.line.whmcs_product_id) for unit in units)
    return wanted == Counter((service.ordinal, service.product_id) for service in found.services)


def check_markers(order_id: str, found: FoundOrder, units: Sequence[OrderUnit]) -> None:
    """Refuse an order whose services cannot be found again: WHMCS ignores a wrongly mapped field (rule 8)."""
    unmarked = [service for service in found.services if service.order_id != order_id]
    if unmarked:
        raise Refused("MARKER_UNMAPPED", facts={"pid": unmarked[0].product_id})
    if not is_complete(found, units):
        message = f"order {found.id} has other services than the portal asked for"
        raise Refused("WHMCS_ORDER_REFUSED", facts={"message": message})


def check_amounts(found: FoundOrder, units: Sequence[OrderUnit]) -> None:
    """Refuse an order whose services cost anything but what the Salesforce order says, to the yen (I8)."""
    lines = {unit.ordinal: unit.line for unit in units}
    for service in found.services:
        line = lines[service.ordinal or 0]
        wrong = service.cycle != line.billing_cycle or service.amount() != line.unit_price
        if wrong or service.first_payment != line.unit_price:
            billed = service.amount() if service.amount() != line.unit_price else service.first_payment
            raise Refused("PRICE_MISMATCH", facts={"sku": line.sku, "ordered": line.unit_price, "billed": billed})


def check_invoice(found: FoundOrder, units: Sequence[OrderUnit], invoice: OrderInvoice | None) -> None:
    """Refuse an order whose first invoice charges a line, or all of them, other than the Salesforce order says (I8)."""
    lines = {unit.ordinal: unit.line for unit in units}
    charged = {} if invoice is None else invoice.charged
    for service in found.services:
        line, billed = lines[service.ordinal or 0], charged.get(service.id, 0)
        if billed != line.unit_price:
            raise Refused("PRICE_MISMATCH", facts={"sku": line.sku, "ordered": line.unit_price, "billed": billed})
    wanted, billed = total_of(units), 0 if invoice is None else invoice.gross
    if billed != wanted:
        raise Refused("PRICE_MISMATCH", facts={"sku": "total", "ordered": wanted, "billed": billed})


def assigned(order_id: str, found: FoundOrder, units: Sequence[OrderUnit]) -> FoundOrder:
    """Give an order that was perhaps made by hand as if it carried our markers: which service is which line.

    Refused WHMCS_ORDER_NOT_OURS, naming the first difference.
    """
    left, services = list(units), []
    for service in sorted(found.services, key=lambda one: one.order_id is None):
        if service.order_id not in (None, order_id):
            raise _not_ours(found, f"service {service.id} carries the marker of order {service.order_id}")
        unit = next((unit for unit in left if _fits(service, unit)), None)
        if unit is None:
            raise _not_ours(found, f"service {service.id} (product {service.product_id}) is no line of this order")
        left.remove(unit)
        services.append(replace(service, order_id=order_id, ordinal=unit.ordinal))
    if left:
        raise _not_ours(found, f"product {left[0].line.whmcs_product_id} is missing")
    return replace(found, services=tuple(sorted(services, key=lambda one: one.id)))


def check_linkable(order_id: str, found: FoundOrder, units: Sequence[OrderUnit], invoice: OrderInvoice | None) -> None:
    """Refuse WHMCS_ORDER_NOT_OURS unless an order has exactly this order's products and amounts and is not over."""
    if not found.alive:
        raise _not_ours(found, f"it is {found.state}")
    order = assigned(order_id, found, units)
    try:
        check_amounts(order, units)
        check_invoice(order, units, invoice)
    except Refused as problem:
        facts = problem.facts
        difference = f"{facts['sku']} costs {facts['billed']} yen instead of {facts['ordered']} yen"
        raise _not_ours(found, difference) from problem


def _fits(service: FoundService, unit: OrderUnit) -> bool:
    same = service.product_id == unit.line.whmcs_product_id
    return same and (service.ordinal is None or service.ordinal == unit.ordinal)


def _not_ours(found: FoundOrder, difference: str) -> Refused:
    return Refused("WHMCS_ORDER_NOT_OURS", facts={"whmcs_order_id": found.id, "difference": difference})


def total_of(units: Sequence[OrderUnit]) -> int:
    """Give what the whole order costs at first, in yen."""
    return sum(unit.line.unit_price for unit in units)


def main_service(found: FoundOrder, units: Sequence[OrderUnit]) -> FoundService | None:
    """Give the service of the line that is the service itself (C12)."""
    ordinals = {unit.ordinal for unit in units if unit.line.service}
    return next((service for service in found.services if service.ordinal in ordinals), None)
