"""Linking an existing WHMCS account: its password once, a new portal password, and a code where WHMCS has 2FA (C21)."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from portal_contracts.identity import OneTimeCode, Password, RequestId, Token, same_password
from portal_contracts.message import Event, Message, PublicCommand, ServiceCommand
from portal_contracts.values import CustomerNumber, EmailAddress, Locale, PersonName, SalesforceId


class LinkForm(Message):
    """How one logs in to WHMCS, and the password for the portal (R036, R042)."""

    email: EmailAddress = Field(description="As in WHMCS")
    whmcs_password: Password = Field(description="Checked once with WHMCS, kept nowhere (R045)")
    password: Password = Field(description="A new one, for the portal")
    confirm_password: Password
    locale: Locale = "ja"

    _passwords_agree = field_validator("confirm_password")(same_password)


class Linking(Message):
    """How far a linking is. `code_sent`: WHMCS has a second factor on, so a code was mailed (C21)."""

    state: Literal["code_sent", "working", "done"]
    token: Token = Field(description="To go on with, on any device")


class LinkAccount(PublicCommand[Linking]):
    """Check the WHMCS log-in and link the account (R036–R045).

    Refused with CREDENTIALS_WRONG, PASSWORD_TOO_WEAK, LINKING_NOT_POSSIBLE, EMAIL_TAKEN, CUSTOMER_NUMBER_TAKEN or
    LINK_MISMATCH; slowed by RATE_LIMITED. Nothing is made before the log-in is proven.
    """

    subject: ClassVar[str] = "identity.link.request.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: LinkForm
    client_address: str


class LinkCodeForm(Message):
    """The token of a linking, and the mailed code where one was asked for."""

    token: Token
    code: OneTimeCode | None = Field(default=None, repr=False)


class ContinueLinking(PublicCommand[Linking]):
    """Give the mailed code, or look how far a linking is. Refused with LINKING_OVER, SECOND_FACTOR_WRONG or its end."""

    subject: ClassVar[str] = "identity.link.confirm.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: LinkCodeForm
    client_address: str


class LinkCode(Message):
    """A code for the WHMCS mailbox, minted at the moment of sending; an earlier one dies."""

    email: EmailAddress
    name: PersonName
    locale: Locale
    code: str = Field(repr=False, examples=["000000"])
    expires_at: datetime


class MintLinkCode(ServiceCommand[LinkCode]):
    """Mint the code of a linking's mail. Refused with NOT_FOUND when the linking is over."""

    subject: ClassVar[str] = "identity.link_code.mint.v1"
    key: ClassVar[str] = "link_id"
    link_id: str


class LinkCodeRequested(Event):
    """Somebody knows the password of a WHMCS account that has a second factor; its mailbox gets a code."""

    subject: ClassVar[str] = "identity.link_code.requested.v1"
    link_id: str


class CustomerLinked(Event):
    """A customer from before the portal has linked the WHMCS account; all three ids are joined (R039)."""

    subject: ClassVar[str] = "identity.customer.linked.v1"
    user_id: str
    account_id: SalesforceId
    whmcs_client_id: int
    customer_number: CustomerNumber
