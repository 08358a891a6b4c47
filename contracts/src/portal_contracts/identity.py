"""What identity answers and announces: sign-up, sessions, links between the three systems."""

import unicodedata
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from portal_contracts.message import (
    Acknowledged,
    CustomerCommand,
    CustomerQuery,
    Event,
    Message,
    PublicCommand,
    PublicQuery,
    ServiceCommand,
    ServiceQuery,
)
from portal_contracts.values import (
    PERSONAL,
    Address,
    ContactEmail,
    ContactName,
    CountryCode,
    CustomerNumber,
    EmailAddress,
    Line,
    Locale,
    PersonName,
    PhoneNumber,
    SalesforceId,
    comparable_email,
    half_width_capitals,
)

PasswordText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    Field(json_schema_extra={"format": "password"}, examples=["a-long-and-fake-passphrase"]),
]
"""A password where it may be missing; the field must say `repr=False` itself."""
Password = Annotated[PasswordText, Field(repr=False)]
Token = Annotated[
    str,
    StringConstraints(min_length=16, max_length=256, pattern=r"^[A-Za-z0-9_.-]+$"),
    Field(repr=False, examples=["example-token-0000000000000000"]),
]
OneTimeCode = Annotated[
    str,
    BeforeValidator(lambda value: unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else value),
    StringConstraints(min_length=6, max_length=40, pattern=r"^[0-9A-Za-z -]+$"),
    Field(examples=["000000"]),
]
"""A code of an authenticator app, of a mail, or a recovery code; full-width digits are taken too (D16)."""
RequestId = Annotated[
    str, StringConstraints(min_length=8, max_length=255, pattern=r"^[\x21-\x7e]+$"), Field(examples=["request-0001"])
]
"""What makes a repeated command harmless: the client's Idempotency-Key or one the gateway made."""

CartId = Annotated[
    str, StringConstraints(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$"), Field(examples=["cart-0001"])
]
"""Names a cart that was filled before signing up; identity only passes it on."""

SF_NUMBER: Final = "sfNumber"


def same_password(value: str, info: ValidationInfo) -> str:
    """Compare a repeated password with the first (R016)."""
    if "password" in info.data and info.data["password"] != value:
        raise PydanticCustomError("PASSWORDS_DIFFER", "the two passwords differ")
    return value


def same_email(value: str, info: ValidationInfo) -> str:
    """Compare a repeated e-mail address with the first (R016)."""
    if "email" in info.data and comparable_email(info.data["email"]) != comparable_email(value):
        raise PydanticCustomError("EMAILS_DIFFER", "the two e-mail addresses differ")
    return value


class SignupForm(Message):
    """The sign-up form (R014–R018, C10). Every well-formed form gets the same answer (C39)."""

    email: ContactEmail
    confirm_email: ContactEmail
    password: Password
    confirm_password: Password
    customer_number: CustomerNumber | None = Field(
        default=None, description="Needed unless the portal is open to everybody (C08). Also accepted as `sfNumber`"
    )
    name: ContactName
    address: Address
    company: Annotated[Line, StringConstraints(max_length=100), PERSONAL] = ""
    phone: PhoneNumber | None = None
    locale: Locale = "ja"
    nationality: Annotated[CountryCode, PERSONAL] | None = None
    date_of_birth: Annotated[date, PERSONAL] | None = None
    gender: Annotated[Literal["male", "female", "other"], PERSONAL] | None = None
    source: Literal["portal_signup", "portal_checkout"] = Field(
        default="portal_signup", description="How the customer arrived (R029)"
    )
    cart_id: CartId | None = Field(default=None, description="The signed-out cart that waits for the customer")

    @model_validator(mode="before")
    @classmethod
    def one_customer_number(cls, data: Any) -> Any:
        """Take `sfNumber` for `customerNumber`; two different values are CUSTOMER_NUMBER_CONFLICT (C11)."""
        if not isinstance(data, dict) or SF_NUMBER not in data:
            return data
        given = data.get("customerNumber", data.get("customer_number"))
        if given is not None and half_width_capitals(given) != half_width_capitals(data[SF_NUMBER]):
            raise PydanticCustomError("CUSTOMER_NUMBER_CONFLICT", "customerNumber and sfNumber differ")
        return {**data, "customerNumber": data[SF_NUMBER]}

    _emails_agree = field_validator("confirm_email")(same_email)
    _passwords_agree = field_validator("confirm_password")(same_password)


class SignupAccepted(Message):
    """The one answer of every well-formed form: a mail with a link is on its way (C39)."""

    message: str = "We have sent you an e-mail. Open the link in it to go on."


class RequestSignup(PublicCommand[SignupAccepted]):
    """Keep a sign-up form and have a link mailed to prove the mailbox (C39)."""

    subject: ClassVar[str] = "identity.signup.request.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: SignupForm
    client_address: str = Field(description="IP address the form came from, for rate limits (D18)")


class Signup(Message):
    """How far a sign-up is."""

    state: Literal["working", "done"]
    customer_number: CustomerNumber | None = Field(default=None, description="None until an open portal has given one")


class ConfirmSignup(PublicCommand[Signup]):
    """Use the mailed link: verify the number, make client, user and link (R026). Repeats show how far it is.

    The form's password is asked for once more, so that a stranger's form with somebody's number and mailbox never
    becomes that somebody's account with the stranger's password (C39); repeats after it was right need none.

    Refused with SIGNUP_LINK_INVALID, SIGNUP_PASSWORD_WRONG (five times, then the link is over), EMAIL_TAKEN,
    CUSTOMER_NUMBER_NOT_PROVEN (unknown, taken and somebody else's numbers alike, D18), to who has proven the number
    CUSTOMER_NUMBER_TAKEN or BILLING_ACCOUNT_EXISTS, without a number LINKING_NOT_POSSIBLE, and while staff have to act
    with what they have to mend, such as TOO_MANY_FAILURES.
    """

    subject: ClassVar[str] = "identity.signup.confirm.v1"
    key: ClassVar[str] = "token"
    token: Token
    password: PasswordText | None = Field(default=None, repr=False, description="As in the sign-up form")
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


class OpenedSession(Message):
    """A fresh session. The tokens go into cookies and nowhere else."""

    session_token: Token
    csrf_token: Token
    user_id: str
    expires_at: datetime = Field(description="Absolute end, 12 h after log-in (§5.1)")


class LogIn(PublicCommand[OpenedSession]):
    """Open a session. Refused with CREDENTIALS_WRONG for known and unknown addresses alike, slowed by RATE_LIMITED.

    Refused with SECOND_FACTOR_REQUIRED when the password is right and the customer has an authenticator: send all of it
    again with the code, or with a recovery code; SECOND_FACTOR_WRONG when that one is wrong or was used.
    """

    subject: ClassVar[str] = "identity.session.open.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    email: EmailAddress
    password: Password
    code: OneTimeCode | None = Field(default=None, repr=False)
    client_address: str
    user_agent: Annotated[str, StringConstraints(max_length=400)] = ""
    device: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None,
        repr=False,
        description="SHA-256 of a session token this browser had: strangers do not slow it down",
        examples=["0" * 64],
    )


