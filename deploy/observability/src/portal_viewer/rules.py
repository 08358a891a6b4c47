"""The recording rules and alerts of the portal, judged on the viewer's own samples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from portal_viewer.evaluation import Labels, evaluate
from portal_viewer.keeping import Metrics
from portal_viewer.promql import Expression, parse


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A recording rule has a name with colons; an alert has labels and a summary."""

    name: str
    records: bool
    expression: Expression
    for_seconds: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that holds now, for longer than it asks for."""

    rule: Rule
    labels: Labels
    value: float
    since: float

    @property
    def summary(self) -> str:
        """What is wrong, with the labels filled in."""
        text = self.rule.annotations["summary"]
        for name, value in self.labels:
            text = text.replace(f"{{{{ $labels.{name} }}}}", value)
        return text


@dataclass
class Judge:
    """Evaluates all rules once in a while and remembers since when each alert has held."""

    rules: Sequence[Rule]
    _since: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def look(self, metrics: Metrics, now: float) -> list[Firing]:
        """Record what is to be recorded, in the order of the files, and give what fires."""
        firing = []
        holding = set()
        for rule in self.rules:
            for labels, value in evaluate(rule.expression, metrics, now).items():
                if rule.records:
                    metrics.add(rule.name, tuple(sorted({**dict(labels), **rule.labels}.items())), value, now)
                    continue
                key = (rule.name, labels)
                holding.add(key)
                since = self._since.setdefault(key, now)
                if now - since >= rule.for_seconds:
                    firing.append(Firing(rule, labels, value, since))
        self._since = {key: since for key, since in self._since.items() if key in holding}
        return firing


def read_rules(paths: Sequence[Path]) -> list[Rule]:
    """Read Prometheus rule files; raises UnknownPromQLError when an expression is not understood."""
    return [rule for path in paths for rule in _rules(yaml.safe_load(path.read_text(encoding="utf-8")))]


def _rules(content: Mapping[str, Any]) -> Iterator[Rule]:
    for group in content["groups"]:
        for rule in group["rules"]:
            yield Rule(
                name=rule.get("record") or rule["alert"],
                records="record" in rule,
                expression=parse(str(rule["expr"])),
                for_seconds=_seconds(rule.get("for", "0s")),
                labels=rule.get("labels", {}),
                annotations=rule.get("annotations", {}),
            )


def _seconds(duration: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return float(duration[:-1]) * units[duration[-1]]
