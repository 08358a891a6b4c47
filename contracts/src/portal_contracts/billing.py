"""What billing answers: clients, payment methods, invoices, subscriptions and the WHMCS order protocol."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from portal_contracts.billing_answers import Dated, Freshness, InvoiceTotals
from portal_contracts.catalog import BillingCycle
from portal_contracts.identity import RequestId
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Message, ServiceCommand, ServiceQuery
from portal_contracts.values import (
    PERSONAL,
    Address,
    CustomerNumber,
    EmailAddress,
    Line,
    Locale,
    PersonName,
    PhoneNumber,
    SalesforceId,
    Yen,
)

PositiveId = Annotated[int, Field(ge=1, le=2_147_483_647)]


class ClientEnsured(Message):
    """The WHMCS client of a customer."""

    whmcs_client_id: int


class EnsureClient(ServiceCommand[ClientEnsured]):
    """Make the customer's WHMCS client, once whatever is lost on the way (D04, D05).

    TryLater while an unclear AddClient is being looked up. Refused with BILLING_ACCOUNT_EXISTS when the e-mail or the
    number belongs to a client the portal did not make (R023).
    """

    subject: ClassVar[str] = "billing.client.ensure.v1"
    key: ClassVar[str] = "customer_number"
    customer_number: CustomerNumber
    email: EmailAddress
    name: PersonName
    company: Annotated[Line, PERSONAL] = ""
    phone: PhoneNumber | None = None
    address: Address
    locale: Locale


class ClientProfile(Dated):
    """A customer's billing profile as WHMCS has it (R053)."""

    name: PersonName
    company: Annotated[str, PERSONAL] = ""
    email: EmailAddress
    phone: Annotated[str, PERSONAL] = ""
    address: Address | None = Field(description="Missing when WHMCS has none that fits a Japanese address")
    credit: int | None = Field(default=None, description="Credit that coming invoices use up, whole yen")


class ReadProfile(CustomerQuery[ClientProfile]):
    """Read the caller's billing profile."""

    subject: ClassVar[str] = "billing.profile.read.v1"


class ReadClientProfile(ServiceQuery[ClientProfile]):
    """Read a client's billing profile live, for the address snapshot of an order (R054)."""

    subject: ClassVar[str] = "billing.client.read.v1"
    whmcs_client_id: PositiveId


class ChangeClientAddress(ServiceCommand[Acknowledged]):
    """Write a new address to WHMCS (R007, C09)."""

    subject: ClassVar[str] = "billing.client.change_address.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    whmcs_client_id: PositiveId
    address: Address


class ChangeOwnAddress(CustomerCommand[ClientProfile]):
    """Change the caller's billing address in WHMCS and give the profile as WHMCS has it then (R007, R057).

    Refused with BAD_REQUEST naming what WHMCS does not accept; TryLater IN_PROGRESS while another change is written.
    """

    subject: ClassVar[str] = "billing.profile.change_address.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    address: Address


class PaymentMethod(Message):
    """A stored card or account, never its number (R065)."""

    id: int
    kind: Literal["card", "bank_account", "unknown"]
    description: str
    last_four: str | None = None
    brand: str | None = None
    expires: str | None = Field(default=None, description="Month and year, MM/YY")
    usable: bool = Field(description="Not expired")


class PaymentMethodList(Dated):
    """The caller's payment methods."""

    payment_methods: Sequence[PaymentMethod]


class ListPaymentMethods(CustomerQuery[PaymentMethodList], Freshness):
    """List the caller's payment methods."""

    subject: ClassVar[str] = "billing.payment_method.list.v1"


class PaymentMethodsSummary(Dated):
    """Whether the customer can pay (R063)."""

    has_payment_method: bool
    count: int


class ReadPaymentMethodsSummary(CustomerQuery[PaymentMethodsSummary], Freshness):
    """Tell whether the caller has a usable payment method (R063)."""

    subject: ClassVar[str] = "billing.payment_method.summary.v1"


