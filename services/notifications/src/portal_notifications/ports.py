"""What the use cases need from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

from portal_contracts.identity import (
    Recipient,
    SignupLink,
)
from portal_contracts.identity_email import EmailChangeLink
from portal_contracts.identity_linking import LinkCode
from portal_contracts.identity_passwords import (
    PasswordResetLink,
)
from portal_contracts.notifications import ChangeMailPreferences, ListMails, MailRecord, MailTopic
from portal_contracts.orders import OrderMail

if TYPE_CHECKING:
    from portal_chassis.postgres import Transaction


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be sent. `mail_id` is its cause and template; the provider repeats it in its events."""

    mail_id: str
    to_address: str
    to_name: str
    subject: str
    text: str
    html: str
    copy_to: str | None = None


class Sending(Enum):
    """What became of a mail handed to the provider."""

    SENT = "sent"
    NOT_NOW = "not_now"
    """Certainly not taken: trying again is harmless."""
    UNCLEAR = "unclear"
    """The answer was lost: it may have been taken."""


@dataclass(frozen=True, slots=True)
class Handed:
    """The provider's answer. `provider_id` is its id of a mail it took, `wait` the pause it asked for (s)."""

    sending: Sending
    provider_id: str | None = None
    wait: int | None = None


class Mailer(Protocol):
    """A mail provider without idempotency keys."""

    async def hand_over(self, mail: Mail) -> Handed:
        """Hand a mail over once. Refused MAIL_REFUSED and Misconfigured MAIL_MISCONFIGURED mean nothing was sent."""

    async def close(self) -> None:
        """Close what is open to the provider."""


class Content(Protocol):
    """The owners of what mails say, asked at the moment of sending. Raises TryLater, or Refused when it is gone."""

    async def signup_link(self, signup_id: str) -> SignupLink:
        """Mint the link of a sign-up."""

    async def password_reset_link(self, reset_id: str) -> PasswordResetLink:
        """Mint the link of a password reset; Refused NOT_FOUND when nobody has the address that asked."""

    async def email_change_link(self, change_id: str) -> EmailChangeLink:
        """Mint the link of a change of address; Refused NOT_FOUND when somebody else has the new one."""

    async def link_code(self, link_id: str) -> LinkCode:
        """Mint the code of a linking; Refused NOT_FOUND when it is over."""

    async def recipient(self, account_id: str) -> Recipient:
        """Give where a customer's mail goes."""

    async def former_recipient(self, change_id: str) -> Recipient:
        """Give where a customer's mail went before a change of address."""

    async def order(self, order_id: str) -> OrderMail:
        """Give what a mail about an order says."""


class Preferences(Protocol):
    """What customers turned off."""

    async def turned_off(self, account_id: str) -> frozenset[MailTopic]:
        """Give the topics a customer does not want. TryLater DATABASE_UNAVAILABLE."""

    async def change(self, account_id: str, command: ChangeMailPreferences) -> None:
        """Turn topics on or off, once for a request id; those not named stay.

        Refused IDEMPOTENCY_KEY_REUSED for a request id that came with other content; TryLater DATABASE_UNAVAILABLE.
        """


Report = Literal["processed", "deferred", "delivered", "bounce", "dropped", "spamreport"]
"""What the provider reports of a mail, in the order in which one outweighs another of the same second."""


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One thing the provider reported. `event_id` is the provider's and the same in a repeat."""

    event_id: str
    mail_id: str
    report: Report
    at: datetime
    words: str = ""
    """What the receiving server said, without addresses."""


class MailBook(Protocol):
    """All mails and what became of them."""

    async def note(self, events: Sequence[MailEvent]) -> int:
        """Keep events of mails of ours, each once; how many were new. TryLater DATABASE_UNAVAILABLE."""

    async def find(self, query: ListMails) -> Sequence[MailRecord]:
        """Give the mails asked for, the newest first. TryLater DATABASE_UNAVAILABLE."""

    async def read(self, mail_id: str) -> MailRecord | None:
        """Give one mail; None when there is none."""

    async def mailbox_refuses(self, account_id: str) -> bool:
        """Whether the last mail to a customer whose end was reported came back."""

    async def sweep(self, transaction: "Transaction", ended_before: datetime) -> int:
        """Forget mails that came to their end before that, a batch of `pruning`, and their reports (§5.10)."""

    async def forget(self, transaction: "Transaction", account_id: str) -> Mapping[str, int]:
        """Drop what is kept of a customer: preferences, reports, and mails that have come to their end (D17).

        Gives how many rows of each are gone.
        """
