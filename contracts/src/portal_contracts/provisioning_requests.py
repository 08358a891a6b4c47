"""Who asks orders to look at an order: the signed call of Salesforce and the customer; and the file staff read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.identity import RequestId
from portal_contracts.message import Acknowledged, CustomerCommand, Message, PublicCommand
from portal_contracts.operators import OperatorQuery, Permission
from portal_contracts.orders import ActivationState, OrderItem, OrderState, TimelineEntry
from portal_contracts.porting import NumberPorting
from portal_contracts.values import Line, SalesforceId

Requester = Annotated[Line, StringConstraints(max_length=80)]


class ProvisionCallBody(Message):
    """The body of `POST /orders/{sfOrderId}/provision`; both are recorded (R148, R149)."""

    requested_by: Requester = ""
    correlation_id: Requester = ""


class ProvisionCallAccepted(Message):
    """The call was taken. What comes of it is in the order's timeline."""

    order_id: SalesforceId
    request_id: str
    state: Literal["accepted"] = "accepted"


class RequestProvisioning(PublicCommand[ProvisionCallAccepted]):
    """Look at an order because a signed call asked for it (R136–R142).

    The gateway has checked size, shape, time, MAC and caller. The receiver stores the nonce in the transaction of the
    effect. Refused with NONCE_REPLAYED, IDEMPOTENCY_KEY_REUSED (same key, another order or body) or NOT_FOUND; slowed
    by IN_PROGRESS while the same key is being worked on. A repeat with a fresh nonce gets the stored answer.
    """

    subject: ClassVar[str] = "orders.provisioning.request.v1"
    key: ClassVar[str] = "idempotency_key"
    idempotency_key: RequestId
    order_id: SalesforceId
    body: ProvisionCallBody
    body_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(examples=["0" * 64])]
    key_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    nonce: Annotated[str, StringConstraints(min_length=16, max_length=64), Field(examples=["0" * 32])]
    signed_at: datetime


class RecheckOrder(CustomerCommand[Acknowledged]):
    """Look again now at the caller's waiting order: "I have done it" (§2.1). Refused with NOT_FOUND."""

    subject: ClassVar[str] = "orders.order.recheck.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    order_id: SalesforceId


class ChangePorting(CustomerCommand[Acknowledged]):
    """Give a new reservation for the number an order brings along, and look again (D09).

    Refused with NOT_FOUND, PORTING_TOO_SHORT, PORTING_NOT_OFFERED or PROVISIONING_PAST_PIVOT.
    """

    subject: ClassVar[str] = "orders.order.change_porting.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    order_id: SalesforceId
    porting: NumberPorting


class StaffTimelineEntry(TimelineEntry):
    """A timeline entry with what only staff see."""

    code: str | None = None
    staff_text: str = Field(default="", description="What the code means, for staff")
    facts: Mapping[str, str | int] = Field(default_factory=dict, description="Vendor ids and the like")
    source: str | None = Field(default=None, description="The signal behind it, absorbed ones included")
    request_id: str | None = None
    requested_by: str = ""
    correlation_id: str = ""
    trace_id: str | None = None


class OrderFile(Message):
    """An order as staff see it: codes, sources and ids beside the customer's words. No personal data."""

    order_id: SalesforceId
    order_number: str
    account_id: SalesforceId
    state: OrderState
    activation: ActivationState
    error_code: str | None = None
    error_text: str | None = None
    error_at: datetime | None = None
    scheduled_at: datetime | None = None
    whmcs_order_id: int | None = None
    whmcs_service_id: int | None = None
    items: Sequence[OrderItem]
    timeline: Sequence[StaffTimelineEntry]


class ReadOrderFile(OperatorQuery[OrderFile]):
    """Show an order with its staff timeline. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "orders.order.file.v1"
    permission: ClassVar[Permission] = "provisioning.read"
    order_id: SalesforceId
