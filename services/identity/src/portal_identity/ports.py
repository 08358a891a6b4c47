"""What the use cases need from outside, in our words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

from portal_contracts.billing_logins import ProvenLogin
from portal_contracts.forgetting import OpenBusiness
from portal_contracts.identity import CustomerLink, SignupForm
from portal_contracts.identity_verification import VerificationStatus
from portal_contracts.operators import Role
from portal_contracts.support import CaseType
from portal_contracts.values import Address, PersonName
from portal_identity.identity_comparison import PersonOnFile


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
    customer_number: str = ""


@dataclass(frozen=True, slots=True)
class NewContact:
    """Who a customer is, for the contact of an account. What the sign-up form did not ask for is None (R017, C10)."""

    email: str
    name: PersonName
    phone: str | None = None
    date_of_birth: date | None = None
    nationality: str | None = None
    """ISO 3166-1, two letters."""
    gender: Literal["male", "female", "other"] | None = None


@dataclass(frozen=True, slots=True)
class BilledProfile:
    """What billing keeps of a customer that the sales system has, too. None and empty: billing has none."""

    phone: str
    address: Address | None


@dataclass(frozen=True, slots=True)
class ChangedMailbox:
    """Whose e-mail address was changed: the one of now, those of before, and the change that is the latest."""

    account_id: str
    whmcs_client_id: int
    latest_change_id: str
    email: str
    former: Sequence[str]


class AccountUnclear(Exception):  # noqa: N818 - a finding
    """A mailbox belongs to an account that cannot be told: there are several, or it has no Customer Number."""


class Accounts(Protocol):
    """The customers in the sales system. Raises TryLater while it is away, Misconfigured when it refuses our set-up."""

    async def find(self, customer_number: str) -> AccountOnFile | None:
        """Find the account with this Customer Number (R020), with its contacts."""

    async def find_by_email(self, email: str) -> AccountOnFile | None:
        """Find the one account that has a contact with this mailbox (C08); None where nobody has it.

        AccountUnclear for several, and for one without a Customer Number: another one would be a duplicate.
        """

    async def open_account(self, customer_number: str, form: SignupForm) -> str:
        """Make an account with this number, or find the one made before; gives its id (R030). Safe to repeat."""

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Mark the account portal-active with its WHMCS client (R027-R029). Safe to repeat."""

    async def ensure_contact(self, account_id: str, contact: NewContact) -> None:
        """Find or create the customer's contact on the account (R030). Safe to repeat.

        Of a contact that is there already, date of birth, nationality and gender are filled in where they are empty
        (R017); nothing that stands there is replaced. What the org has no field for is left out.
        """

    async def change_email(self, account_id: str, former: Collection[str], email: str) -> None:
        """Give the account's contacts with one of the former addresses the new one. Safe to repeat."""

    async def keep_profile(self, account_id: str, email: str, profile: BilledProfile) -> None:
        """Make the account's address and phone, and the phone of the contact with this mailbox, those of the profile.

        What the profile lacks stays, and what is there already is not written. Safe to repeat.
        """

    async def everything(self, account_id: str) -> Mapping[str, Any]:
        """Give what is kept of the person, for their own eyes (D17); what staff note for each other stays out."""

    async def erase(self, account_id: str, email: str) -> None:
        """Take the person from the contacts with this address and switch the portal off (D17). Safe to repeat."""


class Billing(Protocol):
    """Billing, which makes WHMCS clients and knows their log-ins."""

    async def ensure_client(self, customer_number: str, form: SignupForm) -> int:
        """Make the customer's client once and give its id.

        TryLater IN_PROGRESS while an unclear try is looked up; Refused BILLING_ACCOUNT_EXISTS (R023).
        """

    async def prove_login(self, request_id: str, email: str, password: str) -> ProvenLogin:
        """Check a WHMCS password with WHMCS itself, once (R036). Refused CREDENTIALS_WRONG or LINKING_NOT_POSSIBLE."""

    async def profile(self, whmcs_client_id: int) -> Mapping[str, Any]:
        """Give what WHMCS keeps of the person (D17)."""

    async def billed_profile(self, whmcs_client_id: int) -> BilledProfile:
        """Give address and phone as WHMCS has them now. Refused NOT_FOUND."""

    async def change_email(self, request_id: str, changed: ChangedMailbox) -> None:
        """Have the client's e-mail address follow, once for a request. Safe to repeat after a lost answer.

        Refused NOT_FOUND, BILLING_ACCOUNT_EXISTS when another client has it, BAD_REQUEST when WHMCS does not accept it.
        """

    async def has_services(self, whmcs_client_id: int) -> bool:
        """Whether a service of the client runs, waits or is suspended."""


