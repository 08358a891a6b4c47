"""What support answers: cases, read live from Salesforce and never cached (R220)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, CustomerQuery, Message, ServiceCommand
from portal_contracts.values import PERSONAL, Line, Lines, LongText, SalesforceId

CaseType = Literal["general_inquiry", "eligibility_check", "id_verification", "cancellation_request", "unknown"]


CommentText = Annotated[Lines, StringConstraints(min_length=1, max_length=1000), PERSONAL]
"""Words for a case: Salesforce takes 4,000 bytes, and a character may be four (reference salesforce.md 3.2)."""


class Case(Message):
    """A support case as its customer sees it."""

    case_id: SalesforceId
    case_number: str
    subject: Annotated[str, PERSONAL]
    type: CaseType
    status: str = Field(description="Salesforce's own word")
    closed: bool
    opened_at: datetime
    updated_at: datetime


class CaseComment(Message):
    """A comment staff or customer published on a case."""

    text: Annotated[str, PERSONAL]
    written_at: datetime


class CaseDetail(Case):
    """A case with its description and published comments; nothing internal."""

    description: Annotated[str, PERSONAL]
    comments: Sequence[CaseComment]


class CaseList(Message):
    """The caller's cases, newest first."""

    cases: Sequence[Case]


class ListCases(CustomerQuery[CaseList]):
    """List the caller's cases (R009)."""

    subject: ClassVar[str] = "support.case.list.v1"


class ReadCase(CustomerQuery[CaseDetail]):
    """Read one of the caller's cases. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "support.case.read.v1"
    case_id: SalesforceId


class OpenCase(CustomerCommand[CaseDetail]):
    """Open a case of type General Inquiry (R219, R223)."""

    subject: ClassVar[str] = "support.case.open.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    title: Annotated[Line, StringConstraints(min_length=1, max_length=255), PERSONAL]
    description: Annotated[LongText, PERSONAL]


class AddComment(CustomerCommand[CaseDetail]):
    """Add the caller's words to one of the caller's cases, for staff to read. Refused with NOT_FOUND.

    Salesforce keeps no key with a comment: the same words sent again while they are the newest comment, within ten
    minutes, are taken for a repeat and not added twice.
    """

    subject: ClassVar[str] = "support.case.comment.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    case_id: SalesforceId
    text: CommentText


class StaffCase(Message):
    """A case opened for staff by another service."""

    case_id: SalesforceId


class OpenStaffCase(ServiceCommand[StaffCase]):
    """Open a case for staff on an account, once for a key (C39, R201)."""

    subject: ClassVar[str] = "support.staff_case.open.v1"
    key: ClassVar[str] = "case_key"
    case_key: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    account_id: SalesforceId | None
    type: CaseType
    title: Annotated[str, StringConstraints(max_length=255)]
    description: Annotated[str, PERSONAL]
