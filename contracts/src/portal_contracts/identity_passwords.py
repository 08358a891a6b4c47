"""Passwords of customers: forgotten and set anew by a mailed link, or changed by who knows the one before."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field, field_validator

from portal_contracts.identity import Password, RequestId, Token, same_password
from portal_contracts.message import Acknowledged, CustomerCommand, Event, Message, PublicCommand, ServiceCommand
from portal_contracts.values import EmailAddress, Locale, PersonName, SalesforceId


class PasswordResetAccepted(Message):
    """The one answer of every request for a reset, whether the address is known or not (R046)."""

    message: str = "If we know this address, we have sent you an e-mail. Open the link in it to go on."


class RequestPasswordReset(PublicCommand[PasswordResetAccepted]):
    """Have a link for a new password mailed to a forgetful customer (R046). Slowed by RATE_LIMITED."""

    subject: ClassVar[str] = "identity.password.request_reset.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    email: EmailAddress
    client_address: str = Field(description="IP address the request came from, for rate limits (D18)")


class NewPasswordForm(Message):
    """A new password with the token of the mailed link."""

    token: Token
    password: Password
    confirm_password: Password

    _passwords_agree = field_validator("confirm_password")(same_password)


class ResetPassword(PublicCommand[Acknowledged]):
    """Use the mailed link: set a new password and end every session of the user (R047). The link works once.

    Refused with PASSWORD_LINK_INVALID or PASSWORD_TOO_WEAK.
    """

    subject: ClassVar[str] = "identity.password.reset.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: NewPasswordForm
    client_address: str


class PasswordChangeForm(Message):
    """A new password with the one it replaces."""

    current_password: Password
    password: Password
    confirm_password: Password

    _passwords_agree = field_validator("confirm_password")(same_password)


class ChangePassword(CustomerCommand[Acknowledged]):
    """Change the caller's password and end the caller's other sessions.

    Refused with CURRENT_PASSWORD_WRONG, also when a change that went through is repeated, or PASSWORD_TOO_WEAK;
    slowed by RATE_LIMITED.
    """

    subject: ClassVar[str] = "identity.password.change.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: PasswordChangeForm
    client_address: str


class PasswordResetLink(Message):
    """A link for a new password, minted at the moment of sending; it works once, for half an hour."""

    email: EmailAddress
    name: PersonName
    locale: Locale
    token: Token
    expires_at: datetime


class MintPasswordResetLink(ServiceCommand[PasswordResetLink]):
    """Mint the link of a reset's mail. Refused with NOT_FOUND when nobody has the address or the reset is over."""

    subject: ClassVar[str] = "identity.password_reset_link.mint.v1"
    key: ClassVar[str] = "reset_id"
    reset_id: str


class PasswordResetRequested(Event):
    """Somebody asked for a new password; whether a customer has the address is told when the mail's link is minted."""

    subject: ClassVar[str] = "identity.password_reset.requested.v1"
    reset_id: str


class PasswordChanged(Event):
    """A customer's password is another one now, by a mailed link or by the customer."""

    subject: ClassVar[str] = "identity.password.changed.v1"
    change_id: str
    account_id: SalesforceId
