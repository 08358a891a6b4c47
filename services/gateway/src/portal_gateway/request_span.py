"""The span of one HTTP request, decided before anything is built (reference/performance.md §4)."""

from collections.abc import Iterator
from contextlib import contextmanager

from portal_chassis import telemetry
from portal_chassis.telemetry import SERVER, Span


@contextmanager
def request_span(name: str, traceparent: bytes | None, *, always: bool) -> Iterator[Span]:
    """Continue the client's trace or start one. `always` records a trace of our own whatever the ratio says."""
    if traceparent is not None:
        with (
            telemetry.continue_from(traceparent.decode("latin-1")),
            telemetry.span(name, SERVER, always=always) as opened,
        ):
            yield opened
        return
    with telemetry.span(name, SERVER, always=always) as opened:
        yield opened
