"""What customers see of their SIM lines and do with them after activation (requirements J, C18, D11; freebit.md §5).

A line is named by its WHMCS service, as in `/subscriptions/{id}`. The operator has no request keys and takes minutes:
every change is a row of its own, asked for once, looked up until it shows, and one line takes one change at a time.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.billing import PositiveId
from portal_contracts.catalog import LocalizedText
from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, CustomerQuery, Event, Message, ServiceCommand, ServiceQuery
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission
from portal_contracts.porting import Digits
from portal_contracts.provisioning import EsimCode
from portal_contracts.values import PERSONAL, SalesforceId, Yen

LineState = Literal["reserved", "pending", "active", "suspended", "ending", "ended", "failed", "unknown"]
LineChangeKind = Literal["top_up", "change_voice_options", "change_network", "reissue"]
LineChangeState = Literal["working", "unclear", "done", "refused"]
Network = Literal["4G", "5G"]
ChangeId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$"), Field(examples=["0" * 31 + "1"])]
Eid = Annotated[
    str, StringConstraints(pattern="^[0-9]{32}$"), PERSONAL, Field(examples=["89049032000000000000000000000163"])
]
"""The number of a phone's eSIM chip: 32 digits, spaces and hyphens left out (freebit.md 7)."""


class LineVoiceOptions(Message):
    """Options of a voice line; null where the operator does not tell, or what is to stay as it is."""

    voice_mail: bool | None = None
    call_waiting: bool | None = None
    call_transfer: bool | None = None
    roaming_calls: bool | None = None
    international_calls: bool | None = None


class LineChange(Message):
    """One change of a line: what was asked for, how it stands and, when it came to nothing, why.

    `unclear`: nobody can tell yet whether the operator did it. It is looked at on and on, and staff have been told.
    """

    change_id: ChangeId
    service_id: int
    kind: LineChangeKind
    state: LineChangeState
    code: str | None = Field(default=None, description="Problem code of a refused or unclear one")
    megabytes: int | None = Field(default=None, description="Data of a top-up")
    price: Yen | None = Field(default=None, description="What a top-up costs; none is free")
    asked_at: datetime
    ended_at: datetime | None = None


class LineChangeList(Message):
    """The changes of a line, the newest first."""

    changes: Sequence[LineChange]


class TopUpOffer(Message):
    """An amount of data on offer and its price, tax included."""

    megabytes: int
    price: Yen


class SimLine(Message):
    """A line as the operator shows it now, with what its owner may do (R177, R178)."""

    service_id: int
    order_id: SalesforceId
    phone_number: Annotated[str, PERSONAL]
    state: LineState
    status: LocalizedText = Field(description="The state in the customer's words")
    esim: bool
    network: str = Field(description="4G or 5G; empty when the operator does not tell")
    plan: str = Field(description="The operator's name of the plan")
    voice: bool
    voice_options: LineVoiceOptions
    activated_at: datetime
    open_change: LineChange | None = Field(default=None, description="The change that is being worked on")
    next_reissue_at: datetime | None = Field(default=None, description="When a new eSIM may be asked for again")
    top_ups: Sequence[TopUpOffer] = Field(default=(), description="The data on offer")


class ReadSimLine(CustomerQuery[SimLine]):
    """Show one of the caller's lines, live. Refused with NOT_FOUND, also for a service without a line."""

    subject: ClassVar[str] = "fulfillment.sim_line.read.v1"
    service_id: PositiveId


class UsageOfDay(Message):
    """Data used on one Japanese day, in megabytes."""

    day: date
    megabytes: int


class AddedData(Message):
    """Data that was added to a line."""

    megabytes: int
    added_on: date | None
    expires_on: date | None = None


class SimUsage(Message):
    """Data used by a line, the newest day first, and data added in the last months (§5 item 4)."""

    service_id: int
    days: Sequence[UsageOfDay]
    throttled: bool = Field(description="Slowed down because the month's data is used up")
    remaining_megabytes: int | None = Field(default=None, description="Null where the operator does not tell")
    added: Sequence[AddedData]
    as_of: datetime


