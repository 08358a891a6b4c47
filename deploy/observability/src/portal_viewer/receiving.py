"""Turns OTLP (protobuf) into what is kept. Log lines become again what the process wrote on its standard output."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from portal_viewer.about_order import Line
from portal_viewer.keeping import SpanRecord, Value

_SERVICE: Final = "service.name"
_PREFIX: Final = "portal-"
_LISTS: Final = ("[", "{")


def spans_of(body: bytes) -> Iterator[SpanRecord]:
    """Read the body of `POST /v1/traces`; raises google.protobuf.message.DecodeError for anything else."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    for resource in request.resource_spans:
        service = _service(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _span(service, span)


def lines_of(body: bytes) -> Iterator[Line]:
    """Read the body of `POST /v1/logs`; raises google.protobuf.message.DecodeError for anything else."""
    request = ExportLogsServiceRequest()
    request.ParseFromString(body)
    for resource in request.resource_logs:
        service = _service(resource.resource.attributes)
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield _line(service, record)


def _span(service: str, span: Span) -> SpanRecord:
    return SpanRecord(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        name=span.name,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes={pair.key: _value(pair.value) for pair in span.attributes},
        links=tuple(link.trace_id.hex() for link in span.links),
    )


def _line(service: str, record: LogRecord) -> Line:
    line: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.time_unix_nano / 1e9, UTC).isoformat().replace("+00:00", "Z"),
        "service": service,
        "level": record.severity_text.lower(),
        "event": record.body.string_value,
    }
    for pair in record.attributes:
        line[pair.key] = _field(_value(pair.value))
    if record.trace_id:
        line["trace_id"], line["span_id"] = record.trace_id.hex(), record.span_id.hex()
    return line


def _service(attributes: Iterable[KeyValue]) -> str:
    found = {pair.key: pair.value.string_value for pair in attributes}
    return found.get(_SERVICE, "unknown").removeprefix(_PREFIX)


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case _:
            return value.string_value


def _field(value: Value) -> Any:
    """Give lists and objects back, which travel as JSON text."""
    if isinstance(value, str) and value.startswith(_LISTS):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
