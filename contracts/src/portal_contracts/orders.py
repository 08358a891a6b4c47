"""What orders answers and announces: checkout, order status, timeline, and the Salesforce side of provisioning."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from portal_contracts.billing import OrderLine
from portal_contracts.catalog import BillingCycle, Category, ItemClass, LocalizedText, Sku
from portal_contracts.identity import RequestId
from portal_contracts.message import (
    Acknowledged,
    CustomerCommand,
    CustomerQuery,
    Event,
    Message,
    ServiceCommand,
    ServiceQuery,
)
from portal_contracts.porting import NumberPorting
from portal_contracts.values import PERSONAL, Address, LongText, SalesforceId, Yen

LineReference = Annotated[
    str, StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+$"), Field(examples=["line-1"])
]
OptionName = Annotated[str, StringConstraints(max_length=80)]
OptionValue = Annotated[str, StringConstraints(max_length=200)]
MOST_OPTIONS: Final = 20
"""Choices of one line of a cart."""
OrderState = Literal["draft", "pending_review", "approved", "completed", "cancelled", "unknown"]
ActivationState = Literal[
    "not_started",
    "scheduled",
    "awaiting_payment_method",
    "activating",
    "activated",
    "failed",
    "needs_reconciliation",
    "unknown",
]


ProvisionSource = Literal["platform_event", "change_event", "sweeper", "signed_call", "operator", "customer"]
"""Where a signal came from. A customer's only wakes what waits; the sweeper's finds what was lost."""


class CartLine(Message):
    """One line of a cart. Add-ons and fees name the line of their service in `parent` (C12)."""

    reference: LineReference = Field(description="The client's own name for the line, unique in the cart")
    sku: Sku
    quantity: int = Field(default=1, ge=1, le=20)
    parent: LineReference | None = None
    eid: Annotated[str, StringConstraints(max_length=60), PERSONAL] | None = Field(
        default=None, description="EID of the phone for an eSIM; spaces and hyphens are ignored"
    )
    options: Mapping[OptionName, OptionValue] = Field(
        default_factory=dict,
        max_length=MOST_OPTIONS,
        description="Chosen options, e.g. the VPN's region (R089); each must be a choice of the product",
    )
    porting: NumberPorting | None = Field(default=None, description="The number a SIM line brings along (R105)")


class PlacedOrder(Message):
    """One order of a checkout: one service (C12)."""

    order_id: SalesforceId
    order_number: str
    opportunity_id: SalesforceId
    category: Category
    name: LocalizedText
    monthly: Yen
    one_time: Yen


class Checkout(Message):
    """A checkout: `placed` with its orders, or still `working`."""

    checkout_id: str
    state: Literal["placed", "working"]
    orders: Sequence[PlacedOrder] = ()


class CheckOut(CustomerCommand[Checkout]):
    """Order a cart: one Salesforce order and opportunity for each service (R093–R106, C12, C13, C16).

    Without a key the cart's own hash is one for ten minutes. Refused with CART_EMPTY, CART_INVALID (every fault at
    once in `fields`), ADDRESS_NOT_CONFIRMED, PAYMENT_METHOD_MISSING, INTERNET_ALREADY_ORDERED, NOT_ELIGIBLE,
    IDEMPOTENCY_KEY_REUSED, or STEP_UP_REQUIRED when another address than the profile's comes with an old sign-in.
    """

    subject: ClassVar[str] = "orders.checkout.submit.v1"
    key: ClassVar[str] = "idempotency_key"
    idempotency_key: RequestId | None = None
    lines: Sequence[CartLine] = Field(max_length=50)
    address_confirmed: bool = Field(default=False, description="The customer confirmed the installation address (R055)")
    installation_address: Address | None = Field(default=None, description="Another address than the profile's (C09)")
    activate_at: datetime | None = Field(
        default=None, description="Activate then instead of right after approval (R164); refused SCHEDULE_INVALID"
    )
    instructions: Annotated[LongText, StringConstraints(max_length=1000), PERSONAL] | None = Field(
        default=None,
        description="The customer's words to the staff who review the order (R127)",
        examples=["Please call before the technician comes."],
    )


class ReadCheckout(CustomerQuery[Checkout]):
    """See how far a checkout is. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "orders.checkout.read.v1"
    checkout_id: Annotated[str, StringConstraints(max_length=64)]


