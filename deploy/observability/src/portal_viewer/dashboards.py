"""Reads the dashboards kept for Grafana and computes what their panels show."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from portal_viewer.evaluation import Labels, evaluate
from portal_viewer.keeping import Metrics
from portal_viewer.promql import Expression, parse

SHOWN_SECONDS: Final = 900.0
LEAST_SHOWN_SECONDS: Final = 120.0
POINTS: Final = 45
_LEGEND: Final = re.compile(r"{{\s*(\w+)\s*}}")


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel and how its series are called."""

    expression: Expression
    legend: str

    def name(self, labels: Labels) -> str:
        """What a series is called."""
        if not self.legend:
            return ", ".join(value for _, value in labels)
        return _LEGEND.sub(lambda found: dict(labels).get(found[1], ""), self.legend)


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure or curve. `width` is of 24."""

    title: str
    description: str
    kind: str
    unit: str
    width: int
    queries: Sequence[Query]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels; `rows` are their headings and the panels below."""

    uid: str
    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Curve:
    """One series over the shown time, one value per point, None where there is none; and its last value."""

    name: str
    values: Sequence[float | None]

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.values[-1]


def read_dashboards(folder: Path) -> list[Dashboard]:
    """Read all, the overview first; raises UnknownPromQLError when an expression is not understood."""
    found = [_dashboard(json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")]
    return sorted(found, key=lambda one: (one.uid != "overview", one.title))


def _dashboard(content: Mapping[str, Any]) -> Dashboard:
    return Dashboard(content["uid"], content["title"], [_panel(one) for one in content["panels"] if "targets" in one])


def _panel(content: Mapping[str, Any]) -> Panel:
    return Panel(
        title=content["title"],
        description=content.get("description", ""),
        kind=content["type"],
        unit=content["fieldConfig"]["defaults"].get("unit", "short"),
        width=content["gridPos"]["w"],
        queries=[Query(parse(one["expr"]), one.get("legendFormat", "")) for one in content["targets"]],
    )


def curves(panel: Panel, metrics: Metrics, now: float, seconds: float) -> list[Curve]:
    """Compute a panel: a figure needs only now, a curve the last so many seconds."""
    points = 1 if panel.kind != "timeseries" else POINTS
    moments = [now - seconds * (points - 1 - index) / max(1, points - 1) for index in range(points)]
    found: dict[str, list[float | None]] = {}
    for query in panel.queries:
        for index, moment in enumerate(moments):
            for labels, value in evaluate(query.expression, metrics, moment).items():
                if not math.isnan(value):
                    found.setdefault(query.name(labels), [None] * points)[index] = value
    return [Curve(name, values) for name, values in sorted(found.items())]


def shown_seconds(age: float) -> float:
    """Give how much time to show when the viewer has watched for so long: no empty chart right after the start."""
    return min(SHOWN_SECONDS, max(LEAST_SHOWN_SECONDS, age))


def shown(value: float | None, unit: str) -> str:
    """Write a figure for a person."""
    if value is None:
        return "–"
    match unit:
        case "s":
            return _duration(value)
        case "percentunit":
            return f"{value * 100:.2f} %"
        case "bool_yes_no":
            return "yes" if value else "no"
        case "bytes":
            return f"{value / 1_048_576:,.0f} MiB"
        case _:
            return f"{value:,.0f}" if value == int(value) or value > 100 else f"{value:.3g}"  # noqa: PLR2004 - no fractions above it


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"
