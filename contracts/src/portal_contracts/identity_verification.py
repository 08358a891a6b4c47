"""Who the customer is: documents sent once and kept in Salesforce alone, and what staff found (C26, R197–R202)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Base64Bytes, Field

from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, CustomerQuery, Message, ServiceQuery
from portal_contracts.values import PERSONAL, SalesforceId

MOST_BYTES: Final = 5 * 1024 * 1024
"""Of a document (C41)."""

VerifiedCommodity = Literal["internet", "sim_data", "sim_voice", "vpn"]
VerificationMethod = Literal["document_upload", "staff", "external"]
VerificationStatus = Literal["not_submitted", "pending", "verified", "rejected", "unknown"]


class Verification(Message):
    """How far the caller's verification is. What staff noted for each other is never in it (R200)."""

    status: VerificationStatus
    submitted_at: datetime | None = None
    verified_at: datetime | None = None
    rejection: Annotated[str, PERSONAL] = Field(default="", description="Staff's words to the customer (R199)")
    methods: Mapping[VerifiedCommodity, VerificationMethod] = Field(
        description="What each commodity asks for (C26). `staff`: in a shop or by chip, documents do not count"
    )


class ReadVerification(CustomerQuery[Verification]):
    """Tell how far the caller's verification is."""

    subject: ClassVar[str] = "identity.verification.read.v1"


class SubmitDocument(CustomerCommand[Verification]):
    """Hand in a document: a JPEG, PNG or PDF by its content, 5 MB at most (C41). Sent again it is kept once.

    Refused with DOCUMENT_REFUSED, or VERIFICATION_NOT_POSSIBLE where staff verify or have done so.
    """

    subject: ClassVar[str] = "identity.verification.submit.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    commodity: VerifiedCommodity
    content: Annotated[Base64Bytes, PERSONAL] = Field(repr=False, examples=["JVBERi0xLjQK"])
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


class VerificationCheck(Message):
    """Whether an account may have a commodity as far as its verification goes."""

    method: VerificationMethod
    status: VerificationStatus
    passed: bool = Field(description="False while only documents were looked at and staff have to verify (C26)")


class CheckVerification(ServiceQuery[VerificationCheck]):
    """Judge an account's verification for a commodity (C26). Refused with NOT_FOUND."""

    subject: ClassVar[str] = "identity.verification.check.v1"
    account_id: SalesforceId
    commodity: VerifiedCommodity
