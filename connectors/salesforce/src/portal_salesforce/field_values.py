"""Values on Salesforce's wire and back: what is sent, and how numbers, moments and days are read (reference 3.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from portal_salesforce import soql

Record = dict[str, Any]
"""A record as it came, without `attributes`: numbers with a point are Decimal, children are lists of records."""

FieldValue = str | bool | int | Decimal | date | datetime | None
_REFERENCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Reference:
    """Stands for the id of a record that an earlier sub-request of the same composite creates.

    With `found`, for the first record of an earlier query: when it finds none, the sub-request fails (SalesforceRefusal
    `.nothing_found`), and with it a composite that is all or nothing. That makes a write conditional.
    """

    to: str
    found: bool = False

    def __str__(self) -> str:
        if not _REFERENCE.fullmatch(self.to):
            raise ValueError(f"{self.to!r} cannot name a sub-request")
        return f"@{{{self.to}.records[0].Id}}" if self.found else f"@{{{self.to}.id}}"


Fields = Mapping[str, "FieldValue | Reference | Mapping[str, FieldValue]"]
"""What to write: API name to value; None empties a field; a mapping finds a parent by its external id."""


def outgoing(fields: Fields) -> Record:
    """Give the JSON form of fields to write. ValueError for a name or a value that cannot be sent."""
    return {soql.name(field): _outgoing(value) for field, value in fields.items()}


def _outgoing(value: Any) -> Any:  # noqa: PLR0911 - one line per type
    if isinstance(value, Mapping):
        return outgoing(value)
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, str):
        # In a composite "@{...}" is a reference wherever it stands; what a person typed must never become one.
        return value.replace("@{", "@ {")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be sent")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if value is None or isinstance(value, bool | int):
        return value
    raise ValueError(f"a {type(value).__name__} cannot be sent")


def incoming(record: Mapping[str, Any], children: tuple[str, ...] = ()) -> Record:
    """Give a record without `attributes`, parents likewise; the named children are lists, empty when there are none."""
    clean = {key: _incoming(value) for key, value in record.items() if key != "attributes"}
    for relationship in children:
        clean[relationship] = clean.get(relationship) or []
    return clean


def _incoming(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("records"), list):
        return [incoming(child) for child in value["records"]]
    return incoming(value)


def whole_number(value: Any) -> int | None:
    """Read a number without a fraction (yen, counts), given as number or text; None stays None, else ValueError."""
    if value is None or value == "":
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except ArithmeticError as error:
        raise ValueError("not a number") from error
    if not number.is_finite() or number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def foreign_id(value: Any) -> str | None:
    """Read an id of another system kept in a Number or Text field (C05, C06): never `12.0` or `1E+3`.

    None for an empty field; ValueError for a number with a fraction.
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        return text if not re.fullmatch(r"\d+\.0+", text) else text.partition(".")[0]
    number = whole_number(value)
    return None if number is None else str(number)


def moment(value: Any) -> datetime | None:
    """Read a moment such as `2026-11-20T10:00:00.000+0000`, aware and in UTC; None for an empty field."""
    if value is None or value == "":
        return None
    parsed = datetime.fromisoformat(str(value))
    if parsed.tzinfo is None:
        raise ValueError("a moment without a zone")
    return parsed.astimezone(UTC)


def day(value: Any) -> date | None:
    """Read a date field such as `2026-11-20`; None for an empty field."""
    return None if value is None or value == "" else date.fromisoformat(str(value)[:10])
