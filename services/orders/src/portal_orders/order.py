"""An order as the portal keeps it, and what follows from its facts. No I/O.

Two axes (R170): the business state and the activation. What is shown depends on the time as well, so the facts are kept
and the shown value is derived when somebody asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from pydantic import BaseModel

from portal_contracts.catalog import BillingCycle, Category, ItemClass, LocalizedText, SoldProduct
from portal_contracts.fulfillment import ProvisioningStage
from portal_contracts.orders import ActivationState, OrderItem, OrderState
from portal_contracts.porting import NumberPorting
from portal_contracts.values import Address
from portal_orders.porting import PortingOnFile

PAYMENT_MISSING: Final = "PAYMENT_METHOD_MISSING"
OPEN_STATES: Final[frozenset[OrderState]] = frozenset({"draft", "pending_review", "approved"})
UNDER_WAY: Final[frozenset[OrderState]] = frozenset({"pending_review", "approved"})
"""What a customer sees as not ended: a draft is the sales staff's own."""
BEFORE_APPROVAL: Final[frozenset[OrderState]] = frozenset({"draft", "pending_review"})

ReadActivation = Literal["not_started", "activating", "activated", "failed", "unknown"]
"""What the sales system can say about activation; the other states follow from codes, dates and time (C03)."""


class KeptItem(BaseModel):
    """An item with the names and classes of its day (C30)."""

    product_id: str
    sku: str
    name: LocalizedText
    category: Category
    item_class: ItemClass
    billing_cycle: BillingCycle
    quantity: int
    unit_price: int
    esim: bool = False
    config_options: dict[int, int] = {}
    """WHMCS's configurable options as they were when it was ordered, by their ids (R087)."""
    options: dict[str, str] = {}
    """What the customer chose, by the catalog's names (R089, R094)."""
    option_labels: dict[str, LocalizedText] = {}
    """The catalog's words for it, by the same names; rows of old have none."""
    key: str | None = None
    """The sales system's key of it, which keeps two items of one product apart; rows of old have none."""

    @property
    def amount(self) -> int:
        """Whole yen for all of the quantity."""
        return self.quantity * self.unit_price

    def shown(self) -> OrderItem:
        """Give the item as customers see it."""
        return OrderItem(
            sku=self.sku,
            name=self.name,
            item_class=self.item_class,
            billing_cycle=self.billing_cycle,
            quantity=self.quantity,
            unit_price=self.unit_price,
            options=self.options,
            option_labels=self.option_labels,
        )


@dataclass(frozen=True, slots=True)
class SalesItem:
    """An item as the sales system has it now. `unit_price` is in yen; staff may type a fraction."""

    product_id: str
    quantity: int
    unit_price: Decimal
    options: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What was chosen, where the org has a field for it (C30)."""
    key: str | None = field(default=None, compare=False)
    """The portal's key of it; items that staff add have none."""


@dataclass(frozen=True, slots=True)
class SalesOrder:
    """An order as the sales system has it now, in our words."""

    order_id: str
    account_id: str
    order_number: str
    key: str | None
    opportunity_id: str | None
    state: OrderState
    activation: ReadActivation
    changed_at: datetime
    """Its last change there; an older reading never overwrites a newer one."""
    created_at: datetime
    items: tuple[SalesItem, ...] = ()
    error_code: str | None = None
    error_text: str | None = None
    error_at: datetime | None = None
    whmcs_order_id: int | None = None
    whmcs_service_id: int | None = None
    keeps_schedule: bool = True
    """Whether the org has fields for a schedule; without them the portal's own row says when (C17)."""
    scheduled: bool = False
    scheduled_at: datetime | None = None
    eid: str | None = None
    sim_card_number: str | None = None
    porting: PortingOnFile | None = None
    address: Address | None = None
    rejection_reason: str = ""
    """Staff's own words: for Salesforce alone, never for the customer (C36)."""
    description: str = field(default="", repr=False)
    """All that stands in it: the portal's review card, the customer's instructions, staff's notes."""
    priority: bool = False
    """Whether staff marked it so, where the org has a field for it (C31)."""


