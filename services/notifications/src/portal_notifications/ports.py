"""What the use cases need from outside."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from portal_contracts.identity import PasswordResetLink, Recipient, SignupLink
from portal_contracts.orders import OrderMail


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


class Content(Protocol):
    """The owners of what mails say, asked at the moment of sending. Raises TryLater, or Refused when it is gone."""

    async def signup_link(self, signup_id: str) -> SignupLink:
        """Mint the link of a sign-up."""

    async def password_reset_link(self, reset_id: str) -> PasswordResetLink:
        """Mint the link of a password reset; Refused NOT_FOUND when nobody has the address that asked."""

    async def recipient(self, account_id: str) -> Recipient:
        """Give where a customer's mail goes."""

    async def order(self, order_id: str) -> OrderMail:
        """Give what a mail about an order says."""
