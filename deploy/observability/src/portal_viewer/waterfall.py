"""Lays the spans of a trace out as bars: depth by parents, place and length by time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portal_viewer.keeping import SpanRecord


@dataclass(frozen=True, slots=True)
class Bar:
    """A span as it is drawn; `left` and `width` are per cent of the trace."""

    span: SpanRecord
    depth: int
    left: float
    width: float

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.span.ended_ns - self.span.started_ns) / 1e6


def waterfall(spans: Sequence[SpanRecord]) -> list[Bar]:
    """Give the bars from top to bottom: a span, then what happened in it."""
    if not spans:
        return []
    begin = min(span.started_ns for span in spans)
    whole = max(1, max(span.ended_ns for span in spans) - begin)
    known = {span.span_id for span in spans}
    children: dict[str, list[SpanRecord]] = {}
    for span in sorted(spans, key=lambda one: one.started_ns):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

    def below(parent: str, depth: int) -> Iterator[Bar]:
        for span in children.get(parent, ()):
            left = 100 * (span.started_ns - begin) / whole
            yield Bar(span, depth, left, max(0.2, 100 * (span.ended_ns - span.started_ns) / whole))
            yield from below(span.span_id, depth + 1)

    return list(below("", 0))
