"""What the use cases need from outside, in our words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portal_contracts.identity import CustomerLink, SignupForm
from portal_contracts.operators import Role
from portal_contracts.values import PersonName


@dataclass(frozen=True, slots=True)
class ContactOnFile:
    """A contact of an account as the sales system has it."""

    email: str
    family_name: str


@dataclass(frozen=True, slots=True)
class AccountOnFile:
    """A customer as the sales system has it."""

    account_id: str
    name: str
    postcode: str
    whmcs_client_id: str
    contacts: Sequence[ContactOnFile]


class Accounts(Protocol):
    """The customers in the sales system. Raises TryLater while it is away, Misconfigured when it refuses our set-up."""

    async def find(self, customer_number: str) -> AccountOnFile | None:
        """Find the account with this Customer Number (R020), with its contacts."""

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Mark the account portal-active with its WHMCS client (R027-R029). Safe to repeat."""

    async def ensure_contact(self, account_id: str, form: SignupForm) -> None:
        """Find or create the customer's contact on the account (R030). Safe to repeat."""


class Billing(Protocol):
    """Billing, which makes WHMCS clients."""

    async def ensure_client(self, form: SignupForm) -> int:
        """Make the customer's client once and give its id.

        TryLater IN_PROGRESS while an unclear try is looked up; Refused BILLING_ACCOUNT_EXISTS (R023).
        """


class StaffDesk(Protocol):
    """Where staff are asked to look at something."""

    async def open_case(self, key: str, account_id: str, title: str, description: str) -> str:
        """Open a case once for its key and give its id."""


class PasswordHasher(Protocol):
    """Hashes slowly on purpose, off the event loop and a few at a time."""

    async def hash(self, password: str) -> str:
        """Give the hash of a password."""

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Compare; with None do the same work and say no, so that a stranger learns nothing from the time it takes."""


@dataclass(frozen=True, slots=True)
class KeptSignup:
    """A sign-up that waits for its link, or is on its way."""

    signup_id: str
    form: SignupForm
    password_hash: str


@dataclass(frozen=True, slots=True)
class User:
    """A portal user with the link of the three systems."""

    user_id: str
    email: str
    name: PersonName
    locale: str
    password_hash: str
    password_version: int
    link: CustomerLink


@dataclass(frozen=True, slots=True)
class Session:
    """An open session and whose it is."""

    session_id: str
    csrf_token: str
    opened_at: datetime
    expires_at: datetime
    user: User


@dataclass(frozen=True, slots=True)
class OperatorOnFile:
    """Somebody who has access as an operator. Without password and seed they are not enrolled yet."""

    operator_id: str
    email: str
    roles: Sequence[Role]
    password_hash: str | None
    seed: str | None
    """Of the second factor, in base32."""

    @property
    def enrolled(self) -> bool:
        """Whether they can sign in."""
        return self.password_hash is not None


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """An operator's open session."""

    session_id: str
    csrf_token: str
    opened_at: datetime
    expires_at: datetime
    operator_id: str
    email: str
    roles: Sequence[Role]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment whose token is good. `seed` was shown last; None before the first time."""

    token_hash: bytes
    operator_id: str
    email: str
    seed: str | None
