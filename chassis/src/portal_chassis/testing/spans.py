"""Collects finished spans, in this process or over OTLP/HTTP from others, and looks at the trees they make."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import monotonic, sleep

from portal_chassis import telemetry
from portal_chassis.telemetry import FinishedSpan, SpanKind


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """A span as it arrived. Ids are lower-case hexadecimal; `links` are the trace ids linked to."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    links: tuple[str, ...]
    attributes: Mapping[str, str]
    failed: bool


class SpanCollector:
    """A sink for `telemetry.record_into`, or with `listening()` a collector for `PORTAL_TRACE_ENDPOINT`."""

    def __init__(self) -> None:
        self._spans: list[CollectedSpan] = []
        self._lock = Lock()
        self.endpoint = ""

    @property
    def spans(self) -> list[CollectedSpan]:
        """Everything collected so far."""
        with self._lock:
            return list(self._spans)

    def take(self, span: FinishedSpan) -> None:
        """Take a span of this process."""
        self.add(
            CollectedSpan(
                service=span.service,
                name=span.name,
                kind=span.kind.name.lower(),
                trace_id=span.context.trace_id,
                span_id=span.context.span_id,
                parent_id=span.parent.span_id if span.parent is not None else None,
                links=tuple(link.context.trace_id for link in span.links),
                attributes={name: str(value) for name, value in span.attributes.items()},
                failed=span.failed,
            )
        )

    def add(self, *spans: CollectedSpan) -> None:
        """Add spans from anywhere."""
        with self._lock:
            self._spans.extend(spans)

    def named(self, name: str) -> list[CollectedSpan]:
        """Give the spans of one name."""
        return [span for span in self.spans if span.name == name]

    def trace(self, trace_id: str) -> list[CollectedSpan]:
        """Give the spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def orphans(self, trace_id: str, *, outside: str | None = None) -> list[CollectedSpan]:
        """Give spans whose parent did not arrive; `outside` is a span id that somebody else holds, such as a test."""
        spans = self.trace(trace_id)
        known = {span.span_id for span in spans} | {outside}
        return [span for span in spans if span.parent_id is not None and span.parent_id not in known]

    def roots(self, trace_id: str) -> list[CollectedSpan]:
        """Give the spans without a parent: one connected tree has exactly one and no orphans."""
        return [span for span in self.trace(trace_id) if span.parent_id is None]

    def outline(self, trace_id: str) -> str:
        """Draw a trace as indented lines, siblings by name: what a test compares or prints."""
        spans = self.trace(trace_id)
        known = {span.span_id for span in spans}
        lines: list[str] = []

        def draw(parent: str | None, depth: int) -> None:
            children = [
                span for span in spans if span.parent_id == parent or (parent is None and span.parent_id not in known)
            ]
            for span in sorted(children, key=lambda child: (child.service, child.name)):
                lines.append(f"{'  ' * depth}{span.service} {span.kind} {span.name}")
                draw(span.span_id, depth + 1)

        draw(None, 0)
        return "\n".join(lines)

    def wait_for(self, count: int, *, seconds: float = 10.0) -> list[CollectedSpan]:
        """Wait until that many spans have arrived; raises TimeoutError with what did arrive. Blocks the thread."""
        give_up = monotonic() + seconds
        while len(self.spans) < count:
            if monotonic() > give_up:
                raise TimeoutError(f"only {[span.name for span in self.spans]} arrived")
            sleep(0.02)
        return self.spans

    @contextmanager
    def recording(self, *, ratio: float = 1.0, service: str = "test") -> Iterator[None]:
        """Collect what this process records during the block."""
        telemetry.record_into(self, ratio=ratio, service=service)
        try:
            yield
        finally:
            telemetry.record_into(None)

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Receive OTLP over HTTP on loopback during the block; gives the base URL for `PORTAL_TRACE_ENDPOINT`."""
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                collector.add(*_decoded(body))
                self.send_response(200)  # an empty message in protobuf is no bytes at all
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base class names it
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, name="span collector", daemon=True)
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self.endpoint
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _decoded(body: bytes) -> Iterator[CollectedSpan]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415 - most tests need no OTLP
        ExportTraceServiceRequest,
    )

    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        names = {entry.key: entry.value.string_value for entry in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield CollectedSpan(
                    service=names.get("service.name", ""),
                    name=span.name,
                    kind=SpanKind(span.kind - 1).name.lower(),
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex() or None,
                    links=tuple(link.trace_id.hex() for link in span.links),
                    attributes={
                        entry.key: str(getattr(entry.value, entry.value.WhichOneof("value") or "string_value"))
                        for entry in span.attributes
                    },
                    failed=span.status.code == 2,  # noqa: PLR2004 - STATUS_CODE_ERROR
                )
