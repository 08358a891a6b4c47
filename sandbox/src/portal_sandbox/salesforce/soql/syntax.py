"""The parsed form of a query, and the parser that makes it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeAlias

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

from portal_sandbox.salesforce.errors import SalesforceError, bad_request

MAX_STATEMENT = 100_000
MAX_LITERAL = 4_000
_ESCAPES: Mapping[str, str] = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)

LiteralKind: TypeAlias = Literal["string", "number", "boolean", "null", "datetime", "date", "day", "days"]


@dataclass(frozen=True, slots=True)
class Path:
    """A field, with parents before it. `column` counts from 1, for error messages."""

    names: tuple[str, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. `raw` keeps a string's escapes, which LIKE reads differently."""

    kind: LiteralKind
    text: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` is one of = != < <= > >= LIKE IN `NOT IN`."""

    path: Path
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """AND."""

    terms: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR."""

    terms: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT."""

    term: "Condition"


Condition: TypeAlias = Comparison | AllOf | AnyOf | Negation


@dataclass(frozen=True, slots=True)
class Ordering:
    """One ORDER BY item; nulls come first unless told otherwise."""

    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query; `fields` is empty for COUNT()."""

    entity: str
    fields: tuple["Path | Query", ...]
    where: Condition | None = None
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int = 0

    @property
    def counts(self) -> bool:
        """SELECT COUNT()."""
        return not self.fields


@lru_cache(maxsize=512)
def parse(text: str) -> Query:
    """The query, or MALFORMED_QUERY."""
    if len(text) > MAX_STATEMENT:
        raise bad_request("MALFORMED_QUERY", "SOQL statements cannot be longer than 100,000 characters.")
    try:
        query = _Builder().transform(_parser().parse(text))
    except UnexpectedInput as error:
        rest = text[error.pos_in_stream :] if error.pos_in_stream is not None else ""
        found = rest[:20].split()
        token = found[0] if found else "<EOF>"
        raise located("MALFORMED_QUERY", f"unexpected token: '{token}'", text, error.column) from error
    except VisitError as error:
        if isinstance(error.orig_exc, SalesforceError):
            raise error.orig_exc from error
        raise
    return query


def located(code: str, message: str, text: str, column: int) -> SalesforceError:
    """A refusal that points into the query, as the vendor's do."""
    line = " ".join(text.splitlines())
    marker = " " * max(column - 1, 0) + "^"
    return bad_request(code, f"\n{line}\n{marker}\nERROR at Row:1:Column:{column}\n{message}")


def unescape(raw: str) -> str:
    """The text of a string literal's inside. MALFORMED_QUERY for an escape SOQL does not know."""

    def resolve(match: re.Match[str]) -> str:
        escape = match[1]
        if escape.startswith("u") and len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape in ("%", "_"):
            return match[0]
        if escape not in _ESCAPES:
            raise bad_request(
                "MALFORMED_QUERY", f"Invalid string literal '{raw}'. Illegal character sequence '\\{escape}'"
            )
        return _ESCAPES[escape]

    return _ESCAPE.sub(resolve, raw)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True)


@v_args(inline=True)
class _Builder(Transformer[Token, Query]):
    """Turns the parse tree into the dataclasses above; one method per grammar rule."""

    def start(self, query: Query) -> Query:
        return query

    def query(  # noqa: PLR0917 - one argument per clause of the grammar
        self,
        fields: tuple[Path | Query | None, ...],
        entity: Token,
        where: Condition | None,
        order: tuple[Ordering, ...] | None,
        limit: int | None,
        offset: int | None,
    ) -> Query:
        if None in fields and len(fields) > 1:
            raise bad_request("MALFORMED_QUERY", "COUNT() cannot be combined with other fields")
        kept = tuple(field for field in fields if field is not None)
        return Query(str(entity), kept, where, order or (), limit, offset or 0)

    def child(
        self,
        fields: tuple[Path, ...],
        entity: Token,
        where: Condition | None,
        order: tuple[Ordering, ...] | None,
        limit: int | None,
    ) -> Query:
        return Query(str(entity), fields, where, order or (), limit)

    def select_list(self, *fields: Path | Query | None) -> tuple[Path | Query | None, ...]:
        return fields

    def child_list(self, *fields: Path) -> tuple[Path, ...]:
        return fields

    def field(self, path: Path) -> Path:
        return path

    def subquery(self, query: Query) -> Query:
        return query

    def count(self, *_: object) -> None:
        return None

    def where(self, condition: Condition) -> Condition:
        return condition

    def all_of(self, *terms: Condition) -> Condition:
        return terms[0] if len(terms) == 1 else AllOf(terms)

    def condition_or(self, *terms: Condition) -> Condition:
        return AnyOf(terms)

    def negation(self, term: Condition) -> Condition:
        return Negation(term)

    def compare(self, path: Path, operator: Token, value: Value) -> Comparison:
        return Comparison(path, "!=" if operator == "<>" else str(operator), (value,))

    def like(self, path: Path, value: Value) -> Comparison:
        return Comparison(path, "LIKE", (value,))

    def within(self, path: Path, values: tuple[Value, ...]) -> Comparison:
        return Comparison(path, "IN", values)

    def without(self, path: Path, values: tuple[Value, ...]) -> Comparison:
        return Comparison(path, "NOT IN", values)

    def list(self, *values: Value) -> tuple[Value, ...]:
        return values

    def order(self, *items: Ordering) -> tuple[Ordering, ...]:
        return items

    def order_item(self, path: Path, direction: Token | None, place: Token | None) -> Ordering:
        descending = direction is not None and direction.upper() == "DESC"
        return Ordering(path, descending, place is not None and place.upper() == "LAST")

    def limit(self, number: Token) -> int:
        return int(number)

    def offset(self, number: Token) -> int:
        return int(number)

    def path(self, *names: Token) -> Path:
        return Path(tuple(str(name) for name in names), names[0].column or 1)

    def string(self, token: Token) -> Value:
        raw = str(token)[1:-1]
        if len(raw) > MAX_LITERAL:
            raise bad_request("MALFORMED_QUERY", "String literal is longer than 4,000 characters.")
        return Value("string", unescape(raw), raw)

    def number(self, token: Token) -> Value:
        return Value("number", str(token))

    def datetime(self, token: Token) -> Value:
        return Value("datetime", str(token))

    def date(self, token: Token) -> Value:
        return Value("date", str(token))

    def day(self, token: Token) -> Value:
        return Value("day", str(token).upper())

    def days(self, token: Token, number: Token) -> Value:
        return Value("days", f"{token.upper()}:{number}")

    def null(self) -> Value:
        return Value("null", "null")

    def true(self) -> Value:
        return Value("boolean", "true")

    def false(self) -> Value:
        return Value("boolean", "false")
