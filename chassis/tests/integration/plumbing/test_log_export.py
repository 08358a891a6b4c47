"""Log lines reach a collector as OTLP, as they stand on standard output; one that is away costs nothing else (R284)."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import pytest

from portal_chassis.log_export import LogExport
from portal_viewer.receiving import lines_of

LINE = {
    "timestamp": "2026-01-05T01:02:03.456789Z",
    "service": "orders",
    "level": "warning",
    "event": "a step met a problem",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "span_id": "b7ad6b7169203331",
    "attempt": 2,
    "order_ids": ["8016F000001AbCdQAK"],
}


class Collector:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/logs"
            found.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_line_arrives_as_it_was_written(collector):
    export = LogExport("orders", collector.url)
    export.take(LINE)
    await asyncio.to_thread(export.close)
    (body,) = collector.bodies
    (line,) = lines_of(body)
    assert line == LINE


async def test_what_waits_at_the_end_is_sent(collector):
    export = LogExport("orders", collector.url)
    for number in range(500):
        export.take({**LINE, "attempt": number})
    await asyncio.to_thread(export.close)
    assert [line["attempt"] for body in collector.bodies for line in lines_of(body)] == list(range(500))


async def test_a_collector_that_is_away_keeps_nobody_waiting():
    export = LogExport("orders", "http://127.0.0.1:9")
    begun = monotonic()
    for _ in range(10_000):
        export.take(LINE)
    await asyncio.to_thread(export.close)
    assert monotonic() - begun < 3
