"""SOQL that cannot be injected: names have a fixed shape, values are always bound (reference salesforce.md 2.9).

    select("Order", "Id", "Status").where(equals("AccountId", account_id)).order_by("CreatedDate", descending=True)

There is no way to hand in a piece of raw text. ValueError means a mistake of ours or a value that no literal can hold.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

Value = str | bool | int | Decimal | date | datetime | None

LONGEST_STATEMENT: Final = 100_000
LONGEST_LITERAL: Final = 4_000
LARGEST_OFFSET: Final = 2_000

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(?:\.[A-Za-z][A-Za-z0-9_]{0,79}){0,5}")
_NEXT_PAGE: Final = re.compile(r"/services/data/v\d{2,3}\.\d/(?:query|queryAll)/([A-Za-z0-9-]{5,80})/?")
_KEYWORDS: Final = frozenset(
    {"select", "from", "where", "and", "or", "not", "limit", "offset", "null", "true", "false"}
)
_ESCAPES: Final = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x07\x0b\x0e-\x1f\x7f\ud800-\udfff]")


def name(text: str) -> str:
    """Check one API name of an object, field or relationship."""
    if not _NAME.fullmatch(text) or text.lower() in _KEYWORDS:
        raise ValueError(f"{text!r} is not an API name")
    return text


def path(text: str) -> str:
    """Check a field or a path to a parent's field, such as `Account.SF_Account_No__c`."""
    if not _PATH.fullmatch(text) or any(part.lower() in _KEYWORDS for part in text.split(".")):
        raise ValueError(f"{text!r} is not a field")
    return text


