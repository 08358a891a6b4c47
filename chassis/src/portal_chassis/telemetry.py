"""Traces across every hop by W3C `traceparent`, decided before anything is built (reference/performance.md §4).

A span costs something only when its trace is sampled: by the parent's flag, or at a new trace by `PORTAL_TRACE_RATIO`.
An unsampled trace still has ids, so that logs can be joined, and its header travels on so that nobody further down
decides anew. The OpenTelemetry SDK is loaded in a thread, and only when `PORTAL_TRACE_ENDPOINT` is set.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, Self

from portal_chassis.settings import ChassisSettings
from portal_contracts.problems import PortalProblem, Refused

if TYPE_CHECKING:
    from types import TracebackType

HEADER: Final = "traceparent"
_LENGTH: Final = 55
_QUEUE: Final = 4096
"""Finished spans kept while the SDK is still loading; older ones are dropped."""

Value = str | bool | int | float


class SpanKind(Enum):
    """What a span stands for in its trace; the values are OpenTelemetry's."""

    INTERNAL = 0
    SERVER = 1
    CLIENT = 2
    PRODUCER = 3
    CONSUMER = 4


INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = SpanKind


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where we are in a trace. Ids in lower-case hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header that continues this trace elsewhere."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


@dataclass(frozen=True, slots=True)
class Link:
    """A relation to a span that is not the parent: what caused this work earlier."""

    context: TraceContext


@dataclass(slots=True)
class FinishedSpan:
    """A span on its way out. Times are nanoseconds since 1970."""

    name: str
    kind: SpanKind
    context: TraceContext
    parent: TraceContext | None
    links: tuple[Link, ...]
    started_ns: int
    ended_ns: int
    attributes: dict[str, Value] = field(default_factory=dict)
    failed: bool = False
    service: str = ""


class Sink(Protocol):
    """Takes finished spans; must not block."""

    def take(self, span: FinishedSpan) -> None:
        """Take one span."""
        ...


@dataclass(slots=True)
class _Configuration:
    service: str = "portal"
    ratio: float = 0.0
    sink: Sink | None = None
    exporter: "_OtlpSink | None" = None


_configured = _Configuration()
_current: ContextVar[TraceContext | None] = ContextVar("portal_trace", default=None)


def _new_trace_id() -> str:
    return f"{random.getrandbits(128) | 1:032x}"


def _new_span_id() -> str:
    return f"{random.getrandbits(64) | 1:016x}"


