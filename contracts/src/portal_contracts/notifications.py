"""Mails: what a customer wants to get, what became of each, and what the mail provider reports (R260-R266)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Base64UrlBytes, Field, StringConstraints

from portal_contracts.identity import RequestId
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Message, PublicCommand
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission
from portal_contracts.values import SalesforceId

MailTopic = Literal["order_progress", "case_updates", "eligibility"]
"""What a customer may turn off. Mails about security and about the contract itself are always sent."""
MailStanding = Literal[
    "waiting", "sent", "delivered", "deferred", "bounced", "dropped", "complained", "unclear", "not_sent", "turned_off"
]
"""Sent: the provider took it. Unclear: its answer was lost, and the mail is not sent again by itself."""
MAIL_EVENTS_LIMIT: Final = 1024 * 1024
"""Bytes of one posting of the provider, which bundles up to a thousand events."""


class MailPreference(Message):
    """Whether a customer wants the mails of a topic."""

    topic: MailTopic
    wanted: bool


class MailPreferences(Message):
    """What a customer wants to get; every topic once."""

    preferences: Sequence[MailPreference]
    mailbox_refuses: bool = Field(description="The last mail that was tried came back: the address should be looked at")


class ReadMailPreferences(CustomerQuery[MailPreferences]):
    """Read what the caller wants to get."""

    subject: ClassVar[str] = "notifications.preference.read.v1"


class ChangeMailPreferences(CustomerCommand[MailPreferences]):
    """Turn topics on or off; those not named stay as they are. Setting the same again changes nothing."""

    subject: ClassVar[str] = "notifications.preference.change.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    preferences: Sequence[MailPreference] = Field(min_length=1, max_length=10)


class MailRecord(Message):
    """One mail as staff see it: what for and what became of it. No address and no content is kept."""

    id: int
    mail_id: str = Field(
        description="Its template and cause; the provider's activity list names it `portal_message_id`",
        examples=["welcome:001000000000001AAA"],
    )
    template: str
    account_id: str | None = Field(default=None, description="None before there is one, as for a sign-up")
    order_id: str | None = None
    standing: MailStanding
    code: str | None = Field(default=None, description="Problem code of a mail that waits or was not sent")
    provider_id: str | None = Field(default=None, description="The provider's id, `X-Message-Id`")
    caused_at: datetime
    reported_at: datetime | None = Field(default=None, description="When the provider reported last")
    report: str = Field(default="", description="The receiving server's words, without addresses")


class MailHistory(Message):
    """The newest mails first."""

    mails: Sequence[MailRecord]


class ListMails(OperatorQuery[MailHistory]):
    """List mails, the newest first: of one customer, of one order, or all of one standing."""

    subject: ClassVar[str] = "notifications.mail.list.v1"
    permission: ClassVar[Permission] = "mail.read"
    account_id: SalesforceId | None = None
    order_id: SalesforceId | None = None
    standing: MailStanding | None = None
    before_id: int | None = Field(default=None, description="Only mails older than this one")
    limit: int = Field(default=100, ge=1, le=1000)


class SendMailAgain(OperatorCommand[OperatorOutcome]):
    """Send a mail once more, with fresh content; for one that is unclear, came back or was not sent.

    Refused with NOT_FOUND, or MAIL_NOT_REPEATABLE for one that waits, arrived or is not wanted.
    """

    subject: ClassVar[str] = "notifications.mail.send_again.v1"
    permission: ClassVar[Permission] = "mail.act"
    mail_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class TakeMailEvents(PublicCommand[Acknowledged]):
    """Take what the mail provider posts about mails (delivered, bounced …), as it was sent.

    Notifications verifies the signature over timestamp and raw body; each event counts once, by its id, and tells
    about a mail of ours or nothing. Refused with NOT_FOUND where no key is set up, SIGNATURE_INVALID,
    SIGNED_CALL_EXPIRED or BAD_REQUEST. Source: reference sendgrid.md 6.
    """

    subject: ClassVar[str] = "notifications.mail_event.take.v1"
    key: ClassVar[str] = "signature"
    timestamp: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}$")] = Field(
        description="When it was signed, in whole Unix seconds", examples=["1767225600"]
    )
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{8,200}={0,2}$")] = Field(
        description="ECDSA P-256 with SHA-256 over timestamp and raw body, DER in base64", examples=["MEUCIQCexample=="]
    )
    body: Base64UrlBytes = Field(max_length=MAIL_EVENTS_LIMIT, description="As it came", examples=["W10="])