ENDED: Final[frozenset[ProvisioningStage]] = frozenset({"failed", "withdrawn", "cancelled"})
"""Stages after which an attempt is over without a service."""
_LINE_IS_LIVE: Final[frozenset[ProvisioningStage]] = frozenset({"sim_active", "accepted"})


@dataclass(frozen=True, slots=True)
class KeptProgress:
    """How far fulfillment said it was, last. `past_pivot`: this attempt cannot go back any more (C19)."""

    attempt: int
    stage: ProvisioningStage
    at: datetime
    code: str | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)
    until: datetime | None = None
    past_pivot: bool = False

    @property
    def ended(self) -> bool:
        """Whether the attempt is over without a service: only an explicit retry opens another (§2.1)."""
        return self.stage in ENDED

    @property
    def being_activated(self) -> bool:
        """Whether the mobile operator has been asked, so that what was ordered cannot change any more."""
        return self.past_pivot or self.stage == "sim_requested"

    def first(self) -> "KeptProgress":
        """Give it as the first thing heard of an order."""
        return replace(self, past_pivot=self.stage in _LINE_IS_LIVE)

    def after(self, said: "KeptProgress") -> "KeptProgress":
        """Give how far it is when fulfillment said something else; what was overtaken on the way changes nothing."""
        if said.attempt < self.attempt:
            return self
        live = said.attempt == self.attempt and (self.past_pivot or said.stage in _LINE_IS_LIVE)
        newest = self if said.attempt == self.attempt and said.at < self.at else said
        return replace(newest, past_pivot=live)


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order in the portal's own read model."""

    order_id: str
    account_id: str
    order_number: str
    key: str | None
    opportunity_id: str | None
    state: OrderState
    activation: ReadActivation
    changed_at: datetime
    placed_at: datetime
    items: tuple[KeptItem, ...] = ()
    error_code: str | None = None
    error_text: str | None = None
    error_at: datetime | None = None
    whmcs_order_id: int | None = None
    whmcs_service_id: int | None = None
    scheduled: bool = False
    scheduled_at: datetime | None = None
    eid: str | None = None
    porting: NumberPorting | None = None
    """The number to bring along as it was ordered or last changed by the customer; forgotten when all is done."""
    address: Address | None = None
    traceparent: str | None = None
    activating_since: datetime | None = None
    activated_at: datetime | None = None
    parked: bool = False
    """Fulfillment waits for a person."""
    requested_at: datetime | None = None
    """When provisioning was last asked for."""
    progressed_at: datetime | None = None
    """When fulfillment was last heard of."""
    progress: KeptProgress | None = None
    """How far fulfillment is."""
    rejected: bool = False
    """Cancelled before it was approved."""
    rejection: str | None = None
    """Code of the curated reason, where staff gave one (C36)."""
    withdrawn: bool = False
    """Cancelled before it was approved because its customer wished so; true from the wish on."""
    gone: bool = False
    """Deleted in the sales system."""
    put_right: int = 0
    """How often the sales system was told again that the finished order is active."""

    @property
    def finished(self) -> bool:
        """Whether it was completed and activated, whatever the sales system says of it later."""
        return self.state == "completed" and self.activated_at is not None

    @property
    def service(self) -> KeptItem | None:
        """The item that is the service itself (C12)."""
        return next((item for item in self.items if item.item_class == "service"), None)

    @property
    def category(self) -> Category | None:
        """The service's category; without a service the first item's."""
        item = self.service or next(iter(self.items), None)
        return item.category if item else None

    @property
    def name(self) -> LocalizedText:
        """The service's name; the order number stands in for it."""
        item = self.service or next(iter(self.items), None)
        return item.name if item else LocalizedText(en=self.order_number, ja=self.order_number)


def monthly_and_one_time(items: Iterable[KeptItem]) -> tuple[int, int]:
    """Give what is paid each month and what is paid at once, in yen; a yearly fee is paid at once."""
    listed = list(items)
    monthly = sum(item.amount for item in listed if item.billing_cycle == "monthly")
    return monthly, sum(item.amount for item in listed) - monthly