class ReadSimUsage(CustomerQuery[SimUsage]):
    """Show how much data a line has used. The operator is asked only when somebody looks (freebit.md 3.2).

    Refused with NOT_FOUND, or LINE_CHANGE_REFUSED for a line the operator counts no data for.
    """

    subject: ClassVar[str] = "fulfillment.sim_usage.read.v1"
    service_id: PositiveId


class ListLineChanges(CustomerQuery[LineChangeList]):
    """List what was changed about one of the caller's lines. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "fulfillment.line_change.list.v1"
    service_id: PositiveId


class ReadLineChange(CustomerQuery[LineChange]):
    """Tell how one of the caller's changes stands. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "fulfillment.line_change.read.v1"
    change_id: ChangeId


class TopUpSim(CustomerCommand[LineChange]):
    """Add data to one of the caller's lines (R178): added and charged once, whatever is repeated (C18).

    Refused with NOT_FOUND, TOP_UP_OUT_OF_RANGE, PAYMENT_METHOD_MISSING, LINE_CHANGE_UNDER_WAY while another change of
    the line is open, LINE_NOT_IN_SERVICE, or IDEMPOTENCY_KEY_REUSED.
    """

    subject: ClassVar[str] = "fulfillment.line.top_up.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId
    megabytes: int = Field(ge=1, le=512_000, description="One of the amounts on offer", examples=[1000])


class ReissueEsim(CustomerCommand[LineChange]):
    """Have a new eSIM profile made for a line, for the same phone or another one (R177, D11).

    The old profile stops working, so `confirmed` must be true. Refused as a top-up, and with STEP_UP_REQUIRED when the
    sign-in is older than 15 minutes, ESIM_REISSUE_TOO_SOON within the cool-down, or SIM_IN_USE.
    """

    subject: ClassVar[str] = "fulfillment.line.reissue_esim.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId
    new_eid: Eid | None = Field(default=None, description="The EID of another phone; null for the same one")
    confirmed: Literal[True] = Field(description="The customer knows that the old profile stops working")


class ChangeLineVoiceOptions(CustomerCommand[LineChange]):
    """Switch options of a voice line on or off; what is null stays. Refused as a top-up."""

    subject: ClassVar[str] = "fulfillment.line.change_voice_options.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId
    options: LineVoiceOptions


class ChangeLineNetwork(CustomerCommand[LineChange]):
    """Move a line to 4G or 5G; takes about half an hour (freebit.md 3.7). Refused as a top-up."""

    subject: ClassVar[str] = "fulfillment.line.change_network.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId
    network: Network


class RevealLineCode(CustomerCommand[EsimCode]):
    """Show a line's eSIM code to its owner, once for each profile; after a re-issue the new one's (D11).

    Refused with NOT_FOUND, STEP_UP_REQUIRED, ESIM_CODE_NOT_READY or ESIM_CODE_ALREADY_SHOWN.
    """

    subject: ClassVar[str] = "fulfillment.line_code.reveal.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    service_id: PositiveId


class LineEnding(Message):
    """How far the end of a line is. `working`: ask the same again at `again_at`. `stands`: a person has to look."""

    state: Literal["done", "working", "stands"]
    code: str | None = Field(default=None, description="Problem code of one that stands")
    again_at: datetime | None = None


class EndLine(ServiceCommand[LineEnding]):
    """End the line of a WHMCS service at the operator's now, once for a cancellation (C22, automatic mode).

    Cannot be undone: the number is lost. The operator has no request keys, so the line is looked at before and after
    (freebit.md 3.10). Refused NOT_FOUND for a service whose line the portal did not set up: staff end that by hand.
    """

    subject: ClassVar[str] = "fulfillment.line.end.v1"
    key: ClassVar[str] = "cancellation_id"
    cancellation_id: ChangeId
    account_id: SalesforceId
    service_id: PositiveId


