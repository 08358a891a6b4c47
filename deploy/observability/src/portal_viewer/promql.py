"""Reads the part of PromQL that our rules and dashboards use; anything else is refused, never guessed.

It serves three ends: the viewer draws dashboards and judges alerts, tests play alerts on made-up series, and a test
compares every metric and label that is asked for with what the processes export.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

AGGREGATIONS: Final = frozenset({"sum", "max", "min", "avg", "count", "topk"})
OF_RANGES: Final = frozenset({"rate", "increase", "max_over_time", "changes"})
FUNCTIONS: Final = OF_RANGES | {"time", "histogram_quantile", "absent", "clamp_min", "vector"}
_LEVELS: Final = (("or",), ("and", "unless"), ("==", "!=", ">=", "<=", ">", "<"), ("+", "-"), ("*", "/"))
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TOKENS: Final = re.compile(
    r"""\s*(?:(?P<comment>\#[^\n]*)|(?P<duration>\d+[smhdw](?:\d+[smhdw])*)|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    |(?P<name>[a-zA-Z_:][\w:]*)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>=~|!~|==|!=|>=|<=|[-+*/(){}\[\],=<>]))""",
    re.VERBOSE,
)


class UnknownPromQLError(Exception):
    """The text is no PromQL, or uses what is not known here."""


@dataclass(frozen=True, slots=True)
class Number:
    """A figure."""

    value: float


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label: `=`, `!=`, `=~` or `!~`."""

    label: str
    sign: str
    value: str

    def admits(self, text: str) -> bool:
        """Whether a series with this value of the label is meant."""
        if self.sign in {"=", "!="}:
            return (text == self.value) is (self.sign == "=")
        return (re.fullmatch(self.value, text) is not None) is (self.sign == "=~")


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by name and labels; with a range in seconds their samples of so long."""

    name: str
    matchers: tuple[Matcher, ...]
    range_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Application:
    """A function of its arguments."""

    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Many series made one per group of labels; `parameter` is topk's number."""

    operation: str
    inner: "Expression"
    labels: tuple[str, ...]
    without: bool
    parameter: float = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """Two sides and a sign between them; `on` are the labels that pair them, None means all."""

    sign: str
    left: "Expression"
    right: "Expression"
    on: tuple[str, ...] | None = None
    many_left: bool = False


Expression = Number | Selector | Application | Aggregation | Operation


def parse(text: str) -> Expression:
    """Read an expression; raises UnknownPromQLError."""
    reader = _Reader(text)
    found = reader.operation(0)
    reader.end()
    return found


def selectors(expression: Expression) -> Iterator[tuple[Selector, frozenset[str]]]:
    """Give every selector with the labels that its matchers and the groupings around it ask for."""
    return _selectors(expression, frozenset())


def _selectors(expression: Expression, asked: frozenset[str]) -> Iterator[tuple[Selector, frozenset[str]]]:
    match expression:
        case Selector():
            yield expression, asked | {matcher.label for matcher in expression.matchers}
        case Application():
            needs = {"le"} if expression.function == "histogram_quantile" else set()
            for argument in expression.arguments:
                yield from _selectors(argument, asked | needs)
        case Aggregation():
            kept = frozenset(expression.labels)
            yield from _selectors(expression.inner, asked | kept)
        case Operation():
            for side in (expression.left, expression.right):
                yield from _selectors(side, asked | frozenset(expression.on or ()))
        case Number():
            return


class _Reader:
    """Recursive descent, loosest signs first."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def operation(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._single()
        left = self.operation(level + 1)
        while (sign := self._peek()) in _LEVELS[level]:
            self._at += 1
            on, many_left = self._pairing()
            left = Operation(sign, left, self.operation(level + 1), on, many_left)
        return left

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._refusal()

    def _pairing(self) -> tuple[tuple[str, ...] | None, bool]:
        on = None
        if self._accept("on"):
            on = self._names()
        if not self._accept("group_left"):
            return on, False
        if self._peek() == "(" and self._names():
            raise self._refusal()
        return on, True

    def _single(self) -> Expression:
        if self._accept("("):
            inner = self.operation(0)
            self._expect(")")
            return inner
        if self._accept("-"):
            return Operation("*", Number(-1.0), self._single())
        kind, text = self._take()
        if kind == "number":
            return Number(float(text))
        if kind != "name":
            raise self._refusal()
        if text in AGGREGATIONS:
            return self._aggregation(text)
        if self._peek() == "(":
            return self._application(text)
        return self._selector(text)

    def _aggregation(self, operation: str) -> Aggregation:
        labels, without = self._grouping()
        self._expect("(")
        parameter = 0.0
        if operation == "topk":
            parameter = float(self._take()[1])
            self._expect(",")
        inner = self.operation(0)
        self._expect(")")
        if not labels and not without:
            labels, without = self._grouping()
        return Aggregation(operation, inner, labels, without, parameter)

    def _grouping(self) -> tuple[tuple[str, ...], bool]:
        if self._accept("by"):
            return self._names(), False
        if self._accept("without"):
            return self._names(), True
        return (), False

    def _names(self) -> tuple[str, ...]:
        self._expect("(")
        found = []
        while not self._accept(")"):
            found.append(self._take()[1])
            self._accept(",")
        return tuple(found)

    def _application(self, function: str) -> Application:
        if function not in FUNCTIONS:
            raise UnknownPromQLError(f"{function} is not known here: {self._text}")
        self._expect("(")
        arguments = []
        while not self._accept(")"):
            arguments.append(self.operation(0))
            self._accept(",")
        return Application(function, tuple(arguments))

    def _selector(self, name: str) -> Selector:
        matchers = []
        if self._accept("{"):
            while not self._accept("}"):
                label, sign, value = self._take()[1], self._take()[1], self._take()[1]
                matchers.append(Matcher(label, sign, value[1:-1].replace("\\\\", "\\").replace('\\"', '"')))
                self._accept(",")
        seconds = 0.0
        if self._accept("["):
            seconds = _seconds(self._take()[1])
            self._expect("]")
        return Selector(name, tuple(matchers), seconds)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise self._refusal()
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, text: str) -> bool:
        found = self._peek() == text
        self._at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._refusal()

    def _refusal(self) -> UnknownPromQLError:
        return UnknownPromQLError(f"not understood near {self._peek()!r}: {self._text}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKENS.match(text, at)
        if found is None or found.lastgroup is None:
            raise UnknownPromQLError(f"not understood at {text[at : at + 20]!r}: {text}")
        if found.lastgroup != "comment":
            yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _seconds(duration: str) -> float:
    return float(sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([smhdw])", duration)))