class Owners(Protocol):
    """The services that keep something about a customer beside the profile (D17)."""

    async def export(self, account_id: str, whmcs_client_id: int) -> Mapping[str, Any]:
        """Give what each keeps, by the names of its export's fields, such as `orders`.

        TryLater while one of them is away.
        """

    async def open_business(self, account_id: str) -> OpenBusiness:
        """Give the number of orders and cancellations under way. TryLater while orders is away."""


class StaffDesk(Protocol):
    """Where staff are asked to look at something."""

    async def open_case(
        self, key: str, account_id: str | None, title: str, description: str, *, kind: CaseType = "general_inquiry"
    ) -> str:
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
class LinkDetails:
    """What WHMCS said of somebody whose password was right, which language they chose, and where they were."""

    email: str
    name: PersonName
    locale: str
    whmcs_client_id: int
    customer_number: str
    client_address: str = ""


@dataclass(frozen=True, slots=True)
class KeptLinking:
    """A linking that waits for its code, or is on its way."""

    link_id: str
    details: LinkDetails
    password_hash: str
    proven: bool


@dataclass(frozen=True, slots=True)
class KeptDeletion:
    """A wish to be deleted, without anything that names the person."""

    deletion_id: str
    user_id: str
    account_id: str
    whmcs_client_id: int
    erase_at: datetime


@dataclass(frozen=True, slots=True)
class NewUser:
    """A portal user to be made."""

    user_id: str
    email: str
    name: PersonName
    locale: str
    password_hash: str
    client_address: str = ""
    """Where its mailbox was proven from, for the audit."""


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
    authenticated_at: datetime
    expires_at: datetime
    user: User


@dataclass(frozen=True, slots=True)
class TokenInUse:
    """A living API token and whose it is."""

    token_id: str
    scopes: Sequence[str]
    made_at: datetime
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


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What an authenticator made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class UsedCredential:
    """A signature that was right."""

    sign_count: int


class Ceremonies(Protocol):
    """WebAuthn: making and using passkeys (www.w3.org/TR/webauthn-3). Nothing raises: what is wrong is None."""

    def creation_options(
        self, challenge: bytes, user_id: bytes, email: str, has_already: Sequence[bytes]
    ) -> Mapping[str, Any]:
        """Give what a browser needs to have a passkey made."""

    def created(self, challenge: bytes, credential: Mapping[str, Any]) -> NewCredential | None:
        """Check what an authenticator made."""

    def request_options(self, challenge: bytes) -> Mapping[str, Any]:
        """Give what a browser needs to have a challenge signed."""

    def named(self, credential: Mapping[str, Any]) -> bytes | None:
        """Give the credential an answer says it is by."""

    def used(
        self, challenge: bytes, credential: Mapping[str, Any], public_key: bytes, sign_count: int
    ) -> UsedCredential | None:
        """Check a signature over a challenge."""


@dataclass(frozen=True, slots=True)
class VerificationOnFile:
    """What the sales system says of who a customer is, as far as the customer may know (R200)."""

    status: VerificationStatus
    submitted_at: datetime | None = None
    verified_at: datetime | None = None
    rejection: str = ""


class Verifications(Protocol):
    """Verification of customers in the sales system. Raises TryLater and Misconfigured as `Accounts` does."""

    async def read(self, account_id: str) -> VerificationOnFile:
        """Read how far it is. Refused NOT_FOUND."""

    async def keep_document(self, account_id: str, title: str, kind: str, content: bytes) -> None:
        """Keep a document with the account, once for its title. Refused DOCUMENT_REFUSED when it is not taken.

        Two callers at the same moment may keep it twice; a repeat after a lost answer does not.
        """

    async def mark_pending(self, account_id: str, at: datetime) -> None:
        """Note that documents wait for staff since then (R197). Safe to repeat."""

    async def person(self, account_id: str, email: str) -> PersonOnFile:
        """Read who the contact with this mailbox is, to compare with what was proven; all empty where there is none."""

    async def mark_proven(self, account_id: str, at: datetime, note: str) -> None:
        """Note that a provider verified the customer then, without documents, and in staff's note who did (R198).

        Safe to repeat: the same note is added once.
        """

    async def mark_refuted(self, account_id: str, reason: str, note: str) -> None:
        """Note that a provider proved somebody else; `reason` is for the customer (R199). Safe to repeat."""
