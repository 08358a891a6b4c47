"""Reads what WHMCS answers. All quirks of reference/whmcs.md section 2 end here."""

import html
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from portal_contracts.values import as_one_line

WHMCS_ZONE: Final = ZoneInfo("Asia/Tokyo")
"""WHMCS writes server-local times without a zone; the reseller's server stands in Tokyo."""

_FALSE: Final = frozenset({"", "0", "false", "off", "no", "null", "none"})
_TAG: Final = re.compile(r"<[^>]{0,200}>")
_DAY_LENGTH: Final = 10


class BadAnswer(Exception):  # noqa: N818 - it says what came
    """The answer is not what WHMCS's documentation describes: nothing may be concluded from it."""


def rows(body: Mapping[str, Any], plural: str, singular: str | None = None) -> list[Mapping[str, Any]]:
    """Give the objects of `body[plural][singular]`, or of `body[plural]` for a flat list.

    Empty lists come as [], {}, "", null or not at all, lists of one as the bare object, and some lists as objects with
    numbers for keys. Raises BadAnswer for anything else.
    """
    held = body.get(plural)
    if singular is not None and isinstance(held, Mapping) and singular in held:
        held = held[singular]
        wraps = True
    else:
        wraps = singular is None
    if held is None or held == "":
        return []
    if isinstance(held, Mapping):
        numbered = _numbered(held)
        held = numbered if numbered is not None else [held] if wraps else None
    if not isinstance(held, list) or not all(isinstance(row, Mapping) for row in held):
        raise BadAnswer(f"{plural} is no list of objects")
    return held


def _numbered(held: Mapping[str, Any]) -> list[Any] | None:
    """Give the values of an object whose keys are numbers, in their order; None when they are names."""
    if all(str(key).isdigit() for key in held):
        return [held[key] for key in sorted(held, key=int)]
    return None


def whole(row: Mapping[str, Any], *names: str) -> int:
    """Give a whole number under the first of the names that is there. Raises BadAnswer without one."""
    value = _first(row, names)
    found = optional_whole(value)
    if found is None:
        raise BadAnswer(f"{names[0]} is no whole number")
    return found


def optional_whole(value: object) -> int | None:
    """Give a whole number that may come as number or text; None for anything that is none, and for `12.5`."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return int(number) if number.is_finite() and number == number.to_integral_value() else None


def yen(row: Mapping[str, Any], name: str, *, default: int | None = None) -> int:
    """Give an amount in whole yen; WHMCS writes two decimals. Raises BadAnswer without an amount or a default."""
    value = row.get(name)
    if value in (None, "") and default is not None:
        return default
    return yen_of(value, name)


def yen_of(value: object, name: str) -> int:
    """Give an amount in whole yen. Raises BadAnswer when it is none."""
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise BadAnswer(f"{name} is no amount") from None
    if not amount.is_finite():
        raise BadAnswer(f"{name} is no amount")
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def percent(row: Mapping[str, Any], name: str) -> float | None:
    """Give a rate such as `10.000`; None without a readable one."""
    try:
        rate = Decimal(str(row.get(name)).strip())
    except InvalidOperation:
        return None
    return float(rate) if rate.is_finite() else None


def flag(value: object) -> bool:
    """Give a truth value: WHMCS writes true, 1, "on" and "true", and false, "", "0" and "false"."""
    if isinstance(value, bool):
        return value
    return value is not None and str(value).strip().casefold() not in _FALSE


def day(value: object) -> date | None:
    """Give a date; zero dates, empty ones and anything unreadable are None."""
    text = str(value or "")[:_DAY_LENGTH]
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def moment(value: object) -> datetime | None:
    """Give a server-local time with its zone; zero times, empty ones and anything unreadable are None."""
    try:
        return datetime.fromisoformat(str(value or "").strip()).replace(tzinfo=WHMCS_ZONE)
    except ValueError:
        return None


def text(row: Mapping[str, Any], *names: str) -> str:
    """Give text a person entered, under the first of the names that is there; WHMCS keeps it entity-escaped."""
    value = _first(row, names)
    return "" if value is None else html.unescape(str(value)).strip()


def line(row: Mapping[str, Any], *names: str) -> str:
    """The same on one line: old records have line breaks and tabs where the portal takes none (D16)."""
    return as_one_line(text(row, *names)).strip()


def plain_text(row: Mapping[str, Any], *names: str) -> str:
    """The same without HTML tags, for descriptions."""
    return " ".join(_TAG.sub(" ", text(row, *names)).split())


def ids(value: object) -> tuple[int, ...]:
    """Give the ids of a comma-separated text, which may also be a single number or empty."""
    return tuple(int(part) for part in str(value or "").split(",") if part.strip().isdigit())


def custom_values(row: Mapping[str, Any]) -> dict[int, str]:
    """Give the custom fields of a client (a flat list) or of a service (nested), id to value."""
    found: dict[int, str] = {}
    for field in _custom_rows(row):
        number = optional_whole(field.get("id"))
        if number is not None:
            found[number] = text(field, "value")
    return found


def _custom_rows(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    held = row.get("customfields")
    nested = isinstance(held, Mapping) and "customfield" in held
    return rows(row, "customfields", "customfield" if nested else None)


def cycle(value: object) -> str:
    """Give a billing cycle in one spelling: `One Time`, `one-time` and `onetime` are `onetime`."""
    return re.sub(r"[\s_-]+", "", str(value or "")).casefold()


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def check_client(value: object, client_id: int, *, optional: bool = False) -> None:
    """Refuse an answer about another client than asked for. Raises BadAnswer."""
    found = optional_whole(value)
    if found != client_id and not (optional and found is None):
        raise BadAnswer("an answer about another client")