class CheckPaymentMethod(ServiceQuery[PaymentMethodsSummary]):
    """Tell, live from WHMCS and never from a cache, whether a client can pay (R064, R066)."""

    subject: ClassVar[str] = "billing.payment_method.check.v1"
    whmcs_client_id: PositiveId


class PaymentGateway(Message):
    """A way to pay that the installation offers (R072)."""

    code: str
    name: str


class PaymentGatewayList(Dated):
    """The ways to pay on offer."""

    gateways: Sequence[PaymentGateway]


class ListPaymentGateways(CustomerQuery[PaymentGatewayList]):
    """List the ways to pay."""

    subject: ClassVar[str] = "billing.gateway.list.v1"


SsoDestination = Literal[
    "home", "payment_methods", "add_payment_method", "invoices", "invoice", "services", "service", "profile"
]


class SsoLink(Message):
    """A single-use link into WHMCS, good for 60 s; never cached, logged or mailed (D03)."""

    url: str = Field(repr=False)
    expires_in: int = Field(default=60, description="Seconds")


class MintSsoLink(CustomerCommand[SsoLink]):
    """Mint a link into WHMCS for the caller (R062, R069–R071).

    `invoice` and `service` need their id, which must be the caller's: NOT_FOUND otherwise. At most five in a minute,
    then TryLater with RATE_LIMITED; every link is written down, never its token.
    """

    subject: ClassVar[str] = "billing.sso_link.mint.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    destination: SsoDestination
    invoice_id: PositiveId | None = None
    service_id: PositiveId | None = None


InvoiceState = Literal[
    "unpaid", "paid", "overdue", "cancelled", "refunded", "collections", "payment_pending", "unknown"
]


class InvoiceLine(Message):
    """One line of an invoice."""

    description: str
    amount: int = Field(description="Whole yen; credits are negative")
    service_id: int | None = None
    taxed: bool | None = None


class Payment(Message):
    """A payment or refund recorded on an invoice."""

    paid_on: date | None
    gateway: str
    amount: int = Field(description="Whole yen; refunds are negative")


class Invoice(Message):
    """An invoice in a list (R203)."""

    id: int
    number: str
    state: InvoiceState
    issued_on: date | None
    due_on: date | None
    paid_at: datetime | None
    total: int
    currency: str = "JPY"


class InvoiceDetail(Dated, Invoice):
    """An invoice with its lines and payments."""

    subtotal: int
    tax: int
    credit: int
    balance: int
    lines: Sequence[InvoiceLine]
    payments: Sequence[Payment]
    tax_percent: float | None = Field(default=None, description="Rate of the consumption tax")


class InvoiceList(Dated):
    """The caller's invoices, newest first."""

    invoices: Sequence[Invoice]
    total: int = Field(description="How many fit the filter")
    totals: InvoiceTotals | None = None


class ListInvoices(CustomerQuery[InvoiceList], Freshness):
    """List the caller's invoices (R203, R206)."""

    subject: ClassVar[str] = "billing.invoice.list.v1"
    state: InvoiceState | None = None
    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=50, ge=1, le=200)
    only_open: bool = Field(default=False, description="Only what is still to be paid")
    issued_from: date | None = None
    issued_until: date | None = None


class ReadInvoice(CustomerQuery[InvoiceDetail], Freshness):
    """Read one of the caller's invoices. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "billing.invoice.read.v1"
    invoice_id: PositiveId


SubscriptionState = Literal[
    "pending", "active", "suspended", "terminated", "cancelled", "completed", "fraud", "unknown"
]


class Subscription(Dated):
    """A service the customer pays for (R205)."""

    service_id: int
    name: str
    group: str
    whmcs_product_id: int
    state: SubscriptionState
    billing_cycle: str
    amount: int = Field(description="Whole yen a cycle")
    started_on: date | None
    next_due_on: date | None
    order_id: SalesforceId | None = Field(
        default=None, description="The Salesforce order it came from, where the marker says so"
    )


class SubscriptionList(Dated):
    """The caller's subscriptions."""

    subscriptions: Sequence[Subscription]