class Span:
    """A span that nobody records: what `span` gives for unsampled traces. Its methods do nothing."""

    __slots__ = ()
    recording: bool = False

    def set(self, name: str, value: Value) -> None:
        """Add an attribute; never a secret, never personal data."""

    def fail(self, error: str) -> None:
        """Mark the span as failed with a short word for why, such as a problem code."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        """Leave things as they are."""


class _Unsampled(Span):
    """The root of a trace that is not recorded: only its ids exist."""

    __slots__ = ("_token",)

    def __enter__(self) -> Self:
        self._token = _current.set(TraceContext(_new_trace_id(), _new_span_id(), sampled=False))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        _current.reset(self._token)


class _Recorded(Span):
    """A span that will be exported."""

    __slots__ = ("_clock_start", "_finished", "_sink", "_token")
    recording = True

    def __init__(
        self,
        sink: Sink,
        name: str,
        kind: SpanKind,
        *,
        parent: TraceContext | None,
        attributes: Mapping[str, Value] | None,
        links: Sequence[Link],
    ) -> None:
        trace_id = parent.trace_id if parent is not None else _new_trace_id()
        self._sink = sink
        self._finished = FinishedSpan(
            name=name,
            kind=kind,
            context=TraceContext(trace_id, _new_span_id(), sampled=True),
            parent=parent,
            links=tuple(links),
            started_ns=time.time_ns(),
            ended_ns=0,
            attributes=dict(attributes or {}),
            service=_configured.service,
        )
        self._clock_start = time.perf_counter_ns()

    def set(self, name: str, value: Value) -> None:
        self._finished.attributes[name] = value

    def fail(self, error: str) -> None:
        self._finished.failed = True
        self._finished.attributes["error.type"] = error

    def __enter__(self) -> Self:
        self._token = _current.set(self._finished.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        _current.reset(self._token)
        if isinstance(error, Refused):
            self._finished.attributes["portal.problem"] = error.code  # an answer, not a failure
        elif isinstance(error, PortalProblem):
            self.fail(error.code)
        elif error is not None:
            self.fail(type(error).__name__)
        self._finished.ended_ns = self._finished.started_ns + time.perf_counter_ns() - self._clock_start
        self._sink.take(self._finished)


_NOTHING: Final = Span()


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Value] | None = None,
    links: Sequence[Link] = (),
    *,
    always: bool = False,
) -> Span:
    """Open a span for a `with` block; an exception that leaves the block marks it, with its class or code only.

    A sampled link makes a new trace sampled too, so that the later half of a recorded order is recorded as well.
    `always` records a new trace whatever the ratio says; one that a caller began stays as the caller decided.
    """
    parent = _current.get()
    sink = _configured.sink
    if parent is not None:
        if sink is None or not parent.sampled:
            return _NOTHING
    elif sink is None or not (always or _begins_sampled(links)):
        return _Unsampled()
    return _Recorded(sink, name, kind, parent=parent, attributes=attributes, links=links)


def _begins_sampled(links: Sequence[Link]) -> bool:
    if links:
        return any(link.context.sampled for link in links)
    return random.random() < _configured.ratio  # noqa: S311 - which traces are recorded is no secret


def parse(traceparent: str | None) -> TraceContext | None:
    """Read a W3C header; None for a missing or malformed one, which starts a new trace."""
    if traceparent is None or len(traceparent) < _LENGTH:
        return None
    version, trace_id, span_id, flags = traceparent[:2], traceparent[3:35], traceparent[36:52], traceparent[53:55]
    if traceparent[2] != "-" or traceparent[35] != "-" or traceparent[52] != "-" or version == "ff":
        return None
    if version == "00" and len(traceparent) != _LENGTH:
        return None
    try:
        if not int(trace_id, 16) or not int(span_id, 16):
            return None
        return TraceContext(trace_id.lower(), span_id.lower(), bool(int(flags, 16) & 1))
    except ValueError:
        return None


def adopt(traceparent: str | None) -> None:
    """Continue a trace in the current task for good: for tasks that serve one message and then end."""
    _current.set(parse(traceparent))


@contextmanager
def continue_from(traceparent: str | None) -> Iterator[None]:
    """Continue a trace for a block; None or a malformed header makes the next span the root of a new trace."""
    token = _current.set(parse(traceparent))
    try:
        yield
    finally:
        _current.reset(token)


def current_traceparent() -> str | None:
    """Give the header that continues the current trace; None outside of any."""
    context = _current.get()
    return context.traceparent if context is not None else None


def current_ids() -> tuple[str, str] | None:
    """Give trace id and span id for a log line; None outside of any trace."""
    context = _current.get()
    return (context.trace_id, context.span_id) if context is not None else None


def inject(headers: MutableMapping[str, str]) -> None:
    """Write the current trace into the headers of something that is sent."""
    context = _current.get()
    if context is not None:
        headers[HEADER] = context.traceparent


def link_to(traceparent: str | None) -> tuple[Link, ...]:
    """Give the links argument for work that an earlier trace caused; empty for a missing or malformed header."""
    context = parse(traceparent)
    return (Link(context),) if context is not None else ()


def configure(service: str, settings: ChassisSettings) -> None:
    """Set up tracing for the process. Returns at once; exporting starts when the SDK is loaded."""
    _configured.service = service
    _configured.ratio = settings.trace_ratio
    if settings.trace_endpoint:
        exporter = _OtlpSink(service, settings.trace_endpoint)
        _configured.exporter = exporter
        _configured.sink = exporter


def record_into(sink: Sink | None, *, ratio: float = 1.0, service: str = "test") -> None:
    """Send spans somewhere else than to OTLP; None switches recording off."""
    _configured.service = service
    _configured.ratio = ratio
    _configured.sink = sink


def flush() -> None:
    """Export what is left, for two seconds at most; blocks, so call it in a thread or at the very end."""
    exporter, _configured.exporter = _configured.exporter, None
    if exporter is not None:
        _configured.sink = None
        exporter.close()


class _OtlpSink:
    """Batches spans to an OTLP/HTTP collector from a thread of the SDK."""

    def __init__(self, service: str, endpoint: str) -> None:
        self._service = service
        self._endpoint = endpoint.rstrip("/") + "/v1/traces"
        self._waiting: deque[FinishedSpan] = deque(maxlen=_QUEUE)
        self._deliver: _Delivery | None = None
        self._loader = threading.Thread(target=self._load, name="trace-exporter-loader", daemon=True)
        self._loader.start()

    def _load(self) -> None:
        from portal_chassis.telemetry_export import OtlpDelivery  # noqa: PLC0415 - 140 ms that nobody should wait for

        self._deliver = OtlpDelivery(self._service, self._endpoint)

    def take(self, span: FinishedSpan) -> None:
        self._waiting.append(span)
        if self._deliver is not None:
            self._hand_over(self._deliver)

    def _hand_over(self, delivery: "_Delivery") -> None:
        while self._waiting:
            delivery.deliver(self._waiting.popleft())

    def close(self) -> None:
        """Export the rest within two seconds."""
        self._loader.join(timeout=2)
        if self._deliver is not None:
            self._hand_over(self._deliver)
            self._deliver.close()


class _Delivery(Protocol):
    def deliver(self, span: FinishedSpan) -> None: ...

    def close(self) -> None: ...
