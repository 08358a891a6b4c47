"""What support answers: cases, read live from Salesforce and never cached (R220)."""

from collections.abc import Sequence
from datetime import MAXYEAR, UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from portal_contracts.billing import PositiveId
from portal_contracts.catalog import LocalizedText
from portal_contracts.identity import RequestId
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Message, ServiceCommand
from portal_contracts.values import PERSONAL, Line, Lines, LongText, SalesforceId

CaseType = Literal["general_inquiry", "eligibility_check", "id_verification", "cancellation_request", "unknown"]
CaseState = Literal["new", "in_progress", "waiting_for_customer", "closed", "unknown"]


def _at_a_moment(cursor: str) -> str:
    """Refuse a day or time that is none; and the end of all years, after which there is no second."""
    if datetime.strptime(cursor.partition(".")[0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).year == MAXYEAR:
        raise ValueError("no year")
    return cursor


CaseCursor = Annotated[
    str,
    StringConstraints(max_length=80, pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z[.][A-Za-z0-9-]{1,30}$"),
    AfterValidator(_at_a_moment),
    Field(examples=["2026-11-20T01:00:00Z.00001234"]),
]
"""Where a page of cases ended."""

CommentText = Annotated[Lines, StringConstraints(min_length=1, max_length=1000), PERSONAL]
"""Words for a case: Salesforce takes 4,000 bytes, and a character may be four (reference salesforce.md 3.2)."""


class Case(Message):
    """A support case as its customer sees it."""

    case_id: SalesforceId
    case_number: str
    subject: Annotated[str, PERSONAL]
    type: CaseType
    status: str = Field(description="How it stands in English words for customers; never staff's own word")
    closed: bool
    opened_at: datetime
    updated_at: datetime
    state: CaseState = "unknown"
    state_text: LocalizedText | None = Field(default=None, description="How it stands, in words for customers")
    order_id: SalesforceId | None = Field(default=None, description="The order it is about")
    service_id: PositiveId | None = Field(default=None, description="The WHMCS service it is about")


class CaseComment(Message):
    """A comment staff or customer published on a case."""

    text: Annotated[str, PERSONAL]
    written_at: datetime
    by: Literal["customer", "support"] = "support"


class CaseFile(Message):
    """A file of a case that its customer sent, or that staff opened to customers (C41)."""

    file_id: SalesforceId = Field(examples=["069000000000001AAA"])
    name: Annotated[str, PERSONAL] = Field(examples=["router.jpg"])
    size: int = Field(ge=0, description="Bytes")
    added_at: datetime
    by: Literal["customer", "support"]


class CaseDetail(Case):
    """A case with what its customer wrote, published comments and files; nothing internal.

    The description is the customer's own: what staff wrote when they opened a case stays with them.
    """

    description: Annotated[str, PERSONAL]
    comments: Sequence[CaseComment]
    files: Sequence[CaseFile] = ()


class CaseList(Message):
    """The caller's cases, newest first."""

    cases: Sequence[Case]
    next: CaseCursor | None = Field(default=None, description="`after` of the following page; none after the last one")


class ListCases(CustomerQuery[CaseList]):
    """List the caller's cases, a page at a time, live (R009, R220), without those that staff keep among themselves."""

    subject: ClassVar[str] = "support.case.list.v1"
    after: CaseCursor | None = Field(default=None, description="`next` of the page before")
    limit: int = Field(default=50, ge=1, le=100, description="Most cases of a page")


class ReadCase(CustomerQuery[CaseDetail]):
    """Read one of the caller's cases. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "support.case.read.v1"
    case_id: SalesforceId


class OpenCase(CustomerCommand[CaseDetail]):
    """Open a case of type General Inquiry (R219, R223), about an own order or service if wanted.

    Refused with NOT_FOUND for anybody else's order or service, IDEMPOTENCY_KEY_REUSED, or CASE_NOT_TAKEN.
    """

    subject: ClassVar[str] = "support.case.open.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    title: Annotated[Line, StringConstraints(min_length=1, max_length=255), PERSONAL]
    description: Annotated[LongText, PERSONAL]
    order_id: SalesforceId | None = Field(default=None, description="The order it is about")
    service_id: PositiveId | None = Field(default=None, description="The WHMCS service it is about")


class AddComment(CustomerCommand[CaseDetail]):
    """Add the caller's words to one of the caller's cases, for staff to read. Refused with NOT_FOUND or CASE_NOT_TAKEN.

    The same words sent again while they are the newest comment, within ten minutes, are taken for a repeat, whatever
    their key. TryLater IN_PROGRESS while nobody can tell yet whether an earlier try arrived.
    """

    subject: ClassVar[str] = "support.case.comment.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    case_id: SalesforceId
    text: CommentText


class ReopenCase(CustomerCommand[CaseDetail]):
    """Open one of the caller's closed cases again and say why, both or neither; an open one gets the words alone.

    Refused with NOT_FOUND, IDEMPOTENCY_KEY_REUSED or CASE_NOT_TAKEN; TryLater IN_PROGRESS as in AddComment.
    """

    subject: ClassVar[str] = "support.case.reopen.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    case_id: SalesforceId
    text: CommentText


class StaffCase(Message):
    """A case opened for staff by another service."""

    case_id: SalesforceId


class OpenStaffCase(ServiceCommand[StaffCase]):
    """Open a case for staff on an account, once for a key (C39, R201). Its customer sees it only `for_customer`."""

    subject: ClassVar[str] = "support.staff_case.open.v1"
    key: ClassVar[str] = "case_key"
    case_key: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    account_id: SalesforceId | None
    type: CaseType
    title: Annotated[str, StringConstraints(max_length=255)]
    description: Annotated[str, PERSONAL]
    for_customer: bool = Field(
        default=False, description="It is a request its customer made, who sees it with its description"
    )
    opportunity_id: SalesforceId | None = Field(default=None, description="The opportunity it is about (R221)")


class CloseStaffCase(ServiceCommand[Acknowledged]):
    """Close a case that was opened with this key, for instance when its wish was given up (R213); closed stays closed.

    Refused with NOT_FOUND or CASE_NOT_TAKEN.
    """

    subject: ClassVar[str] = "support.staff_case.close.v1"
    key: ClassVar[str] = "case_key"
    case_key: Annotated[str, StringConstraints(min_length=1, max_length=80)]
