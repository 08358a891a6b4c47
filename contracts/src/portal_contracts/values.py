"""Values that mean the same in every service: money, ids, names, addresses; and their Japanese normal forms."""

import hashlib
import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from portal_contracts.message import Message

SALESFORCE_ID_SHORT: Final = 15
SALESFORCE_ID_LONG: Final = 18
_CHECKSUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SALESFORCE_ID: Final = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


class PersonalData:
    """Marks a field that holds personal data: never in an event, redacted in logs, listed in exports (D17)."""

    def __repr__(self) -> str:
        return "PersonalData()"


PERSONAL: Final = PersonalData()


def long_salesforce_id(value: str) -> str:
    """Give the 18-character form of a Salesforce id (reference salesforce.md 2.10).

    The three added characters say which letters are upper case, so the result compares safely. Raises ValueError for
    anything that is no id or whose checksum is wrong.
    """
    if not _SALESFORCE_ID.fullmatch(value):
        raise ValueError("not a Salesforce id: 15 or 18 letters and digits are expected")
    short = value[:SALESFORCE_ID_SHORT]
    checksum = "".join(
        _CHECKSUM[sum(1 << place for place, letter in enumerate(short[start : start + 5]) if "A" <= letter <= "Z")]
        for start in (0, 5, 10)
    )
    if len(value) == SALESFORCE_ID_LONG and value[SALESFORCE_ID_SHORT:].upper() != checksum:
        raise ValueError("not a Salesforce id: its last three characters do not fit the rest")
    return short + checksum


SalesforceId = Annotated[str, AfterValidator(long_salesforce_id), Field(examples=["801000000000001AAA"])]
"""A Salesforce record id, always in its 18-character form."""

Yen = Annotated[int, Field(ge=0, le=999_999_999, description="Whole yen, tax included", examples=[5500])]
"""An amount of money: whole Japanese yen, never a fraction."""

CONTROL_CHARACTERS: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)
NO_CONTROL_CHARACTERS: Final = "control characters are not allowed"
NO_LINE_BREAKS: Final = "line breaks and tabs are not allowed"


def without_control_characters(value: str) -> str:
    """Refuse control and direction-changing characters: nothing a person types needs them (D16)."""
    if CONTROL_CHARACTERS.search(value):
        raise ValueError(NO_CONTROL_CHARACTERS)
    return value


LINE_BREAKS: Final = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")


def on_one_line(value: str) -> str:
    """Refuse line breaks and tabs: names and addresses end up in mail headers and vendors' forms (D16)."""
    if LINE_BREAKS.search(value):
        raise ValueError(NO_LINE_BREAKS)
    return without_control_characters(value)


def as_one_line(value: str) -> str:
    """Give a text that another system keeps with a space for each line break and tab."""
    return LINE_BREAKS.sub(" ", value.replace("\r\n", "\n"))


_UNSEEN: Final = "\u00ad\u115f\u1160\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufeff\uffa0"
_SPACES: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())


def strip(value: object) -> object:
    """Drop what is not seen around a typed text, so that none of nothing else passes for one (D16).

    Other types pass for the next check to refuse.
    """
    return value.strip(_SPACES + _UNSEEN) if isinstance(value, str) else value


Line = Annotated[str, BeforeValidator(strip), AfterValidator(on_one_line)]
"""One line of typed text, kept as entered but for the white space around it (D16)."""

Lines = Annotated[str, BeforeValidator(strip), AfterValidator(without_control_characters)]
"""Typed text of any number of lines, kept as entered but for the white space around it (D16)."""

HYPHENS: Final = re.compile("[-\u2010-\u2015\u2212\u30fc]")
"""What is typed for a hyphen, after NFKC."""
PHONE_PATTERN: Final = r"^\+?[0-9(][0-9 ()-]{6,18}$"
POSTCODE_PATTERN: Final = r"^\d{3}-\d{4}$"
CUSTOMER_NUMBER_PATTERN: Final = r"^[A-Z0-9][A-Z0-9-]*$"
EMAIL_PATTERN: Final = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$"
)

ShortText = Annotated[Line, StringConstraints(min_length=1, max_length=80)]
LongText = Annotated[Lines, StringConstraints(min_length=1, max_length=8000)]


def half_width_capitals(value: object) -> object:
    """Give a typed number of a contract the way it is printed; other types pass for the next check to refuse."""
    return unicodedata.normalize("NFKC", value).strip().upper() if isinstance(value, str) else value


CustomerNumber = Annotated[
    str,
    BeforeValidator(half_width_capitals),
    StringConstraints(min_length=3, max_length=40, pattern=CUSTOMER_NUMBER_PATTERN),
    Field(examples=["SNX-10001"]),
]
"""The Customer Number (`SF_Account_No__c`, C11): half-width, upper case."""

