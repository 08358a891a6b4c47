"""The viewer takes OTLP, keeps a bounded part of it and finds it again."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from portal_viewer import keeping
from portal_viewer.about_order import lines_about
from portal_viewer.application import Viewer
from portal_viewer.keeping import Kept, Metrics, SpanRecord
from portal_viewer.scraping import keep
from portal_viewer.settings import ViewerSettings
from portal_viewer.waterfall import waterfall

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "11111111111111111111111111111111"
ORDER = "8016F000001AbCdQAK"
SPAN = SpanRecord(TRACE, "b7ad6b7169203331", "", "gateway", "POST /orders", 1_000_000_000, 1_500_000_000, False, {})


@pytest.fixture
def viewer() -> Viewer:
    return Viewer(ViewerSettings())


@pytest.fixture
async def browser(viewer: Viewer) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(viewer.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://viewer") as client:
        yield client


def line(**fields: object) -> dict[str, object]:
    return {"timestamp": "2026-01-05T01:02:03Z", "service": "orders", "level": "info", "event": "x", **fields}


def spans(*names: str) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    name = resource.resource.attributes.add()
    name.key, name.value.string_value = "service.name", "portal-orders"
    for number, span_name in enumerate(names, 1):
        span = resource.scope_spans.add().spans.add()
        span.trace_id, span.span_id = bytes.fromhex(TRACE), number.to_bytes(8, "big")
        span.parent_span_id = b"" if number == 1 else (1).to_bytes(8, "big")
        span.name, span.start_time_unix_nano, span.end_time_unix_nano = span_name, number * 10**9, (number + 1) * 10**9
    return request.SerializeToString()


async def test_a_trace_that_was_sent_is_shown_with_its_log_lines(viewer, browser):
    assert (await browser.post("/v1/traces", content=spans("checkout", "salesforce create"))).status_code == 200
    viewer.kept.lines.append(line(event="an order was placed", trace_id=TRACE, order_id=ORDER))
    page = (await browser.get(f"/traces/{TRACE}")).text
    assert "salesforce create" in page
    assert "an order was placed" in page
    assert TRACE in (await browser.get("/")).text


async def test_what_is_no_otlp_is_refused(browser):
    for path in ("/v1/traces", "/v1/logs"):
        assert (await browser.post(path, content=b"{}not protobuf")).status_code == 400


async def test_everything_about_an_order_is_found_by_its_number(viewer, browser):
    viewer.kept.spans.append(SPAN)
    viewer.kept.lines.extend(
        [
            line(event="an order was placed", order_id=ORDER, order_number="00000101", trace_id=TRACE),
            line(service="billing", event="a step ended", key=ORDER, trace_id=OTHER),
            line(service="catalog", event="in the same trace", trace_id=TRACE),
            line(service="billing", event="of another order", order_id="801000000000002AAA", trace_id=TRACE),
        ]
    )
    page = (await browser.get("/find", params={"q": "00000101"})).text
    for text in ("an order was placed", "a step ended", "in the same trace", "POST /orders"):
        assert text in page
    assert "of another order" not in page


async def test_what_a_line_says_is_text_and_never_markup(viewer, browser):
    viewer.kept.lines.append(line(event="<script>alert(1)</script>", order_id=ORDER))
    assert "<script>alert" not in (await browser.get("/find", params={"q": ORDER})).text
    assert "<script>alert" not in (await browser.get("/logs")).text


async def test_every_dashboard_is_drawn_without_and_with_samples(viewer, browser):
    uids = [dashboard.uid for dashboard in viewer._dashboards]
    for uid in uids:
        assert (await browser.get(f"/dashboards/{uid}")).status_code == 200
    keep(
        '# TYPE portal_processes gauge\nportal_processes{kind="mail",status="waiting"} 3\n',
        "notifications",
        viewer.kept.metrics,
        1e9,
    )
    assert (await browser.get("/dashboards/mails")).status_code == 200
    assert (await browser.get("/dashboards/none")).status_code == 404


async def test_an_alert_that_fires_stands_on_the_first_page(viewer, browser):
    await viewer.look()
    assert "None fires." in (await browser.get("/")).text
    for seconds in (0, 60, 120, 180):
        viewer.kept.metrics.add("portal_bus_connected", (("job", "orders"),), 0, 1e9 + seconds)
        viewer.firing = viewer._judge.look(viewer.kept.metrics, 1e9 + seconds)
    page = (await browser.get("/")).text
    assert "BusAway" in page
    assert "A service is not connected to NATS." in page


def test_lines_come_in_order_of_time_from_whatever_service():
    lines = [
        line(timestamp="2026-01-05T01:00:02Z", order_ids=[ORDER, "801000000000002AAA"]),
        line(timestamp="2026-01-05T01:00:01Z", service="gateway", order_id=ORDER),
    ]
    assert [found["service"] for found in lines_about(ORDER, lines)] == ["gateway", "orders"]
    assert lines_about("801000000000009AAA", lines) == []


def test_memory_is_bounded_for_spans_lines_and_series():
    kept = Kept()
    for number in range(keeping.SPANS + 5):
        kept.spans.append(replace(SPAN, span_id=f"{number:016x}"))
    for _ in range(keeping.LINES + 5):
        kept.lines.append(line())
    assert (len(kept.spans), len(kept.lines)) == (keeping.SPANS, keeping.LINES)
    metrics = Metrics(most_series=10)
    for number in range(50):
        metrics.add("m", (("n", str(number)),), 1.0, 0.0)
    assert len(list(metrics.window("m", (), -1, 1))) == 10


def test_old_samples_go():
    metrics = Metrics(kept_seconds=60)
    for second in range(0, 300, 10):
        metrics.add("m", (), float(second), float(second))
    ((_, samples),) = metrics.window("m", (), -1, 300)
    assert samples[0][0] >= 290 - 1.2 * 60
    assert samples[-1] == (290.0, 290.0)


def test_spans_are_laid_out_by_parent_and_time():
    child = replace(SPAN, span_id="2", parent_id=SPAN.span_id, started_ns=1_250_000_000, ended_ns=1_500_000_000)
    orphan = replace(SPAN, span_id="3", parent_id="never arrived", started_ns=1_100_000_000)
    bars = waterfall([child, SPAN, orphan])
    assert [(bar.span.span_id, bar.depth) for bar in bars] == [(SPAN.span_id, 0), ("2", 1), ("3", 0)]
    assert (bars[1].left, bars[1].width) == (50.0, 50.0)