class OrderItem(Message):
    """One item of an order as it was at checkout (C30)."""

    sku: str
    name: LocalizedText
    item_class: ItemClass
    billing_cycle: BillingCycle
    quantity: int
    unit_price: Yen
    options: Mapping[str, str] = Field(
        default_factory=dict, description="What was chosen, by the catalog's names of choices (R089, R094)"
    )
    option_labels: Mapping[str, LocalizedText] = Field(
        default_factory=dict,
        description="What was chosen in words, by the same names; only what the catalog has some for",
    )


class WhoActs(Message):
    """Who must act next, and what for."""

    owner: Literal["customer", "staff", "us", "vendor", "nobody"]
    text: LocalizedText
    action: str | None = Field(
        default=None, description="Where the customer can fix it, e.g. `/billing/payment-methods`"
    )
    until: datetime | None = Field(default=None, description="By when, or when it is looked at again")


class OrderSummary(Message):
    """An order in a list, in words for the customer (§2.2)."""

    order_id: SalesforceId
    order_number: str
    state: OrderState
    activation: ActivationState | None = Field(description="Hidden before approval (R124)")
    status: LocalizedText
    category: Category | None
    name: LocalizedText
    monthly: Yen
    one_time: Yen
    placed_at: datetime | None
    who_acts: WhoActs


class OrderDetail(OrderSummary):
    """An order with its items and the address of its day."""

    items: Sequence[OrderItem]
    address: Address | None
    problem: str | None = None
    rejection: LocalizedText | None = Field(
        default=None, description="Why staff did not accept it, in curated words, never their raw note (C36)"
    )
    withdrawable: bool = Field(default=False, description="The customer may still withdraw it (§5.7)")
    service_id: int | None = Field(default=None, description="The WHMCS service it became")
    activated_at: datetime | None = None
    timeline_sequence: int


MOST_LISTED: Final = 500
"""Orders of a page, at most and unless fewer are asked for: pages came later than the list."""


def _at_a_moment(cursor: str) -> str:
    """Refuse a day or time that is none."""
    datetime.strptime(cursor.rpartition(".")[0], "%Y-%m-%dT%H:%M:%S.%f%z")
    return cursor