def literal(value: Value) -> str:  # noqa: PLR0911 - one line per type
    """Write a value as a SOQL literal. Moments must know their zone and are written in UTC, to the second."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("only finite numbers can be compared")
        return f"{value:f}"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be compared")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return f"'{_quoted(value)}'"
    raise ValueError(f"a {type(value).__name__} cannot be a SOQL literal")


def _quoted(text: str) -> str:
    if _UNSPEAKABLE.search(text):
        raise ValueError("control characters cannot be in a SOQL literal")
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in text)
    if len(escaped) > LONGEST_LITERAL:
        raise ValueError(f"a SOQL literal has at most {LONGEST_LITERAL} characters")
    return escaped


def _pattern(text: str) -> str:
    return _quoted(text).replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True, slots=True)
class Condition:
    """A finished condition. Made by the functions below and by nothing else."""

    text: str

    def __str__(self) -> str:
        return self.text


def _compare(field: str, operator: str, value: Value) -> Condition:
    return Condition(f"{path(field)} {operator} {literal(value)}")


def equals(field: str, value: Value) -> Condition:
    """Match the records whose field has the value; None matches an empty field."""
    return _compare(field, "=", value)


def differs(field: str, value: Value) -> Condition:
    """Match the records whose field has another value; None matches a filled field."""
    return _compare(field, "!=", value)


def at_least(field: str, value: Value) -> Condition:
    """Match the records whose field is the value or above."""
    return _compare(field, ">=", value)


def at_most(field: str, value: Value) -> Condition:
    """Match the records whose field is the value or below."""
    return _compare(field, "<=", value)


def below(field: str, value: Value) -> Condition:
    """Match the records whose field is less than the value."""
    return _compare(field, "<", value)


def one_of(field: str, values: Iterable[Value]) -> Condition:
    """Match the records whose field has one of the values, of which there must be one at least."""
    return Condition(f"{path(field)} IN ({_listed(values)})")


def none_of(field: str, values: Iterable[Value]) -> Condition:
    """Match the records whose field has none of the values, of which there must be one at least."""
    return Condition(f"{path(field)} NOT IN ({_listed(values)})")


def _listed(values: Iterable[Value]) -> str:
    written = [literal(value) for value in dict.fromkeys(values)]
    if not written:
        raise ValueError("a list of values must not be empty")
    return ",".join(written)


def starts_with(field: str, text: str) -> Condition:
    """Match the records whose text begins so, whatever its case; wildcards in the text mean themselves."""
    return Condition(f"{path(field)} LIKE '{_pattern(text)}%'")


def contains(field: str, text: str) -> Condition:
    """Match the records whose text has this part, whatever its case; wildcards in the text mean themselves."""
    return Condition(f"{path(field)} LIKE '%{_pattern(text)}%'")


def all_of(*conditions: Condition) -> Condition:
    """Match the records for which every condition holds."""
    return _joined(" AND ", conditions)


def any_of(*conditions: Condition) -> Condition:
    """Match the records for which one condition holds at least."""
    return _joined(" OR ", conditions)


def negation(condition: Condition) -> Condition:
    """Match the records for which the condition does not hold."""
    return Condition(f"(NOT {condition})")


def _joined(word: str, conditions: tuple[Condition, ...]) -> Condition:
    if not conditions:
        raise ValueError("at least one condition is needed")
    if len(conditions) == 1:
        return conditions[0]
    return Condition(f"({word.join(map(str, conditions))})")


@dataclass(frozen=True, slots=True)
class Select:
    """A query, built by `select` and refined by its methods, each of which gives a new one."""

    source: str
    fields: tuple[str, ...]
    condition: Condition | None = None
    ordering: tuple[str, ...] = ()
    most: int | None = None
    skipped: int | None = None
    children: tuple[str, ...] = ()

    def where(self, *conditions: Condition) -> "Select":
        """Keep the records for which all conditions, earlier ones included, hold."""
        known = () if self.condition is None else (self.condition,)
        return replace(self, condition=all_of(*known, *conditions))

    def order_by(self, field: str, *, descending: bool = False, empty_last: bool = False) -> "Select":
        """Sort by a field, after the fields named earlier."""
        term = path(field) + (" DESC" if descending else " ASC") + (" NULLS LAST" if empty_last else "")
        return replace(self, ordering=(*self.ordering, term))

    def limit(self, most: int) -> "Select":
        """Give this many records at most."""
        if most < 1:
            raise ValueError("a limit is at least 1")
        return replace(self, most=most)

    def offset(self, skipped: int) -> "Select":
        """Leave out the first records; Salesforce takes 2,000 at most, so sweeps page by Id instead."""
        if not 0 <= skipped <= LARGEST_OFFSET:
            raise ValueError(f"an offset is between 0 and {LARGEST_OFFSET}")
        return replace(self, skipped=skipped)

    def with_children(self, relationship: str, children: "Select") -> "Select":
        """Add the children of each record, selected by a `select` of their own; they arrive as a list."""
        if children.source != relationship:
            raise ValueError("the children's query must select from the relationship")
        fields = (*self.fields, f"({children})")
        return replace(self, fields=fields, children=(*self.children, relationship))

    def __str__(self) -> str:
        """Give the statement; raises ValueError when it is longer than Salesforce reads."""
        text = f"SELECT {', '.join(self.fields)} FROM {self.source}"  # noqa: S608 - this is the builder
        if self.condition is not None:
            text += f" WHERE {self.condition}"
        if self.ordering:
            text += f" ORDER BY {', '.join(self.ordering)}"
        if self.most is not None:
            text += f" LIMIT {self.most}"
        if self.skipped is not None:
            text += f" OFFSET {self.skipped}"
        if len(text) > LONGEST_STATEMENT:
            raise ValueError(f"a SOQL statement has at most {LONGEST_STATEMENT} characters")
        return text


def select(source: str, *fields: str) -> Select:
    """Begin a query of an object (or, inside `with_children`, of a relationship) for some of its fields."""
    if not fields:
        raise ValueError("at least one field must be selected")
    return Select(name(source), tuple(dict.fromkeys(path(field) for field in fields)))


def select_count(source: str) -> Select:
    """Begin a query that only counts; run it with `Salesforce.count`."""
    return Select(name(source), ("COUNT()",))


def locator(address: str) -> str:
    """Take the locator out of `nextRecordsUrl`; ValueError when it is no address of a further page."""
    found = _NEXT_PAGE.fullmatch(address)
    if not found:
        raise ValueError("not the address of a further page")
    return found[1]
