"""What fulfillment answers: operators' view of provisioning and their hands on it, and a customer's eSIM code."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.catalog import LocalizedText
from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, Message
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission
from portal_contracts.values import PERSONAL, SalesforceId

ProcessStatus = Literal["running", "waiting", "scheduled", "blocked", "needs_human", "done", "failed", "cancelled"]
Owner = Literal["customer", "staff", "us", "vendor", "nobody"]


class ProvisioningSummary(Message):
    """One order's provisioning in a list."""

    order_id: SalesforceId
    attempt: int
    status: ProcessStatus
    step: str
    code: str | None = Field(default=None, description="Problem code of a blocked, parked or failed one")
    owner: Owner = Field(description="Who must act")
    because: str = ""
    opened_at: datetime
    standing_since: datetime = Field(description="Since when it is at this stage, business time")
    due_at: datetime | None = Field(default=None, description="When it looks again by itself")


class ProvisioningList(Message):
    """The oldest first, with how many there are for each status."""

    processes: Sequence[ProvisioningSummary]
    totals: Mapping[str, int]
    more: bool = False


class ListProvisioning(OperatorQuery[ProvisioningList]):
    """List provisioning processes by status, code, owner or age."""

    subject: ClassVar[str] = "fulfillment.provisioning.list.v1"
    permission: ClassVar[Permission] = "provisioning.read"
    status: ProcessStatus | None = None
    code: Annotated[str, StringConstraints(max_length=60)] | None = None
    standing_longer_than_seconds: int | None = Field(default=None, ge=0)
    after_order_id: SalesforceId | None = Field(default=None, description="Where the page before ended")
    limit: int = Field(default=100, ge=1, le=500)


class JournalEntry(Message):
    """One outside call of a process as its journal has it: an intent, and what became of it."""

    at: datetime
    attempt: int
    step: str
    call: str
    state: Literal["planned", "started", "succeeded", "failed", "unknown"]
    fingerprint: str
    external_id: str | None = None
    evidence: Mapping[str, str | int] = Field(default_factory=dict)


class ProvisioningAttempt(Message):
    """One attempt at an order and the signal that opened it."""

    attempt: int
    state: Literal["open", "activated", "failed", "withdrawn"]
    stage: str
    code: str | None = None
    source: str
    request_id: str
    requested_by: str = ""
    correlation_id: str = ""
    opened_at: datetime
    ended_at: datetime | None = None


class ProvisioningSignal(Message):
    """A signal about an order, absorbed ones included (§2.1)."""

    source: str
    request_id: str
    requested_by: str = ""
    correlation_id: str = ""
    verdict: Literal["open", "wake", "absorb"]
    seen_at: datetime


class ProvisioningFile(Message):
    """Everything fulfillment knows of an order's provisioning; no personal data and no activation code."""

    summary: ProvisioningSummary
    facts: Mapping[str, str | int] = Field(default_factory=dict)
    attempts: Sequence[ProvisioningAttempt]
    signals: Sequence[ProvisioningSignal]
    journal: Sequence[JournalEntry]
    scheduled_at: datetime | None = None
    trace_id: str | None = None


class ReadProvisioning(OperatorQuery[ProvisioningFile]):
    """Show one process with its journal and evidence. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "fulfillment.provisioning.read.v1"
    permission: ClassVar[Permission] = "provisioning.read"
    order_id: SalesforceId


class RetryProvisioning(OperatorCommand[OperatorOutcome]):
    """Look again now: wakes what stands still, opens a new attempt after a failed one.

    Refused with NOT_FOUND or PROVISIONING_ENDED.
    """

    subject: ClassVar[str] = "fulfillment.provisioning.retry.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    order_id: SalesforceId


class CancelProvisioning(OperatorCommand[OperatorOutcome]):
    """End an attempt before the pivot: what was reserved is released.

    Refused with NOT_FOUND, PROVISIONING_ENDED or PROVISIONING_PAST_PIVOT.
    """

    subject: ClassVar[str] = "fulfillment.provisioning.cancel.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    order_id: SalesforceId


class ActivateNow(OperatorCommand[OperatorOutcome]):
    """Start a scheduled order before its time (R168). Refused with NOT_FOUND or PROVISIONING_NOT_SCHEDULED."""

    subject: ClassVar[str] = "fulfillment.provisioning.activate_now.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    order_id: SalesforceId


class EsimCode(Message):
    """What a phone needs to install the profile (D11). A secret: whoever has it can install the line."""

    phone_number: Annotated[str, PERSONAL, Field(repr=False)]
    activation_code: Annotated[str, Field(repr=False, description="For the QR code: LPA:1$server$matching-id")]
    server: Annotated[str, Field(repr=False, description="SM-DP+ address for typing in")]
    matching_id: Annotated[str, Field(repr=False, description="Activation code for typing in")]
    shown_until: datetime = Field(description="A repeat of the same request shows it again until then, then never")
    install_link: str | None = Field(
        default=None, repr=False, description="Opens the installation on an iPhone; holds the code, so as secret as it"
    )
    guide: Sequence[LocalizedText] = Field(default=(), description="How to install it, step by step")


class RevealEsimCode(CustomerCommand[EsimCode]):
    """Show an order's eSIM code to its owner, once (D11).

    Refused with NOT_FOUND (also for anybody else's order), STEP_UP_REQUIRED when the sign-in is older than 15 minutes,
    ESIM_CODE_NOT_READY, or ESIM_CODE_ALREADY_SHOWN.
    """

    subject: ClassVar[str] = "fulfillment.esim_code.reveal.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    order_id: SalesforceId
