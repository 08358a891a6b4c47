"""The span of one HTTP request, decided before anything is built (reference/performance.md §4)."""

from collections.abc import Iterator
from contextlib import contextmanager

from portal_chassis import telemetry
from portal_chassis.telemetry import SERVER, Span


@contextmanager
def request_span(name: str, traceparent: bytes | None, *, always: bool) -> Iterator[Span]:
    """Continue the client's trace or start one. `always` records a trace of our own whatever the ratio says."""
    if traceparent is not None:
        with telemetry.continue_from(traceparent.decode("latin-1")), _span(name, always=always) as opened:
            yield opened
        return
    with _span(name, always=always) as opened:
        yield opened


def _span(name: str, *, always: bool) -> Span:
    sink = telemetry._configured.sink  # noqa: SLF001 - `span` cannot be told to record a root whatever the ratio
    if always and sink is not None and telemetry.current_traceparent() is None:
        return telemetry._Recorded(sink, name, SERVER, parent=None, attributes=None, links=())  # noqa: SLF001 - the same
    return telemetry.span(name, SERVER)