class LogOut(CustomerCommand[Acknowledged]):
    """End the caller's session everywhere (within 5 s, architecture §9)."""

    subject: ClassVar[str] = "identity.session.close.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    client_address: Annotated[str, PERSONAL] = Field(default="", description="As the gateway saw it")


class MintedActor(Message):
    """A Portal-Actor token for one session, good for two minutes."""

    actor_token: str = Field(repr=False)
    expires_at: datetime
    session_id: str
    csrf_token: Token


class MintActor(PublicQuery[MintedActor]):
    """Exchange a session token for a Portal-Actor token. Refused with SESSION_EXPIRED."""

    subject: ClassVar[str] = "identity.actor.mint.v1"
    session_token: Token


class Me(Message):
    """The signed-in customer."""

    user_id: str
    email: EmailAddress
    name: PersonName
    locale: Locale
    customer_number: CustomerNumber
    account_id: SalesforceId
    whmcs_client_id: int


class ReadMe(CustomerQuery[Me]):
    """Read the signed-in customer."""

    subject: ClassVar[str] = "identity.customer.me.v1"


class CustomerLink(Message):
    """The one row that joins a customer's three ids (R006)."""

    user_id: str
    account_id: SalesforceId
    whmcs_client_id: int
    customer_number: CustomerNumber
    locale: Locale


class FindCustomer(ServiceQuery[CustomerLink]):
    """Find the link of a Salesforce account. Refused with CUSTOMER_NOT_LINKED."""

    subject: ClassVar[str] = "identity.customer.find.v1"
    account_id: SalesforceId


class Recipient(Message):
    """Where a customer's mail goes, read when it is sent."""

    email: EmailAddress
    name: PersonName
    locale: Locale


class ReadRecipient(ServiceQuery[Recipient]):
    """Read a customer's address and language for a mail. Refused with CUSTOMER_NOT_LINKED."""

    subject: ClassVar[str] = "identity.recipient.read.v1"
    account_id: SalesforceId


class SignupLink(Message):
    """A mailbox-proof link minted at the moment of sending; an earlier one dies."""

    email: EmailAddress
    name: PersonName
    locale: Locale
    token: Token
    expires_at: datetime


class MintSignupLink(ServiceCommand[SignupLink]):
    """Mint the link of a sign-up's mail. Refused with NOT_FOUND when the sign-up is over."""

    subject: ClassVar[str] = "identity.signup_link.mint.v1"
    key: ClassVar[str] = "signup_id"
    signup_id: str


class SignupRequested(Event):
    """Somebody sent a well-formed sign-up form; the mailbox is not proven yet."""

    subject: ClassVar[str] = "identity.signup.requested.v1"
    signup_id: str


class CustomerRegistered(Event):
    """A customer's portal user, WHMCS client and Salesforce account are linked."""

    subject: ClassVar[str] = "identity.customer.registered.v1"
    user_id: str
    account_id: SalesforceId
    whmcs_client_id: int
    cart_id: CartId | None = Field(default=None, description="The cart of before signing up, now theirs")


class SessionRevoked(Event):
    """A session ended before its time; whoever caches it forgets it."""

    subject: ClassVar[str] = "identity.session.revoked.v1"
    session_id: str
