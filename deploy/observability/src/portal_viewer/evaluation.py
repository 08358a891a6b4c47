"""Computes PromQL on kept samples as Prometheus does: look-back of five minutes, stretched rates, counter resets."""

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Protocol

from portal_viewer.promql import Aggregation, Application, Expression, Matcher, Number, Operation, Selector

Labels = tuple[tuple[str, str], ...]
"""Sorted by name; without the metric's name."""
Sample = tuple[float, float]
"""Unix time in seconds, and the value then."""
Vector = dict[Labels, float]

LOOK_BACK_SECONDS: Final = 300.0
_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else (math.nan if left == 0 or math.isnan(left) else math.inf),
}
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_MERGING: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "avg": lambda values: sum(values) / len(values),
    "count": lambda values: float(len(values)),
}


class Samples(Protocol):
    """Where series are looked up."""

    def window(
        self, name: str, matchers: Iterable[Matcher], after: float, until: float
    ) -> Iterable[tuple[Labels, Sequence[Sample]]]:
        """Give the series of a metric that all matchers admit, with their samples of that time in order, if any."""
        ...


def evaluate(expression: Expression, samples: Samples, now: float) -> Vector:
    """Give the value of every series the expression yields at a moment; a plain number has no labels."""
    found = _Evaluation(samples, now).value(expression)
    return {(): found} if isinstance(found, float) else found


class _Evaluation:
    """One expression at one moment."""

    def __init__(self, samples: Samples, now: float) -> None:
        self._samples = samples
        self._now = now

    def value(self, expression: Expression) -> Vector | float:
        match expression:
            case Number():
                return expression.value
            case Selector():
                return self._latest(expression)
            case Application():
                return self._applied(expression)
            case Aggregation():
                return _aggregated(expression, self._vector(expression.inner))
            case Operation():
                return self._operated(expression)

    def _vector(self, expression: Expression) -> Vector:
        found = self.value(expression)
        return {(): found} if isinstance(found, float) else found

    def _latest(self, selector: Selector) -> Vector:
        return {labels: inside[-1][1] for labels, inside in self._window(selector, LOOK_BACK_SECONDS)}

    def _window(self, selector: Selector, seconds: float) -> Iterable[tuple[Labels, Sequence[Sample]]]:
        return self._samples.window(selector.name, selector.matchers, self._now - seconds, self._now)

    def _applied(self, application: Application) -> Vector | float:
        match application.function, application.arguments:
            case "time", ():
                return self._now
            case "vector", (inner,):
                return self._vector(inner)
            case "absent", (Selector() as selector,):
                equal = {one.label: one.value for one in selector.matchers if one.sign == "="}
                return {} if self._latest(selector) else {tuple(sorted(equal.items())): 1.0}
            case "clamp_min", (inner, Number(least)):
                return {labels: max(least, value) for labels, value in self._vector(inner).items()}
            case "histogram_quantile", (Number(share), inner):
                return _quantiles(share, self._vector(inner))
            case function, (Selector() as selector,):
                return self._over_range(function, selector)
            case _:
                raise ValueError(f"{application.function} is used in a way that is not known here")

    def _over_range(self, function: str, selector: Selector) -> Vector:
        begin = self._now - selector.range_seconds
        found: Vector = {}
        for labels, inside in self._window(selector, selector.range_seconds):
            if function == "max_over_time":
                found[labels] = max(value for _, value in inside)
            elif function == "changes":
                pairs = pairwise(inside)
                found[labels] = float(sum(before[1] != after[1] for before, after in pairs))
            elif function in {"rate", "increase"} and len(inside) > 1:
                grown = _increase(inside, begin, self._now)
                found[labels] = grown / selector.range_seconds if function == "rate" else grown
        return found

    def _operated(self, operation: Operation) -> Vector | float:
        left, right = self.value(operation.left), self.value(operation.right)
        if isinstance(left, float) and isinstance(right, float):
            if operation.sign in _COMPARISONS:
                raise ValueError("two plain numbers are not compared")
            return _ARITHMETIC[operation.sign](left, right)
        if operation.sign in {"or", "and", "unless"}:
            return _of_sets(operation, _as_vector(left), _as_vector(right))
        if isinstance(right, float):
            return _with_number(operation.sign, _as_vector(left), right, number_left=False)
        if isinstance(left, float):
            return _with_number(operation.sign, right, left, number_left=True)
        return _paired(operation, left, right)


