"""Who the customer is: documents sent once and kept in Salesforce alone, and what staff found (C26, R197–R202)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Base64Bytes, Field, StringConstraints

from portal_contracts.identity import RequestId, Token
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
        description="What each commodity asks for (C26). `staff`: in a shop or by chip, documents do not count. "
        "`external`: at the eKYC provider"
    )


class ReadVerification(CustomerQuery[Verification]):
    """Tell how far the caller's verification is."""

    subject: ClassVar[str] = "identity.verification.read.v1"


class SubmitDocument(CustomerCommand[Verification]):
    """Hand in a document: a JPEG, PNG or PDF by its content, 5 MB at most (C41). Sent again it is kept once.

    Refused with DOCUMENT_REFUSED, FILE_INFECTED, or VERIFICATION_NOT_POSSIBLE where staff verify or have done so.
    TryLater VIRUS_SCANNER_UNAVAILABLE or SALESFORCE_UNAVAILABLE: nothing was kept, or it is found again.
    """

    subject: ClassVar[str] = "identity.verification.submit.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    commodity: VerifiedCommodity
    content: Annotated[Base64Bytes, PERSONAL] = Field(repr=False, examples=["JVBERi0xLjQK"])
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


class BegunIdentityCheck(Message):
    """Where the customer proves who they are: at the eKYC provider, in the same browser."""

    url: str = Field(repr=False, examples=["https://ekyc.example.jp/authorize?state=fake"])
    expires_at: datetime = Field(description="It works once, until then")


class BeginIdentityCheck(CustomerCommand[BegunIdentityCheck]):
    """Send the caller to the eKYC provider (C26). Each time it is another address; earlier ones stay good.

    Refused with VERIFICATION_NOT_POSSIBLE where nothing is to be proven there, or PERSON_INCOMPLETE where we have
    nothing to compare with, so that staff are asked; slowed by RATE_LIMITED.
    """

    subject: ClassVar[str] = "identity.identity_check.begin.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    commodity: VerifiedCommodity
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


ProviderText = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[\x20-\x7e]+$")]


class IdentityCheckForm(Message):
    """What the provider gave the browser to bring back (RFC 6749 4.1.2, RFC 9207): a code, or why there is none."""

    state: Token
    code: ProviderText | None = Field(default=None, repr=False)
    error: ProviderText | None = None
    iss: ProviderText | None = Field(default=None, description="Whose answer it is")


class ConcludedIdentityCheck(Message):
    """What came of it. `different`: what was proven is not what we have on file, which staff look at."""

    outcome: Literal["alike", "different"]
    verification: Verification


class ConcludeIdentityCheck(CustomerCommand[ConcludedIdentityCheck]):
    """Have the proof fetched and compared. The same state again gives the same answer, as long as it lives.

    Refused with IDENTITY_CHECK_OVER for a state that is not the caller's session's, IDENTITY_NOT_PROVEN when the
    provider proved nothing, or PERSON_INCOMPLETE; then nothing has changed and the caller may begin anew.
    """

    subject: ClassVar[str] = "identity.identity_check.conclude.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: IdentityCheckForm
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
