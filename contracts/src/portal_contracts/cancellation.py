"""Cancelling a service and changing its plan (requirements N, C22, C27, C33, C34, D10; §5 item 3).

A service is named by its WHMCS service. What WHMCS cannot do by a call (final invoices, prorated refunds) is a task of
staff in the case the request opens (R207, R214).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.billing import PositiveId, Subscription
from portal_contracts.catalog import Category, LocalizedText
from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, CustomerQuery, Message
from portal_contracts.sim_lines import SimLine
from portal_contracts.values import PERSONAL, Line, SalesforceId, Yen

Sku = Annotated[str, StringConstraints(min_length=1, max_length=80), Field(examples=["SIM-VOICE-ESIM-20G"])]
CancellationState = Literal["requested", "ending", "withdrawing", "withdrawn", "completed"]
ContractStage = Literal[
    "introduction", "ready", "post_processing", "active", "cancelling", "cancelled", "void", "unknown"
]
LineReturn = Literal["not_needed", "not_yet", "kit_sent", "returned", "unknown"]
Reason = Annotated[Line, StringConstraints(max_length=500), PERSONAL]


class Fee(Message):
    """Something that is still to be paid."""

    text: LocalizedText
    amount: Yen
    due_on: date | None = None


class CancellationPreview(Message):
    """What a cancellation asked for now would mean. Nothing is changed by looking.

    The service works through `ends_on` and is off from `effective_at` on. Within the eight days from the activation
    on (D10) the initial cancellation ends it at once and without remaining fees.
    """

    service_id: int
    name: LocalizedText
    category: Category
    ends_on: date = Field(description="Last day of the service, in Japan")
    effective_at: datetime
    notice_days: int = Field(description="Days of notice that count from today; 0 for none")
    remaining_fees: Sequence[Fee]
    remaining_total: Yen
    initial_cancellation: bool = Field(description="Whether the initial cancellation is open")
    initial_cancellation_until: date | None = Field(default=None, description="Its last day, once known")
    equipment_return: bool = Field(description="Whether rented equipment is to be sent back (R218)")
    refund: Literal["none", "staff_check"] = Field(
        description="staff_check: something is paid beyond the end; staff settle it (R214)"
    )
    revocable: bool = Field(description="Whether it can be taken back until it takes effect")
    next_steps: Sequence[LocalizedText]


class PreviewCancellation(CustomerQuery[CancellationPreview]):
    """Show what cancelling one of the caller's services would mean.

    Refused with NOT_FOUND, CANCELLATION_NOT_POSSIBLE, CANCELLATION_UNDER_WAY or CANCELLATION_DATE_INVALID.
    """

    subject: ClassVar[str] = "orders.cancellation.preview.v1"
    service_id: PositiveId
    last_month: date | None = Field(
        default=None, description="Any day of the last month wanted, for a SIM line (C33); this month without"
    )


class Cancellation(Message):
    """A cancellation as its customer sees it."""

    cancellation_id: str
    service_id: int
    state: CancellationState
    status: LocalizedText
    requested_at: datetime
    ends_on: date
    effective_at: datetime
    initial_cancellation: bool
    equipment_return: bool
    revocable: bool


class RequestCancellation(CustomerCommand[Cancellation]):
    """Cancel one of the caller's services (R207-R217).

    The date is fixed by the first request and never moved by a repeat (C34). `ends_on` is the date the customer was
    shown: Refused CANCELLATION_DATE_CHANGED when the day has turned meanwhile. Refused also with NOT_FOUND,
    CANCELLATION_NOT_POSSIBLE, CANCELLATION_UNDER_WAY, CANCELLATION_DATE_INVALID or IDEMPOTENCY_KEY_REUSED.
    """

    subject: ClassVar[str] = "orders.cancellation.request.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId
    ends_on: date = Field(description="The last day as the preview gave it")
    last_month: date | None = None
    initial_cancellation: bool = Field(default=False, description="Use the initial cancellation (D10)")
    reason: Reason | None = None


class ReadCancellation(CustomerQuery[Cancellation]):
    """Tell how the newest cancellation of one of the caller's services stands. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "orders.cancellation.read.v1"
    service_id: PositiveId


class RevokeCancellation(CustomerCommand[Cancellation]):
    """Take a cancellation back before it takes effect.

    Refused with NOT_FOUND, or CANCELLATION_TOO_LATE after its date and when staff ended the service before it.
    """

    subject: ClassVar[str] = "orders.cancellation.revoke.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId


class ServiceContract(Message):
    """What the sales side says of a service: the opportunity it stands on, without anything internal (R234)."""

    service_id: int
    order_id: SalesforceId | None
    category: Category | None
    stage: ContractStage
    ends_at: datetime | None = Field(default=None, description="When a cancelled service is off")
    line_return: LineReturn = "unknown"
    cancellation: Cancellation | None = None


class ReadServiceContract(CustomerQuery[ServiceContract]):
    """Read what the sales side says of one of the caller's services, live. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "orders.service_contract.read.v1"
    service_id: PositiveId


class ServiceDetail(Message):
    """A service joined from its three owners. A part nobody could read now is null and named in `unavailable`."""

    subscription: Subscription
    contract: ServiceContract | None = None
    sim_line: SimLine | None = None
    unavailable: Sequence[Literal["contract", "sim_line"]] = ()


class PlanChangePreview(Message):
    """What another plan would cost. `price_now` is null where WHMCS gives no price: staff then tell it (§5 item 3)."""

    service_id: int
    sku: str
    name: LocalizedText
    monthly: Yen
    price_now: Yen | None
    starts_on: date | None = Field(description="First day of the new plan, in Japan; null when staff tell it")


class PreviewPlanChange(CustomerQuery[PlanChangePreview]):
    """Price another plan for one of the caller's services.

    Refused with NOT_FOUND, PLAN_CHANGE_NOT_OFFERED or, for an Internet plan, NOT_ELIGIBLE (R080).
    """

    subject: ClassVar[str] = "orders.plan_change.preview.v1"
    service_id: PositiveId
    sku: Sku


class PlanChangeRequested(Message):
    """The case in which staff carry the change out."""

    case_id: SalesforceId


class RequestPlanChange(CustomerCommand[PlanChangeRequested]):
    """Ask for another plan: opens a case for staff with the price that was shown (§5 item 3), once for a key.

    Refused with NOT_FOUND, PLAN_CHANGE_NOT_OFFERED, NOT_ELIGIBLE, CANCELLATION_UNDER_WAY or IDEMPOTENCY_KEY_REUSED.
    """

    subject: ClassVar[str] = "orders.plan_change.request.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId
    sku: Sku


ASKED_THROUGH_THE_GATEWAY = (
    PreviewCancellation,
    RequestCancellation,
    ReadCancellation,
    RevokeCancellation,
    ReadServiceContract,
    PreviewPlanChange,
    RequestPlanChange,
)