def shown_activation(
    order: KeptOrder | SalesOrder, now: datetime, *, stuck_after: timedelta | None = None
) -> ActivationState:
    """Derive the canonical activation state (C03, C04, C38, §2.2)."""
    if order.activation == "failed":
        return "awaiting_payment_method" if order.error_code == PAYMENT_MISSING else "failed"
    if order.activation in ("activated", "unknown"):
        return order.activation
    if waits_for_its_time(order, now):
        return "scheduled"
    if isinstance(order, KeptOrder) and order.state == "approved":
        since = order.activating_since
        if order.parked or (since is not None and stuck_after is not None and now - since > stuck_after):
            return "needs_reconciliation"
    return order.activation


def waits_for_its_time(order: KeptOrder | SalesOrder, now: datetime) -> bool:
    """Say whether an approved order is scheduled for later: facts decide, whatever the activation says (C38)."""
    return (
        order.state == "approved"
        and order.scheduled
        and order.scheduled_at is not None
        and order.scheduled_at > now
        and order.activation in ("not_started", "activating")
    )


def schedule_of(sales: SalesOrder, kept: KeptOrder | None) -> tuple[bool, datetime | None]:
    """Say whether and for when an order is scheduled: the org's fields, or the portal's own row without them (C17)."""
    if sales.keeps_schedule or kept is None:
        return sales.scheduled, sales.scheduled_at
    return kept.scheduled, kept.scheduled_at


def keep_items(
    items: Sequence[SalesItem], known: Sequence[KeptItem], products: Sequence[SoldProduct]
) -> tuple[KeptItem, ...]:
    """Join the sales system's items with names and classes: those of their day where kept, else the catalog's.

    An item of a product nobody knows is left out.
    """
    sold = {product.product_id: product for product in products}
    joined: list[tuple[int, KeptItem]] = []
    for item, place in zip(items, places_of(items, known), strict=True):
        price = int(item.unit_price.to_integral_value())
        if place is not None:
            update = {"quantity": item.quantity, "unit_price": price}
            joined.append((place, known[place].model_copy(update=update)))
        elif item.product_id in sold:
            joined.append((len(known), _kept_item(sold[item.product_id], item, price)))
    return tuple(kept for _, kept in sorted(joined, key=lambda pair: pair[0]))


def places_of(items: Sequence[SalesItem], known: Sequence[KeptItem]) -> Sequence[int | None]:
    """Give the place of each item among the kept ones; None for one that came later.

    The key decides; rows of old, which have none, are found by their product, one after the other.
    """
    keyed = {kept.key: place for place, kept in enumerate(known) if kept.key is not None}
    old: dict[str, list[int]] = {}
    for place, kept in enumerate(known):
        if kept.key is None:
            old.setdefault(kept.product_id, []).append(place)
    return [keyed[item.key] if item.key in keyed else _first(old.get(item.product_id)) for item in items]


def _first(places: list[int] | None) -> int | None:
    return places.pop(0) if places else None


def config_options_of(product: SoldProduct, chosen: Mapping[str, str]) -> dict[int, int]:
    """Give WHMCS's configurable options of an order that chose so; what was not chosen is left to WHMCS (R087)."""
    found = {
        one.option_id: one.value_id or one.values.get(chosen.get(one.choice or "", ""))
        for one in product.config_options
    }
    return {option: value for option, value in found.items() if value is not None}


def option_labels_of(product: SoldProduct, chosen: Mapping[str, str]) -> dict[str, LocalizedText]:
    """Give what was chosen in the catalog's words (R089); what it has none for, such as staff's own, is left out."""
    return {
        one.name: value.label for one in product.choices for value in one.values if value.value == chosen.get(one.name)
    }


def _kept_item(product: SoldProduct, item: SalesItem, price: int) -> KeptItem:
    return KeptItem(
        product_id=product.product_id,
        sku=product.sku,
        name=product.name,
        category=product.category,
        item_class=product.item_class,
        billing_cycle=product.billing_cycle,
        quantity=item.quantity,
        unit_price=price,
        esim=product.esim,
        config_options=config_options_of(product, item.options),
        options=dict(item.options),
        option_labels=option_labels_of(product, item.options),
        key=item.key,
    )
