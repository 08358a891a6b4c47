"""Numbers that Freebit and the operator hand out: phone numbers, profiles, activation codes."""

import sqlite3

from portal_sandbox.freebit.lines import find_line, next_number

SMDP_HOST = "smdp.sandbox.invalid"
_BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def assign_account(db: sqlite3.Connection, *, with_sms: bool) -> str:
    """The next free number: 11 digits from 070, or 14 digits from 020 for a line that carries data alone."""
    while True:
        account = f"0709000{next_number(db, 'account'):04d}" if with_sms else f"0200900{next_number(db, 'account'):07d}"
        if find_line(db, account) is None:
            return account


def assign_profile(db: sqlite3.Connection) -> dict[str, str]:
    """ICCID, IMSI, product number and activation code of a new eSIM profile."""
    serial = next_number(db, "profile")
    return {
        "iccid": with_luhn_digit(f"898103000001{serial:06d}"),
        "imsi": f"44010{serial:010d}",
        "product_number": f"ES{serial:013d}",
        "activation_code": f"LPA:1${SMDP_HOST}${_matching_id(serial)}",
    }


def with_luhn_digit(digits: str) -> str:
    """The number with its Luhn check digit (ITU-T E.118) appended."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digit sum of a two-digit product
    return digits + str(-total % 10)


def _matching_id(serial: int) -> str:
    value, text = serial * 2654435761 % 36**15, ""
    for _ in range(15):
        value, rest = divmod(value, 36)
        text = _BASE_36[rest] + text
    return f"{text[:5]}-{text[5:10]}-{text[10:]}"
