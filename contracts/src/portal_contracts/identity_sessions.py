"""What a signed-in customer does with sessions: look, end, prove anew; and the audit as its customer may read it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from portal_contracts.identity import OneTimeCode, OpenedSession, PasswordText, RequestId
from portal_contracts.identity_passkeys import PasskeyAnswer
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Message
from portal_contracts.values import PERSONAL


class SessionEntry(Message):
    """One place where the customer is signed in."""

    session_id: str
    opened_at: datetime
    authenticated_at: datetime = Field(description="When the customer last proved who they are in it")
    last_used_at: datetime = Field(description="To the minute")
    expires_at: datetime
    client_address: Annotated[str, PERSONAL]
    user_agent: Annotated[str, PERSONAL]
    current: bool = Field(description="The one that asks")


class SessionList(Message):
    """The caller's living sessions, the newest first."""

    sessions: Sequence[SessionEntry]


class ListSessions(CustomerQuery[SessionList]):
    """List where the caller is signed in (architecture §9)."""

    subject: ClassVar[str] = "identity.session.list.v1"


class RevokeSession(CustomerCommand[Acknowledged]):
    """End one of the caller's sessions everywhere, within 5 s. Refused with NOT_FOUND for anybody else's."""

    subject: ClassVar[str] = "identity.session.revoke.v1"
    key: ClassVar[str] = "session_id"
    session_id: str
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


class LogOutEverywhere(CustomerCommand[Acknowledged]):
    """End every session of the caller, this one too, everywhere within 5 s. API tokens go on."""

    subject: ClassVar[str] = "identity.session.close_all.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    client_address: str


class StepUpForm(Message):
    """The proof of a signed-in customer: password (and code, where a second factor is on), or a passkey."""

    password: PasswordText | None = Field(default=None, repr=False)
    code: OneTimeCode | None = Field(default=None, repr=False)
    passkey: PasskeyAnswer | None = None


class StepUp(CustomerCommand[OpenedSession]):
    """Prove anew who one is; the session gets another token and goes on until the end it had (§5.1).

    Refused with CREDENTIALS_WRONG, SECOND_FACTOR_REQUIRED or SECOND_FACTOR_WRONG, slowed by RATE_LIMITED.
    """

    subject: ClassVar[str] = "identity.session.step_up.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: StepUpForm
    client_address: str
    user_agent: Annotated[str, StringConstraints(max_length=400)] = ""


class SecurityEvent(Message):
    """Something that happened to the security of an account (R050)."""

    id: int
    at: datetime
    event: str = Field(description="What happened; new words may come", examples=["logged_in"])
    client_address: Annotated[str, PERSONAL] = Field(default="", description="Where it came from, as far as known")


class SecurityEventList(Message):
    """The newest events first."""

    events: Sequence[SecurityEvent]


class ListSecurityEvents(CustomerQuery[SecurityEventList]):
    """List what happened to the security of the caller's account, page by page (R050)."""

    subject: ClassVar[str] = "identity.security_event.list.v1"
    before_id: int | None = Field(default=None, ge=1, le=2**62, description="Only events older than this one")
    limit: int = Field(default=50, ge=1, le=200)
