"""Operators' view of billing's WHMCS order protocol and their three buttons; what a comparison of systems reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from portal_contracts.billing import OrderLine, SubscriptionState
from portal_contracts.catalog import BillingCycle
from portal_contracts.message import Event, Message, ServiceQuery
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission
from portal_contracts.provisioning import JournalEntry
from portal_contracts.values import CustomerNumber, SalesforceId, Yen


class FoundWhmcsOrder(Message):
    """A WHMCS order that carries the marker of a Salesforce order, and what billing decided about it."""

    whmcs_order_id: int
    state: Literal["pending", "active", "cancelled", "fraud", "unknown"]
    amount: Yen
    invoice_id: int | None = None
    service_ids: Sequence[int] = ()
    verdict: Literal["winner", "extra", "undecided"]


class WhmcsOrderFile(Message):
    """The evidence of an order's protocol: what was wanted, decided and journalled, and what WHMCS has now."""

    order_id: SalesforceId
    whmcs_client_id: int
    goal: str
    phase: str
    round: int
    code: str | None = None
    lines: Sequence[OrderLine]
    found: Sequence[FoundWhmcsOrder] | None = Field(description="None when WHMCS could not be asked")
    journal: Sequence[JournalEntry]


class ReadWhmcsOrder(OperatorQuery[WhmcsOrderFile]):
    """Show the evidence of one order. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "billing.order.file.v1"
    permission: ClassVar[Permission] = "provisioning.read"
    order_id: SalesforceId


class LinkWhmcsOrder(OperatorCommand[OperatorOutcome]):
    """Take an existing WHMCS order, perhaps made by hand, as the one of a Salesforce order; it becomes the winner.

    Refused with NOT_FOUND, WHMCS_ORDER_NOT_OURS (another client, other products or amounts, or another order's
    marker) or PROVISIONING_ENDED.
    """

    subject: ClassVar[str] = "billing.order.link.v1"
    permission: ClassVar[Permission] = "billing_order.act"
    order_id: SalesforceId
    whmcs_order_id: int = Field(ge=1)


class RetryWhmcsOrder(OperatorCommand[OperatorOutcome]):
    """Allow creation once more after WHMCS_ORDER_UNCLEAR: searches first, as ever.

    Refused with NOT_FOUND, PROVISIONING_ENDED or PROVISIONING_NOT_STANDING when nothing waits for a person.
    """

    subject: ClassVar[str] = "billing.order.retry.v1"
    permission: ClassVar[Permission] = "billing_order.act"
    order_id: SalesforceId


class CancelWhmcsOrder(OperatorCommand[OperatorOutcome]):
    """Give the reservation up: every Pending order with the marker is cancelled.

    Refused with NOT_FOUND, PROVISIONING_ENDED or PROVISIONING_PAST_PIVOT.
    """

    subject: ClassVar[str] = "billing.order.cancel.v1"
    permission: ClassVar[Permission] = "billing_order.act"
    order_id: SalesforceId


class WhmcsOrderDecided(Event):
    """An operator decided about an order that waited for a person: fulfillment looks again at once."""

    subject: ClassVar[str] = "billing.order.decided.v1"
    order_id: SalesforceId
    decision: Literal["linked", "retried", "cancelled"]
    requested_by: str = Field(description="The operator's e-mail address")
    occurred_at: datetime


class BilledService(Message):
    """A WHMCS service as a comparison needs it: what it costs and whose order its marker names."""

    service_id: int
    whmcs_order_id: int | None = None
    order_id: SalesforceId | None = Field(default=None, description="From the marker")
    whmcs_product_id: int
    state: SubscriptionState
    billing_cycle: BillingCycle | None
    amount: Yen


class BilledClient(Message):
    """One client with all services; the address is compared through its fingerprint, so none travels."""

    whmcs_client_id: int
    customer_number: CustomerNumber | None = None
    address_fingerprint: str = Field(description="SHA-256 of the comparable address, see values.comparable_address")
    services: Sequence[BilledService]


class BilledClientPage(Message):
    """Clients by ascending id."""

    clients: Sequence[BilledClient]
    last_client_id: int | None = Field(default=None, description="Ask on from here; None: that was all")


class ListBilledClients(ServiceQuery[BilledClientPage]):
    """Read what WHMCS has, client by client, for the comparison of D14; slow on purpose and never from a request."""

    subject: ClassVar[str] = "billing.client.compare.v1"
    after_client_id: int = Field(default=0, ge=0)
    whmcs_client_ids: Sequence[int] = Field(default=(), max_length=50, description="Only these, when given")
    limit: int = Field(default=25, ge=1, le=100)
