"""Fault rules: what the test or the operator told the sandbox to break, and how often."""

import fnmatch
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias, get_args

FaultKind: TypeAlias = Literal[
    "refused",
    "kept_connection",
    "before_effect",
    "after_effect",
    "late",
    "slow",
    "drip",
    "malformed",
    "html",
    "status",
    "empty",
    "error",
    "quota",
    "auth",
    "stale",
    "nonsense",
]
MEANINGS = ("permanent", "transient", "ambiguous")
_KEYS = frozenset(
    {"vendor", "call", "kind", "times", "rate", "seed", "skip", "contains", "untilBusinessSeconds", "params"}
)
KINDS: tuple[str, ...] = get_args(FaultKind)


@dataclass(slots=True)
class FaultRule:
    """One armed rule. It applies to calls of a vendor whose name matches `call` (`*` and other shell patterns).

    `times` counts down (None: for ever); `rate` hits this share of the matching calls, always the same ones for
    one `seed`; `skip` lets the first matching calls through; `contains` asks for a text in the request body; at
    business time `until` (seconds since the epoch, None: never) the rule ends.
    """

    id: int
    vendor: str
    call: str
    kind: FaultKind
    times: int | None
    rate: float | None
    seed: int
    skip: int
    contains: str
    until: float | None
    params: dict[str, object]
    hits: int = 0
    matches: int = 0
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def number(self, name: str, default: float) -> float:
        """A numeric parameter, for example seconds. A pair means any number between, the same ones for one seed."""
        value = self.params.get(name, default)
        if isinstance(value, list):
            low, high = (float(str(bound)) for bound in value)
            return self.chance.uniform(low, high)
        return float(str(value))

    def text(self, name: str, default: str) -> str:
        """A textual parameter, for example a body."""
        return str(self.params.get(name, default))

    def as_json(self) -> dict[str, object]:
        """The rule as the control API shows it."""
        return {
            "id": self.id,
            "vendor": self.vendor,
            "call": self.call,
            "kind": self.kind,
            "times": self.times,
            "rate": self.rate,
            "seed": self.seed,
            "skip": self.skip,
            "contains": self.contains,
            "until": None if self.until is None else datetime.fromtimestamp(self.until, UTC).isoformat(),
            "params": self.params,
            "hits": self.hits,
            "matches": self.matches,
        }


class FaultRules:
    """The armed rules, first match wins; and counts of all calls, for tests about coalescing and in-flight limits."""

    def __init__(self, business_now: Callable[[], float]) -> None:
        self._business_now = business_now
        self._rules: list[FaultRule] = []
        self._next_id = 1
        self.calls: dict[str, dict[str, int]] = {}
        self.in_flight: dict[str, int] = {}
        self.most_in_flight: dict[str, int] = {}

    def arm(self, wanted: Mapping[str, object]) -> FaultRule:
        """Arms a rule given as JSON. ValueError for an unknown kind, key or value."""
        unknown = set(wanted) - _KEYS
        if unknown:
            raise ValueError(f"unknown fault key: {', '.join(sorted(unknown))}")
        kind = wanted.get("kind")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of: {', '.join(KINDS)}")
        rate = _number_or_none(wanted.get("rate"), "rate")
        if rate is not None and not 0 <= rate <= 1:
            raise ValueError("rate lies between 0 and 1")
        period = _number_or_none(wanted.get("untilBusinessSeconds"), "untilBusinessSeconds")
        # A rule hits once unless told otherwise; a rate or a period alone never runs out.
        usual_times = 1 if rate is None and period is None else None
        times = _number_or_none(wanted.get("times", usual_times), "times")
        params = wanted.get("params") or {}
        if not isinstance(params, Mapping):
            raise ValueError("params must be an object")  # noqa: TRY004 - the control API turns ValueError into 400
        if any(isinstance(value, list) and not _is_range(value) for value in params.values()):
            raise ValueError("a range is a list of two numbers")
        if kind == "error" and params.get("meaning", "permanent") not in MEANINGS:
            raise ValueError(f"meaning must be one of: {', '.join(MEANINGS)}")
        seed = int(_number_or_none(wanted.get("seed"), "seed") or 0)
        rule = FaultRule(
            id=self._next_id,
            vendor=str(wanted.get("vendor", "*")),
            call=str(wanted.get("call", "*")),
            kind=kind,  # type: ignore[arg-type]  # checked against KINDS above
            times=None if times is None else int(times),
            rate=rate,
            seed=seed,
            skip=int(_number_or_none(wanted.get("skip"), "skip") or 0),
            contains=str(wanted.get("contains") or ""),
            until=None if period is None else self._business_now() + period,
            params={str(name): value for name, value in params.items()},
            chance=random.Random(seed),  # noqa: S311 - the same seed must break the same calls
        )
        self._next_id += 1
        self._rules.append(rule)
        return rule

    def take(self, vendor: str, call: str, body: bytes = b"", *, is_read: bool = True) -> FaultRule | None:
        """Counts a call and answers the rule that breaks it. Vendors that do not speak HTTP ask here themselves.

        Only reads can be stale: a write that saw old data and was forgotten would be another fault.
        """
        counted = self.calls.setdefault(vendor, {})
        counted[call] = counted.get(call, 0) + 1
        for rule in self._rules:
            if rule.kind == "stale" and not is_read:
                continue
            if not self._ended(rule) and _applies(rule, vendor, call, body):
                rule.hits += 1
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None

    def expects_stale(self, vendor: str) -> bool:
        """Whether a rule may yet answer a read of this vendor with old data."""
        return any(
            rule.kind == "stale" and rule.vendor in ("*", vendor) and rule.times != 0 and not self._ended(rule)
            for rule in self._rules
        )

    def all(self) -> list[FaultRule]:
        """Every rule, also the used-up ones, with their hit counts."""
        return list(self._rules)

    def disarm(self, rule_id: int | None = None) -> None:
        """Forgets one rule, or all."""
        self._rules = [] if rule_id is None else [rule for rule in self._rules if rule.id != rule_id]

    def forget_counts(self) -> None:
        """Starts the counts of calls again."""
        self.calls.clear()
        self.most_in_flight.clear()

    def _ended(self, rule: FaultRule) -> bool:
        return rule.until is not None and self._business_now() >= rule.until


def _applies(rule: FaultRule, vendor: str, call: str, body: bytes) -> bool:
    if rule.vendor not in ("*", vendor) or not fnmatch.fnmatchcase(call, rule.call):
        return False
    if rule.contains and rule.contains.encode() not in body:
        return False
    rule.matches += 1
    if rule.matches <= rule.skip or rule.times == 0:
        return False
    return rule.rate is None or rule.chance.random() < rule.rate


def _is_range(value: list[object]) -> bool:
    return [type(bound) in (int, float) for bound in value] == [True, True]


def _number_or_none(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number")  # noqa: TRY004 - the control API turns ValueError into 400
    return value
