"""Hands finished spans to OpenTelemetry's batch exporter. Imported in a thread, only when there is a collector."""

from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from portal_chassis.telemetry import FinishedSpan, TraceContext

_SCOPE: Final = InstrumentationScope("portal_chassis")
_KINDS: Final = (SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER)


class OtlpDelivery:
    """Batches spans and posts them each second as OTLP over HTTP; a collector that is away costs nothing but spans."""

    def __init__(self, service: str, endpoint: str) -> None:
        self._resource = Resource({"service.name": f"portal-{service}"})
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint, timeout=2),
            max_queue_size=4096,
            schedule_delay_millis=1000,
            export_timeout_millis=2000,
        )

    def deliver(self, span: FinishedSpan) -> None:
        """Queue one span for export."""
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(span.context, is_remote=False),
                parent=_context(span.parent, is_remote=True) if span.parent is not None else None,
                resource=self._resource,
                attributes=span.attributes,
                links=[Link(_context(link.context, is_remote=True)) for link in span.links],
                kind=_KINDS[span.kind.value],
                status=Status(StatusCode.ERROR) if span.failed else Status(StatusCode.UNSET),
                start_time=span.started_ns,
                end_time=span.ended_ns,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Export the rest and stop the thread."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped


def _context(context: TraceContext, *, is_remote: bool) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote,
        TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT),
    )
