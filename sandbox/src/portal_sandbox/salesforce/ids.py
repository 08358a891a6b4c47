"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum (reference/salesforce.md 2.10)."""

import hashlib
import string
from functools import lru_cache

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits
CHECKSUM_ALPHABET = string.ascii_uppercase + "012345"
SHORT_LENGTH = 15
LONG_LENGTH = 18
NEW_RECORD_INFIX = "Sn"
SEEDED_RECORD_INFIX = "Sd"


def to_long(short_id: str) -> str:
    """The 18-character form of a 15-character id: each group of five letters adds one checksum letter."""
    checksum = ""
    for start in range(0, SHORT_LENGTH, 5):
        group = short_id[start : start + 5]
        bits = sum(1 << position for position, letter in enumerate(group) if letter in string.ascii_uppercase)
        checksum += CHECKSUM_ALPHABET[bits]
    return short_id + checksum


def normalize(value: str) -> str | None:
    """The 18-character form of either form; None when it is no id at all or its checksum is wrong."""
    if not value.isascii() or not value.isalnum():
        return None
    if len(value) == SHORT_LENGTH:
        return to_long(value)
    if len(value) == LONG_LENGTH:
        long_id = to_long(value[:SHORT_LENGTH])
        return long_id if long_id[SHORT_LENGTH:] == value[SHORT_LENGTH:].upper() else None
    return None


def numbered(prefix: str, number: int, infix: str = NEW_RECORD_INFIX) -> str:
    """The id of the n-th record created at run time."""
    digits = ""
    while number:
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    head = prefix + infix
    filling = "z" if digits.startswith("0") else "0"  # "0" is a digit as any other: 52 and 3,276 must differ
    return to_long(head + digits.rjust(SHORT_LENGTH - len(head), filling))


@lru_cache(maxsize=4096)
def seeded(prefix: str, key: str) -> str:
    """The id of a seeded record: the same for the same key in every run and on every machine."""
    head = prefix + SEEDED_RECORD_INFIX
    digest = hashlib.sha256(f"{prefix}:{key}".encode()).digest()
    tail = "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[: SHORT_LENGTH - len(head)])
    return to_long(head + tail)


ORGANIZATION_ID = to_long("00DSd0000000001")
PORTAL_USER_ID = to_long("005Sd0000000001")
STAFF_USER_ID = to_long("005Sd0000000002")
AUTOMATED_PROCESS_USER_ID = to_long("005Sd0000000003")
STANDARD_PRICEBOOK_ID = to_long("01sSd0000000000")
PORTAL_PRICEBOOK_ID = to_long("01sSd0000000001")