def _as_vector(value: Vector | float) -> Vector:
    return {(): value} if isinstance(value, float) else value


def _increase(samples: Sequence[Sample], begin: float, end: float) -> float:
    """Give how much a counter grew, stretched to the whole range where its ends are near (Prometheus' own rule)."""
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    grown = last - first
    for (_, before), (_, after) in pairwise(samples):
        grown += before if after < before else 0.0
    covered = last_at - first_at
    step = covered / (len(samples) - 1)
    at_start, at_end = first_at - begin, end - last_at
    if grown > 0 and first >= 0:  # a counter is not stretched below its zero
        at_start = min(at_start, covered * (first / grown))
    stretched = covered + sum(gap if gap < 1.1 * step else step / 2 for gap in (at_start, at_end))
    return grown * stretched / covered


def _quantiles(share: float, buckets: Vector) -> Vector:
    groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        bound = dict(labels).get("le")
        if bound is not None:
            groups[tuple(pair for pair in labels if pair[0] != "le")].append((float(bound), count))
    return {labels: _quantile(share, sorted(found)) for labels, found in groups.items()}


def _quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    total = buckets[-1][1]
    if buckets[-1][0] != math.inf or len(buckets) == 1 or not total:
        return math.nan
    rank = share * total
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == math.inf:
                return lower
            return lower + (bound - lower) * ((rank - below) / (count - below) if count > below else 0.0)
        lower, below = bound, count
    return lower


def _aggregated(aggregation: Aggregation, vector: Vector) -> Vector:
    if aggregation.operation == "topk":
        most = sorted(vector.items(), key=lambda item: item[1], reverse=True)
        return dict(most[: int(aggregation.parameter)])
    groups: dict[Labels, list[float]] = defaultdict(list)
    named = set(aggregation.labels)
    for labels, value in vector.items():
        group = tuple(pair for pair in labels if (pair[0] in named) is not aggregation.without)
        groups[group].append(value)
    merge = _MERGING[aggregation.operation]
    return {group: float(merge(values)) for group, values in groups.items()}


def _key(labels: Labels, on: tuple[str, ...] | None) -> Labels:
    return labels if on is None else tuple(pair for pair in labels if pair[0] in on)


def _of_sets(operation: Operation, left: Vector, right: Vector) -> Vector:
    keys_right = {_key(labels, operation.on) for labels in right}
    keys_left = {_key(labels, operation.on) for labels in left}
    match operation.sign:
        case "and":
            return {labels: value for labels, value in left.items() if _key(labels, operation.on) in keys_right}
        case "unless":
            return {labels: value for labels, value in left.items() if _key(labels, operation.on) not in keys_right}
        case _:
            more = {labels: value for labels, value in right.items() if _key(labels, operation.on) not in keys_left}
            return left | more


def _with_number(sign: str, vector: Vector, number: float, *, number_left: bool) -> Vector:
    def sides(value: float) -> tuple[float, float]:
        return (number, value) if number_left else (value, number)

    if sign in _COMPARISONS:
        return {labels: value for labels, value in vector.items() if _COMPARISONS[sign](*sides(value))}
    return {labels: _ARITHMETIC[sign](*sides(value)) for labels, value in vector.items()}


def _paired(operation: Operation, left: Vector, right: Vector) -> Vector:
    by_key = {_key(labels, operation.on): value for labels, value in right.items()}
    if len(by_key) < len(right):
        raise ValueError("several series of the right side pair with one of the left")
    found: Vector = {}
    for labels, value in left.items():
        key = _key(labels, operation.on)
        if key not in by_key:
            continue
        if operation.sign in _COMPARISONS:
            if _COMPARISONS[operation.sign](value, by_key[key]):
                found[labels] = value
            continue
        kept = labels if operation.many_left or operation.on is None else key
        if kept in found:
            raise ValueError("several series of the left side pair with one of the right")
        found[kept] = _ARITHMETIC[operation.sign](value, by_key[key])
    return found
