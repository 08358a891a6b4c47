"""Evaluates WHERE: literals are checked against field types and compared as SOQL compares."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.errors import SalesforceError, bad_request
from portal_sandbox.salesforce.fields import NUMBER_TYPES, TEXT_TYPES, Field
from portal_sandbox.salesforce.soql.syntax import Comparison, Value, unescape
from portal_sandbox.salesforce.wire_times import parse_day, parse_moment, to_wire

ORG_ZONE = ZoneInfo("Asia/Tokyo")
ID_TYPES = frozenset({"id", "reference"})
Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Span:
    """A date literal such as TODAY: from `start` up to, not including, `end`."""

    start: str
    end: str


def value_test(field: Field, comparison: Comparison, now: datetime) -> Test:
    """A test of one field's stored value. SalesforceError when operator, literal and type do not go together."""
    if not field.filterable:
        raise bad_request("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
    operator = comparison.operator
    if operator == "LIKE":
        return _like(field, comparison.values[0])
    wanted = [_operand(field, value, now) for value in comparison.values]
    if operator in ("IN", "NOT IN"):
        if any(isinstance(operand, Span) for operand in wanted):
            raise bad_request("MALFORMED_QUERY", "date literals are not supported in a list")
        chosen = frozenset(wanted)
        return (
            (lambda value: _comparable(field, value) in chosen)
            if operator == "IN"
            else (lambda value: _comparable(field, value) not in chosen)
        )
    return _single(field, operator, wanted[0])


def operand_ids(values: tuple[Value, ...]) -> list[str]:
    """The 18-character ids of string literals; wrong ones are dropped, value_test refuses them."""
    known = (ids.normalize(value.text) for value in values if value.kind == "string")
    return [record_id for record_id in known if record_id is not None]


def _single(field: Field, operator: str, wanted: Any) -> Test:
    if operator in ("=", "!="):
        same = operator == "="
        if isinstance(wanted, Span):
            return lambda value: (value is not None and wanted.start <= value < wanted.end) is same
        return lambda value: (_comparable(field, value) == wanted) is same
    if field.type == "boolean" or wanted is None:
        raise bad_request("INVALID_QUERY_FILTER_OPERATOR", f"field '{field.name}' does not support operator {operator}")
    low, high = (wanted.start, wanted.end) if isinstance(wanted, Span) else (wanted, wanted)
    inclusive_high = not isinstance(wanted, Span)
    tests: dict[str, Test] = {
        "<": lambda value: value < low,
        ">=": lambda value: value >= low,
        "<=": lambda value: value <= high if inclusive_high else value < high,
        ">": lambda value: value > high if inclusive_high else value >= high,
    }
    compare = tests[operator]
    return lambda value: value is not None and compare(_comparable(field, value))


def _comparable(field: Field, value: Any) -> Any:
    if value is None:
        return False if field.type == "boolean" else None
    return value.casefold() if field.type in TEXT_TYPES else value


def _operand(field: Field, value: Value, now: datetime) -> Any:  # noqa: PLR0911 - one return per kind of field
    if value.kind == "null":
        return False if field.type == "boolean" else None
    if field.type in ID_TYPES and value.kind == "string":
        known = ids.normalize(value.text) if value.text else None
        if known is None:
            raise bad_request("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value.text}")
        return known
    if field.type in TEXT_TYPES and value.kind == "string":
        return value.text.casefold() or None
    if field.type in NUMBER_TYPES and value.kind == "number":
        return float(value.text)
    if field.type == "boolean" and value.kind == "boolean":
        return value.text == "true"
    if field.type == "datetime" and value.kind == "datetime" and (moment := parse_moment(value.text)) is not None:
        return to_wire(moment)
    if field.type == "date" and value.kind == "date" and (day := parse_day(value.text)) is not None:
        return day.isoformat()
    if field.type in ("date", "datetime") and value.kind in ("day", "days"):
        return _span(field, value.text, now)
    raise _wrong_kind(field)


def _wrong_kind(field: Field) -> SalesforceError:
    quoted = field.type in TEXT_TYPES or field.type in ID_TYPES
    kind = "string" if quoted else {"datetime": "dateTime"}.get(field.type, field.type)
    enclosed = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return bad_request(
        "INVALID_FIELD",
        f"value of filter criterion for field '{field.name}' must be of type {kind} and {enclosed}",
    )


def _span(field: Field, text: str, now: datetime) -> Span:
    today = now.astimezone(ORG_ZONE).date()
    name, _, count = text.partition(":")
    days = int(count or 0)
    first, last = {
        "TODAY": (today, today),
        "YESTERDAY": (today - timedelta(days=1), today - timedelta(days=1)),
        "TOMORROW": (today + timedelta(days=1), today + timedelta(days=1)),
        "LAST_N_DAYS": (today - timedelta(days=days), today),
        "NEXT_N_DAYS": (today + timedelta(days=1), today + timedelta(days=days)),
    }[name]
    end = last + timedelta(days=1)
    if field.type == "date":
        return Span(first.isoformat(), end.isoformat())
    return Span(_midnight(first), _midnight(end))


def _midnight(day: date) -> str:
    return to_wire(datetime.combine(day, time(), ORG_ZONE).astimezone(UTC))


def _like(field: Field, value: Value) -> Test:
    if field.type not in TEXT_TYPES:
        raise bad_request("INVALID_QUERY_FILTER_OPERATOR", f"field '{field.name}' does not support operator LIKE")
    pattern = ""
    for part in re.findall(r"\\u[0-9A-Fa-f]{4}|\\.|.", value.raw, re.DOTALL):
        if part == "%":
            pattern += ".*"
        elif part == "_":
            pattern += "."
        else:
            pattern += re.escape(part[1:] if part in (r"\%", r"\_") else unescape(part))
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return lambda text: text is not None and compiled.fullmatch(text) is not None
