"""Who is an operator: signing in with a second factor, and handing out access (R276, D19)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from portal_contracts.identity import OpenedSession, Password, RequestId, Token
from portal_contracts.message import Message, PublicCommand
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission, Role
from portal_contracts.values import EmailAddress

OneTimeCode = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(repr=False, description="Six digits", examples=["000000"])
]


class OpenOperatorSession(PublicCommand[OpenedSession]):
    """Sign an operator in with password and one-time code; there is no way in without the second factor.

    Refused with CREDENTIALS_WRONG, whichever of the three is wrong, slowed by RATE_LIMITED. A code works once.
    """

    subject: ClassVar[str] = "identity.operator_session.open.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    email: EmailAddress
    password: Password
    code: OneTimeCode
    client_address: str = Field(description="IP address it came from, for rate limits")


class Operator(Message):
    """One operator and what access was given by whom."""

    email: str
    roles: Sequence[Role]
    approved_by: str = Field(description="Who approved the access (R276)")
    granted_by: str
    granted_at: datetime
    last_seen_at: datetime | None = None
    revoked_at: datetime | None = None


class OperatorList(Message):
    """All operators, those whose access ended included."""

    operators: Sequence[Operator]


class ListOperators(OperatorQuery[OperatorList]):
    """List who has or had access (R276, R277)."""

    subject: ClassVar[str] = "identity.operator.list.v1"
    permission: ClassVar[Permission] = "operator.manage"


class OperatorGranted(OperatorOutcome):
    """The outcome of a grant; the enrolment link is shown once and only when it was carried out."""

    enrolment_token: str | None = Field(
        default=None, repr=False, description="Opens the enrolment once, within 24 hours: hand it over in person"
    )


class GrantOperator(OperatorCommand[OperatorGranted]):
    """Give somebody access, or other roles. Nobody approves their own access: OPERATOR_NOT_APPROVED."""

    subject: ClassVar[str] = "identity.operator.grant.v1"
    permission: ClassVar[Permission] = "operator.manage"
    email: EmailAddress
    roles: Sequence[Role] = Field(min_length=1, max_length=4)
    approved_by: EmailAddress


class RevokeOperator(OperatorCommand[OperatorOutcome]):
    """Take an operator's access and end their sessions (R277). Refused with NOT_FOUND."""

    subject: ClassVar[str] = "identity.operator.revoke.v1"
    permission: ClassVar[Permission] = "operator.manage"
    email: EmailAddress


class OperatorEnrolment(Message):
    """What an operator needs for the second factor; shown once."""

    email: str
    secret: Annotated[str, Field(repr=False, description="Base32 seed for an authenticator app (RFC 6238)")]
    uri: Annotated[str, Field(repr=False, description="The same as an otpauth URI, for a QR code")]


class BeginOperatorEnrolment(PublicCommand[OperatorEnrolment]):
    """Use an enrolment token to get a second factor's seed. Refused with ENROLMENT_INVALID."""

    subject: ClassVar[str] = "identity.operator_enrolment.begin.v1"
    key: ClassVar[str] = "token"
    token: Token


class FinishOperatorEnrolment(PublicCommand[OpenedSession]):
    """Set the password and prove the second factor with its first code.

    Refused with ENROLMENT_INVALID, PASSWORD_TOO_WEAK or CREDENTIALS_WRONG.
    """

    subject: ClassVar[str] = "identity.operator_enrolment.finish.v1"
    key: ClassVar[str] = "token"
    token: Token
    password: Password
    code: OneTimeCode
