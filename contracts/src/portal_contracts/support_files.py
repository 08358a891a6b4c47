"""Files of cases: sent by customers, kept in Salesforce alone, fetched through the portal (C41)."""

from typing import Annotated, Any, ClassVar, Final

from pydantic import Base64Bytes, Field, StringConstraints

from portal_contracts import support
from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, CustomerQuery, Message, Request
from portal_contracts.values import PERSONAL, SalesforceId

MOST_BYTES: Final = 5 * 1024 * 1024
"""Of a file, either way (C41)."""
MOST_FILES: Final = 10
"""That a customer may send to one case."""


class AttachFile(CustomerCommand[support.CaseDetail]):
    """Send a file to one of the caller's cases: a JPEG, PNG or PDF by its content, 5 MB at most (C41).

    The same content sent to the same case again is kept once. Refused with NOT_FOUND, DOCUMENT_REFUSED,
    CASE_FILES_FULL, FILE_INFECTED or CASE_NOT_TAKEN. TryLater VIRUS_SCANNER_UNAVAILABLE, or IN_PROGRESS while
    nobody can tell yet whether an earlier try arrived.
    """

    subject: ClassVar[str] = "support.file.attach.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    case_id: SalesforceId
    file_name: Annotated[str, StringConstraints(min_length=1, max_length=255), PERSONAL] = Field(
        default="file", description="As the customer calls it; only shown, never believed", examples=["router.jpg"]
    )
    content: Annotated[Base64Bytes, PERSONAL] = Field(repr=False, examples=["JVBERi0xLjQK"])


class CaseFileContent(Message):
    """A file as it is. `media_type` comes from its content: what nobody recognises is application/octet-stream."""

    name: Annotated[str, PERSONAL] = Field(examples=["router.jpg"])
    media_type: str = Field(examples=["image/jpeg"])
    content: Annotated[Base64Bytes, PERSONAL] = Field(repr=False, examples=["JVBERi0xLjQK"])


class ReadCaseFile(CustomerQuery[CaseFileContent]):
    """Fetch a file of one of the caller's cases. Refused with NOT_FOUND, or CASE_FILE_TOO_LARGE over 5 MB."""

    subject: ClassVar[str] = "support.file.read.v1"
    case_id: SalesforceId
    file_id: SalesforceId


ASKED_THROUGH_THE_GATEWAY: Final[tuple[type[Request[Any]], ...]] = (
    support.ListCases,
    support.ReadCase,
    support.OpenCase,
    support.AddComment,
    support.ReopenCase,
    AttachFile,
    ReadCaseFile,
)