OrderCursor = Annotated[
    str,
    StringConstraints(max_length=80, pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[.]\d{6}Z[.][A-Za-z0-9-]{1,30}$"),
    AfterValidator(_at_a_moment),
    Field(examples=["2026-11-20T01:00:00.000000Z.00001234"]),
]
"""The place after an order in a list, newest first: when it was placed, and its number."""


class OrderList(Message):
    """The caller's orders, newest first."""

    orders: Sequence[OrderSummary]
    next: OrderCursor | None = Field(default=None, description="`after` of the following page; none after the last one")


class ListOrders(CustomerQuery[OrderList]):
    """List the caller's orders, a page at a time."""

    subject: ClassVar[str] = "orders.order.list.v1"
    after: OrderCursor | None = Field(default=None, description="`next` of the page before")
    limit: int = Field(default=MOST_LISTED, ge=1, le=MOST_LISTED, description="Most orders of a page")


class ReadOrder(CustomerQuery[OrderDetail]):
    """Read one of the caller's orders (R098). Refused with NOT_FOUND for anybody else's."""

    subject: ClassVar[str] = "orders.order.read.v1"
    order_id: SalesforceId


class TimelineEntry(Message):
    """One thing that happened to an order, in plain words."""

    sequence: int
    at: datetime
    kind: str = Field(description="A stable name, e.g. `order.placed` or `provisioning.blocked`")
    text: LocalizedText
    actor: str = Field(description="Who did it: customer, staff, portal or a vendor's name")
    who_acts: WhoActs


class Timeline(Message):
    """The entries after a sequence number, oldest first (D12)."""

    order_id: SalesforceId
    entries: Sequence[TimelineEntry]
    last_sequence: int


class ReadTimeline(CustomerQuery[Timeline]):
    """Read what happened to one of the caller's orders after a sequence number. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "orders.timeline.read.v1"
    order_id: SalesforceId
    after: int = Field(default=0, ge=0)


class ProvisioningOrder(Message):
    """An order read live from Salesforce, with all that provisioning needs."""

    order_id: SalesforceId
    order_number: str
    state: OrderState
    activation: ActivationState
    account_id: SalesforceId
    whmcs_client_id: int
    category: Category
    lines: Sequence[OrderLine]
    eid: Annotated[str, PERSONAL] | None = None
    esim: bool = False
    voice: bool = False
    sim_plan: str | None = Field(default=None, description="SKU of the SIM plan, which maps to Freebit's plan code")
    voice_options: Sequence[str] = ()
    porting: NumberPorting | None = None
    sim_card_number: str | None = Field(default=None, description="Printed on a physical SIM card; staff enter it")
    activation_type: Literal["immediate", "scheduled"] = "immediate"
    scheduled_at: datetime | None = Field(default=None, description="When a scheduled order is to start (R164)")
    checkout_traceparent: str | None = None


class ReadOrderForProvisioning(ServiceQuery[ProvisioningOrder]):
    """Read an order live for provisioning. Refused with NOT_FOUND, CUSTOMER_NOT_LINKED or PRODUCT_UNMAPPED."""

    subject: ClassVar[str] = "orders.provisioning.read.v1"
    order_id: SalesforceId


class MarkActivating(ServiceCommand[Acknowledged]):
    """Write Activating to Salesforce unless it already stands there (C20)."""

    subject: ClassVar[str] = "orders.provisioning.mark_activating.v1"
    key: ClassVar[str] = "order_id"
    order_id: SalesforceId
    attempt: int


class RecordOutcome(ServiceCommand[Acknowledged]):
    """Write how provisioning stands to Salesforce: Order and Opportunity in one composite (R125, R126, R161, R162)."""

    subject: ClassVar[str] = "orders.provisioning.record_outcome.v1"
    key: ClassVar[str] = "order_id"
    order_id: SalesforceId
    attempt: int
    outcome: Literal["activated", "blocked", "failed", "scheduled"] = Field(
        description="`scheduled` writes the not-started wording back (C38)"
    )
    code: str | None = Field(default=None, description="Problem code of a blocked or failed order")
    facts: Mapping[str, str | int] = Field(default_factory=dict)
    whmcs_order_id: int | None = None
    whmcs_service_id: int | None = None


class OrderMail(Message):
    """What a mail about an order says."""

    order_number: str
    account_id: SalesforceId
    name: LocalizedText
    items: Sequence[OrderItem]
    monthly: Yen
    one_time: Yen
    rejection: LocalizedText | None = Field(default=None, description="Curated reason, never staff's raw note (C36)")


class ReadOrderMail(ServiceQuery[OrderMail]):
    """Read what a mail about an order says, when it is sent. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "orders.mail.read.v1"
    order_id: SalesforceId


class OrderPlaced(Event):
    """A customer's order stands in Salesforce as Pending Review."""

    subject: ClassVar[str] = "orders.order.placed.v1"
    order_id: SalesforceId
    account_id: SalesforceId


class ProvisionRequested(Event):
    """An Approved order should be looked at by fulfillment; many sources, harmless to repeat (C01)."""

    subject: ClassVar[str] = "orders.order.provision_requested.v1"
    order_id: SalesforceId
    source: ProvisionSource
    request_id: str = Field(description="Id of the signal, e.g. the event's UUID")
    requested_by: str = Field(default="", description="RequestedBy__c or who called (R149)")
    correlation_id: str = Field(default="", description="CorrelationId__c (R148)")
    occurred_at: datetime


class OrderRejected(Event):
    """Staff cancelled an order before approval (R129, R265)."""

    subject: ClassVar[str] = "orders.order.rejected.v1"
    order_id: SalesforceId
    account_id: SalesforceId


class OrderWithdrawn(Event):
    """An order that waited or was being set up ended without a rejection; told once for each such end (§5.7, C40)."""

    subject: ClassVar[str] = "orders.order.withdrawn.v1"
    order_id: SalesforceId
    account_id: SalesforceId
    why: Literal["withdrawn", "cancelled", "removed"] = Field(
        description="By the customer before approval; by staff after it; no longer in Salesforce"
    )


class TimelineGrew(Event):
    """An order's timeline has a new entry; a hint to read it."""

    subject: ClassVar[str] = "orders.timeline.grew.v1"
    order_id: SalesforceId
    sequence: int
