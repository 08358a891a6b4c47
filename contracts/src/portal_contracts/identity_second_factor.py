"""The customer's second factor: codes of an authenticator app and recovery codes; notices of every change."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from portal_contracts.identity import OneTimeCode, RequestId
from portal_contracts.identity_passkeys import Passkey
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Event, Message
from portal_contracts.values import SalesforceId

SecurityChange = Literal[
    "second_factor_added",
    "second_factor_removed",
    "recovery_codes_renewed",
    "recovery_code_used",
    "passkey_added",
    "passkey_removed",
    "api_token_created",
    "logged_out_everywhere",
    "log_in_slowed",
]


class SecondFactors(Message):
    """What protects the caller's log-in beside the password."""

    authenticator: bool = Field(description="Codes of an authenticator app are asked for")
    recovery_codes_left: int
    passkeys: Sequence[Passkey]


class ReadSecondFactors(CustomerQuery[SecondFactors]):
    """Tell what protects the caller's log-in beside the password."""

    subject: ClassVar[str] = "identity.second_factor.read.v1"


class AuthenticatorSeed(Message):
    """A seed for an authenticator app; it counts once a code of it was given."""

    secret: str = Field(repr=False, description="Base32, to type in", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    uri: str = Field(repr=False, description="For a QR code", examples=["otpauth://totp/Portal:hanako?secret=JBSWY3DP"])


class BeginAuthenticator(CustomerCommand[AuthenticatorSeed]):
    """Get a seed; each time it is another one. What was in use stays so until the new one is confirmed."""

    subject: ClassVar[str] = "identity.authenticator.begin.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId


class RecoveryCodes(Message):
    """Codes for the day the device is lost: each works once in place of a one-time code. Told once, kept as hashes."""

    codes: Sequence[str] = Field(repr=False, examples=[["EXAMPLE-CODE-0001-AAAA"]])


class CodeForm(Message):
    """A one-time code."""

    code: OneTimeCode = Field(repr=False)


class ConfirmAuthenticator(CustomerCommand[RecoveryCodes]):
    """Prove the seed with its first code; from now on log-in asks for one. Refused with SECOND_FACTOR_WRONG."""

    subject: ClassVar[str] = "identity.authenticator.confirm.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: CodeForm
    client_address: str


class RemoveAuthenticator(CustomerCommand[Acknowledged]):
    """Ask for no more codes; recovery codes end too. Refused with LONGER_PASSWORD_NEEDED beside a short password."""

    subject: ClassVar[str] = "identity.authenticator.remove.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    client_address: str


class RenewRecoveryCodes(CustomerCommand[RecoveryCodes]):
    """Get fresh recovery codes; the earlier ones end. Refused with NOT_FOUND without an authenticator."""

    subject: ClassVar[str] = "identity.recovery_code.renew.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    client_address: str


class SecurityChanged(Event):
    """Something about a customer's security changed that its owner is told by mail, whatever they prefer."""

    subject: ClassVar[str] = "identity.security.changed.v1"
    notice_id: str
    account_id: SalesforceId
    what: SecurityChange