class ListSubscriptions(CustomerQuery[SubscriptionList], Freshness):
    """List the caller's subscriptions (R205, R206)."""

    subject: ClassVar[str] = "billing.subscription.list.v1"


class ReadSubscription(CustomerQuery[Subscription], Freshness):
    """Read one of the caller's subscriptions. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "billing.subscription.read.v1"
    service_id: PositiveId


class ListClientServices(ServiceQuery[SubscriptionList]):
    """List a client's services live, for the rule of one Internet line (C14)."""

    subject: ClassVar[str] = "billing.service.list.v1"
    whmcs_client_id: PositiveId


class BillingProduct(Message):
    """What WHMCS knows of a product."""

    whmcs_product_id: int
    exists: bool
    marker_mapped: bool = Field(
        description="Its orders can carry the Salesforce order id, so it may be sold (MARKER_UNMAPPED)"
    )
    prices: Mapping[BillingCycle, Yen] = Field(description="Price for each cycle on offer")


class BillingProducts(Message):
    """The products asked for, each once."""

    products: Sequence[BillingProduct]


class ListBillingProducts(ServiceQuery[BillingProducts]):
    """Tell whether products exist in WHMCS, at what price, and whether their orders can be found again."""

    subject: ClassVar[str] = "billing.product.list.v1"
    whmcs_product_ids: Sequence[PositiveId]


class OrderLine(Message):
    """One line of an order as WHMCS is to have it."""

    sku: str
    whmcs_product_id: PositiveId
    billing_cycle: BillingCycle
    quantity: int = Field(ge=1, le=20)
    unit_price: Yen
    service: bool = Field(description="The line that is the service itself; exactly one (C12)")
    config_options: dict[PositiveId, PositiveId] = Field(
        default_factory=dict, description="WHMCS's configurable options and the value of each, by their ids (R087)"
    )


class OrderProtocolState(Message):
    """How far WHMCS's side of an order is. `working` says to ask again after `again_at`."""

    state: Literal["done", "working"]
    again_at: datetime | None = Field(default=None, description="When asking again makes sense, business clock")
    whmcs_order_id: int | None = None
    whmcs_invoice_id: int | None = None
    service_id: int | None = Field(default=None, description="The service of the line that is the service itself")
    service_ids: Sequence[int] = ()


class ReserveOrder(ServiceCommand[OrderProtocolState]):
    """Have exactly one Pending WHMCS order for a Salesforce order (D01). Harmless to repeat.

    Refused with MARKER_UNMAPPED, PRODUCT_UNMAPPED, PRICE_MISMATCH, WHMCS_ORDER_REFUSED, WHMCS_ORDER_CANCELLED,
    WHMCS_ORDER_UNCLEAR (twice unclear: a person decides) or PROVISIONING_CANCELLED (an operator did, until released).
    """

    subject: ClassVar[str] = "billing.order.reserve.v1"
    key: ClassVar[str] = "order_id"
    order_id: SalesforceId
    generation: int = Field(description="The caller's lease generation; an older one is refused late")
    whmcs_client_id: PositiveId
    lines: Sequence[OrderLine] = Field(min_length=1, max_length=20)
    eid: Annotated[str, PERSONAL] | None = None


class AcceptOrder(ServiceCommand[OrderProtocolState]):
    """Accept the order's one winner and see that its service is active and its amounts right to the yen (D02)."""

    subject: ClassVar[str] = "billing.order.accept.v1"
    key: ClassVar[str] = "order_id"
    order_id: SalesforceId
    generation: int
    phone_number: Annotated[str, PERSONAL] | None = Field(
        default=None, description="The SIM line's number, kept with the service"
    )
    iccid: Annotated[str, PERSONAL] | None = None


class ReleaseOrder(ServiceCommand[OrderProtocolState]):
    """Cancel the order's reservation before the pivot. Done when there is nothing to cancel."""

    subject: ClassVar[str] = "billing.order.release.v1"
    key: ClassVar[str] = "order_id"
    order_id: SalesforceId
    generation: int
    reason: str
