"""Changing the e-mail address one logs in with: proven at the new mailbox, told to the old one."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from portal_contracts.identity import Recipient, RequestId, Token, same_email
from portal_contracts.message import (
    Acknowledged,
    CustomerCommand,
    Event,
    Message,
    PublicCommand,
    ServiceCommand,
    ServiceQuery,
)
from portal_contracts.values import PERSONAL, ContactEmail, EmailAddress, Locale, PersonName, SalesforceId


class EmailChangeForm(Message):
    """The new address, twice."""

    email: ContactEmail
    confirm_email: ContactEmail

    _emails_agree = field_validator("confirm_email")(same_email)


class EmailChangeAccepted(Message):
    """The one answer of every well-formed wish, whether somebody has the address or not (D18)."""

    message: str = "We have sent an e-mail to the new address. Open the link in it to go on."


class RequestEmailChange(CustomerCommand[EmailChangeAccepted]):
    """Have a link mailed to a new address that proves its mailbox. A later wish takes the place of an earlier one."""

    subject: ClassVar[str] = "identity.email_change.request.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: EmailChangeForm
    client_address: str


class ConfirmEmailChange(PublicCommand[Acknowledged]):
    """Use the mailed link: from now on the new address logs in. Refused with EMAIL_LINK_INVALID."""

    subject: ClassVar[str] = "identity.email_change.confirm.v1"
    key: ClassVar[str] = "token"
    token: Token
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


class EmailChangeLink(Message):
    """A link for the new mailbox, minted at the moment of sending; an earlier one dies."""

    email: EmailAddress
    name: PersonName
    locale: Locale
    token: Token
    expires_at: datetime


class MintEmailChangeLink(ServiceCommand[EmailChangeLink]):
    """Mint the link of a change's mail. Refused with NOT_FOUND when it is over or the address is somebody else's."""

    subject: ClassVar[str] = "identity.email_change_link.mint.v1"
    key: ClassVar[str] = "change_id"
    change_id: str


class ReadFormerRecipient(ServiceQuery[Recipient]):
    """Read the mailbox a customer had before a change, to tell it. Refused with NOT_FOUND."""

    subject: ClassVar[str] = "identity.former_recipient.read.v1"
    change_id: str


class EmailChangeRequested(Event):
    """A customer wants another address; the new mailbox is not proven yet."""

    subject: ClassVar[str] = "identity.email_change.requested.v1"
    change_id: str
    account_id: SalesforceId


class EmailChanged(Event):
    """A customer logs in with another address now; the mailbox before is told."""

    subject: ClassVar[str] = "identity.email.changed.v1"
    change_id: str
    account_id: SalesforceId
