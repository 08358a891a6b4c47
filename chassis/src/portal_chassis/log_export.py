"""Sends log lines as OTLP over HTTP, too, beside standard output, where a collector does not read that (R284).

A thread of its own posts what came in each second. A collector that is away costs nothing but its copy: standard output
has every line.
"""

import json
import threading
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

_QUEUE: Final = 4096
_PAUSE_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2.0
_OWN_FIELDS: Final = frozenset({"event", "level", "timestamp", "service", "trace_id", "span_id"})
"""What has a place of its own in a record, or in its resource."""


class LogExport:
    """Takes the fields of finished lines, redacted already, from any thread; never blocks and never fails."""

    def __init__(self, service: str, endpoint: str) -> None:
        self._service = service
        self._endpoint = endpoint.rstrip("/") + "/v1/logs"
        self._waiting: deque[Mapping[str, Any]] = deque(maxlen=_QUEUE)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-exporter", daemon=True)
        self._thread.start()

    def take(self, line: Mapping[str, Any]) -> None:
        """Queue one line; when too many wait, the oldest is left out."""
        self._waiting.append(line)

    def close(self) -> None:
        """Send the rest, for two seconds at most."""
        self._closing.set()
        self._thread.join(_ANSWER_SECONDS)

    def _run(self) -> None:
        while not self._closing.wait(_PAUSE_SECONDS):
            self._send()
        self._send()

    def _send(self) -> None:
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not lines:
            return
        request = urllib.request.Request(  # noqa: S310 - an address of our own settings
            self._endpoint,
            data=_encoded(self._service, lines),
            headers={"Content-Type": "application/x-protobuf"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - the same
                answer.read()
        except OSError:
            return  # a line about it would be a line to send


def _encoded(service: str, lines: Sequence[Mapping[str, Any]]) -> bytes:
    # 40 ms of libraries that a process without a collector need not load.
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415
    from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber  # noqa: PLC0415 - the same

    severities = {
        "debug": SeverityNumber.SEVERITY_NUMBER_DEBUG,
        "info": SeverityNumber.SEVERITY_NUMBER_INFO,
        "warning": SeverityNumber.SEVERITY_NUMBER_WARN,
        "error": SeverityNumber.SEVERITY_NUMBER_ERROR,
        "critical": SeverityNumber.SEVERITY_NUMBER_FATAL,
    }
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    name = resource.resource.attributes.add()
    name.key, name.value.string_value = "service.name", f"portal-{service}"
    records = resource.scope_logs.add().log_records
    for line in lines:
        record = records.add()
        record.time_unix_nano = int(datetime.fromisoformat(line["timestamp"]).timestamp() * 1e9)
        record.severity_text = str(line.get("level", "info")).upper()
        record.severity_number = severities.get(str(line.get("level")), SeverityNumber.SEVERITY_NUMBER_INFO)
        record.body.string_value = str(line.get("event", ""))
        if "trace_id" in line:
            record.trace_id, record.span_id = bytes.fromhex(line["trace_id"]), bytes.fromhex(line["span_id"])
        for key, value in line.items():
            if key not in _OWN_FIELDS:
                field = record.attributes.add()
                field.key = key
                _set(field.value, value)
    return request.SerializeToString()


def _set(target: Any, value: Any) -> None:
    """Write a value as OTLP's own kind; lists and objects travel as JSON."""
    match value:
        case bool():
            target.bool_value = value
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case _:
            target.string_value = json.dumps(value, ensure_ascii=False, default=str)