class ServiceLine(Message):
    """What staff need to find a line at the operator's."""

    phone_number: Annotated[str, PERSONAL]
    iccid: Annotated[str, PERSONAL] = Field(description="Empty when the operator does not tell")
    esim: bool
    plan: str = Field(description="The operator's name of the plan")


class FindServiceLine(ServiceQuery[ServiceLine]):
    """Look up a service's line at the operator's, live. Refused NOT_FOUND for a line the portal did not set up."""

    subject: ClassVar[str] = "fulfillment.line.find.v1"
    account_id: SalesforceId
    service_id: PositiveId


class StandingLineChange(Message):
    """A change that is not over, or is done and not charged because of `code`; the line by its last four digits."""

    change_id: ChangeId
    order_id: SalesforceId
    service_id: int
    line: str
    kind: LineChangeKind
    state: LineChangeState
    code: str | None = None
    asked_at: datetime


class StandingLineChangeList(Message):
    """The changes that are not over, the oldest first."""

    changes: Sequence[StandingLineChange]


class ListStandingLineChanges(OperatorQuery[StandingLineChangeList]):
    """List changes of lines that are being worked on, that nobody can tell the end of, or whose charge is parked."""

    subject: ClassVar[str] = "fulfillment.line_change.standing.v1"
    permission: ClassVar[Permission] = "provisioning.read"
    only_unclear: bool = False
    limit: int = Field(default=100, ge=1, le=500)


class CloseLineChange(OperatorCommand[OperatorOutcome]):
    """Say how a change ended that nobody could tell, after looking at the operator's: the line is free again.

    `happened`: it was made there, so it counts as done and is charged; else it counts as refused and is not.
    Refused with NOT_FOUND, or LINE_CHANGE_NOT_UNCLEAR for one that is still looked up by itself or is over.
    """

    subject: ClassVar[str] = "fulfillment.line_change.close.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    change_id: ChangeId
    happened: bool


class AdoptLine(OperatorCommand[OperatorOutcome]):
    """Take over a line that was set up outside the portal: from then on it is its customer's as any other (R177, R178).

    The operator shows it in service, Salesforce has the SIM order it came from, and WHMCS bills it to the client of
    that order's account. A repeat changes nothing. Refused LINE_IS_ANOTHERS, LINE_NOT_ADOPTABLE, LINE_NOT_IN_SERVICE,
    or as `ReadOrderForProvisioning`.
    """

    subject: ClassVar[str] = "fulfillment.line.adopt.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    line: Annotated[
        Digits, StringConstraints(min_length=10, max_length=14), PERSONAL, Field(examples=["07000000001"])
    ] = Field(description="Its number at the operator's")
    order_id: SalesforceId = Field(description="The order it came from, which says whose it is; an order has one line")
    service_id: PositiveId


class CloseLineEnding(OperatorCommand[OperatorOutcome]):
    """Say that the line of a cancelled service ended elsewhere, such as by leaving with its number: `reason` says how.

    Refused NOT_FOUND, LINE_CHANGE_NOT_UNCLEAR for an end that does not stand, or LINE_STILL_IN_SERVICE while the
    operator shows the line alive.
    """

    subject: ClassVar[str] = "fulfillment.line_ending.close.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    cancellation_id: ChangeId


class LineChanged(Event):
    """A change of a line was asked for, ended, or became unclear; for the timeline of the order the line came from."""

    subject: ClassVar[str] = "fulfillment.line.changed.v1"
    change_id: ChangeId
    order_id: SalesforceId
    account_id: SalesforceId
    kind: LineChangeKind
    state: LineChangeState
    code: str | None = None
    megabytes: int | None = None
    occurred_at: datetime


ASKED_THROUGH_THE_GATEWAY = (
    ReadSimLine,
    ReadSimUsage,
    ListLineChanges,
    ReadLineChange,
    TopUpSim,
    ReissueEsim,
    ChangeLineVoiceOptions,
    ChangeLineNetwork,
    RevealLineCode,
)
ASKED_BY_OPERATORS = (ListStandingLineChanges, CloseLineChange, AdoptLine, CloseLineEnding)
ASKED_BY_ORDERS = (EndLine, FindServiceLine)