EmailAddress = Annotated[
    str,
    BeforeValidator(lambda value: unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else value),
    StringConstraints(
        max_length=254,
        pattern=EMAIL_PATTERN,
    ),
    PERSONAL,
    Field(examples=["hanako@example.jp"]),
]
"""An e-mail address as typed; compare with `comparable_email`."""

LONGEST_GIVEN_NAME: Final = 40
LONGEST_CONTACT_EMAIL: Final = 80
"""Characters that Salesforce's Contact keeps; WHMCS keeps more, so clients that are linked may have more."""

ContactEmail = Annotated[EmailAddress, StringConstraints(max_length=LONGEST_CONTACT_EMAIL)]
"""An address that a customer gives here, and that every system can keep."""

Locale = Annotated[str, StringConstraints(pattern="^(ja|en)$"), Field(examples=["ja"])]
"""The language a customer reads: Japanese or English."""


def phone_as_dialled(value: object) -> object:
    """Give a phone number in half-width, with one kind of hyphen whatever an input method typed (D16)."""
    if not isinstance(value, str):
        return value
    return HYPHENS.sub("-", unicodedata.normalize("NFKC", value)).strip()


PhoneNumber = Annotated[
    str,
    BeforeValidator(phone_as_dialled),
    StringConstraints(max_length=20, pattern=PHONE_PATTERN),
    PERSONAL,
    Field(examples=["03-1234-5678"]),
]


CountryCode = Annotated[
    str, StringConstraints(pattern="^[A-Z]{2}$"), Field(description="ISO 3166 code", examples=["JP"])
]


class PersonName(Message):
    """A person's name as entered; shown as entered, compared by `comparable_name` (D16)."""

    family_name: Annotated[ShortText, PERSONAL, Field(examples=["山田"])]
    given_name: Annotated[ShortText, PERSONAL, Field(examples=["花子"])]


class ContactName(PersonName):
    """A name that a customer gives here, and that every system can keep."""

    given_name: Annotated[
        ShortText, StringConstraints(max_length=LONGEST_GIVEN_NAME), PERSONAL, Field(examples=["花子"])
    ]


class Address(Message):
    """A postal address in the parts WHMCS and Salesforce both keep (C09).

    Street and building together fit into Salesforce's 255 characters of a street.
    """

    postcode: Annotated[
        str,
        BeforeValidator(lambda value: comparable_postcode(value) if isinstance(value, str) else value),
        StringConstraints(pattern=POSTCODE_PATTERN),
        PERSONAL,
        Field(description="Japanese postcode", examples=["150-0001"]),
    ]
    prefecture: Annotated[ShortText, PERSONAL, Field(examples=["東京都"])]
    city: Annotated[Line, StringConstraints(min_length=1, max_length=40), PERSONAL, Field(examples=["渋谷区"])]
    street: Annotated[Line, StringConstraints(min_length=1, max_length=150), PERSONAL, Field(examples=["神宮前1-2-3"])]
    building: Annotated[Line, StringConstraints(max_length=100), PERSONAL] = ""
    country: CountryCode = "JP"


def comparable_text(value: str) -> str:
    """Give the form in which two writings of one text are equal: NFKC, katakana, no spaces, case folded (D16)."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    katakana = "".join(chr(ord(letter) + 0x60) if "\u3041" <= letter <= "\u3096" else letter for letter in folded)
    return re.sub(r"\s+", "", katakana)


def comparable_name(name: PersonName) -> str:
    """Give the form in which two writings of one person's name are equal."""
    return comparable_text(name.family_name) + comparable_text(name.given_name)


def comparable_email(value: str) -> str:
    """Give the form in which two writings of one mailbox are equal: NFKC and case folded as a whole."""
    return unicodedata.normalize("NFKC", value).strip().casefold()


def comparable_postcode(value: str) -> str:
    """Give a Japanese postcode as 123-4567 whatever width, mark or hyphen it was typed with."""
    typed = HYPHENS.sub("", unicodedata.normalize("NFKC", value).replace("〒", ""))
    digits = re.sub(r"\s", "", typed)
    return f"{digits[:3]}-{digits[3:]}"


def address_fingerprint(postcode: str, state: str, city: str, *lines: str) -> str:
    """Give the SHA-256 of an address in a form that does not depend on widths, cases, spaces, hyphens or line breaks.

    Two systems' addresses are compared by it without either travelling (D14).
    """
    text = comparable_text("".join((postcode, state, city, *lines)))
    return hashlib.sha256(re.sub(r"[-\u2010-\u2015\u2212\u30fc,.、。]", "", text).encode()).hexdigest()
