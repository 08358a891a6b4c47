"""What the viewer remembers: the newest spans and log lines, and half an hour of every series; in memory, bounded."""

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from portal_viewer.about_order import Line
from portal_viewer.evaluation import Labels, Sample
from portal_viewer.promql import Matcher

SPANS: Final = 30_000
LINES: Final = 20_000
SERIES: Final = 60_000
KEPT_SECONDS: Final = 1800.0

Value = str | bool | int | float


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span as it arrived. Times are nanoseconds since 1970, ids lower-case hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    started_ns: int
    ended_ns: int
    failed: bool
    attributes: Mapping[str, Value]
    links: Sequence[str] = ()
    """Traces that caused this one."""


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace in one row."""

    trace_id: str
    service: str
    name: str
    started_ns: int
    milliseconds: float
    spans: int
    services: int
    failed: bool


class _Series:
    """Samples of one series, sixteen bytes each."""

    __slots__ = ("times", "values")

    def __init__(self) -> None:
        self.times = array("d")
        self.values = array("d")

    def add(self, at: float, value: float, kept_seconds: float) -> None:
        self.times.append(at)
        self.values.append(value)
        if self.times[0] < at - 1.2 * kept_seconds:  # now and then a fifth at once, because it moves all others
            old = bisect_right(self.times, at - kept_seconds)
            del self.times[:old], self.values[:old]

    def between(self, after: float, until: float) -> list[Sample]:
        begin, end = bisect_right(self.times, after), bisect_right(self.times, until)
        return list(zip(self.times[begin:end], self.values[begin:end], strict=True))


@dataclass
class Metrics:
    """Samples of series by metric name; the oldest go, and series beyond the bound are not kept."""

    kept_seconds: float = KEPT_SECONDS
    most_series: int = SERIES
    _series: dict[str, dict[Labels, _Series]] = field(default_factory=dict)
    _count: int = 0

    def add(self, name: str, labels: Labels, value: float, at: float) -> None:
        """Keep one sample."""
        of_name = self._series.setdefault(name, {})
        series = of_name.get(labels)
        if series is None:
            if self._count >= self.most_series:
                return
            self._count += 1
            series = of_name[labels] = _Series()
        series.add(at, value, self.kept_seconds)

    def window(
        self, name: str, matchers: Iterable[Matcher], after: float, until: float
    ) -> Iterator[tuple[Labels, Sequence[Sample]]]:
        """Give the series of a metric that all matchers admit, with their samples of that time, if any."""
        conditions = tuple(matchers)
        for labels, series in list(self._series.get(name, {}).items()):  # a copy: samples come in meanwhile
            values = dict(labels)
            if all(one.admits(values.get(one.label, "")) for one in conditions):
                inside = series.between(after, until)
                if inside:
                    yield labels, inside


@dataclass
class Kept:
    """Everything."""

    spans: deque[SpanRecord] = field(default_factory=lambda: deque(maxlen=SPANS))
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES))
    metrics: Metrics = field(default_factory=Metrics)

    def trace(self, trace_id: str) -> list[SpanRecord]:
        """Give the spans of a trace, the earliest first."""
        found = [span for span in self.spans if span.trace_id == trace_id]
        return sorted(found, key=lambda span: span.started_ns)

    def traces_of(self, lines: Iterable[Line], wanted: str) -> list[TraceSummary]:
        """Give the traces that lines belong to, that carry the wanted text, or that one of these caused."""
        ids = {str(line["trace_id"]) for line in lines if line.get("trace_id")} | {wanted}
        ids |= {span.trace_id for span in self.spans if wanted in span.attributes.values()}
        ids |= {span.trace_id for span in self.spans if ids.intersection(span.links)}
        return [one for one in self.traces() if one.trace_id in ids]

    def traces(self) -> list[TraceSummary]:
        """Give all traces, the newest first."""
        by_trace: dict[str, list[SpanRecord]] = {}
        for span in self.spans:
            by_trace.setdefault(span.trace_id, []).append(span)
        return sorted((_summary(spans) for spans in by_trace.values()), key=lambda one: one.started_ns, reverse=True)


def _summary(spans: Sequence[SpanRecord]) -> TraceSummary:
    known = {span.span_id for span in spans}
    root = min(spans, key=lambda span: (span.parent_id in known, span.started_ns))
    return TraceSummary(
        trace_id=root.trace_id,
        service=root.service,
        name=root.name,
        started_ns=root.started_ns,
        milliseconds=(max(span.ended_ns for span in spans) - root.started_ns) / 1e6,
        spans=len(spans),
        services=len({span.service for span in spans}),
        failed=any(span.failed for span in spans),
    )


def shown_fields(line: Line, *, but: Iterable[str] = ()) -> dict[str, Any]:
    """Give the fields of a line that are not shown in columns of their own."""
    hidden = {"event", "level", "timestamp", "service", "component", "trace_id", "span_id", *but}
    return {name: value for name, value in line.items() if name not in hidden}
