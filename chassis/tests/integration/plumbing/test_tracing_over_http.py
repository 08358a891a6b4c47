"""Spans reach a collector over OTLP/HTTP with their parents intact, and a dead collector hurts nobody."""

import asyncio

from portal_chassis import telemetry
from portal_chassis.settings import ChassisSettings
from portal_chassis.telemetry import CLIENT, SERVER, link_to, span
from portal_chassis.testing import SpanCollector

EARLIER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_tree_arrives_whole():
    collector = SpanCollector()
    with collector.listening() as endpoint:
        telemetry.configure("billing", ChassisSettings(trace_endpoint=endpoint, trace_ratio=1.0))
        try:
            answering = span("answer", SERVER, {"portal.subject": "billing.invoice.list.v1"}, link_to(EARLIER))
            with answering, span("whmcs GetInvoices", CLIENT) as call:
                call.set("portal.count", 3)
                call.fail("WHMCS_UNAVAILABLE")
        finally:
            await asyncio.to_thread(telemetry.flush)
            telemetry.record_into(None)
        spans = await asyncio.to_thread(collector.wait_for, 2)
    (trace_id,) = {collected.trace_id for collected in spans}
    assert collector.outline(trace_id) == "portal-billing server answer\n  portal-billing client whmcs GetInvoices"
    (answer,) = collector.named("answer")
    (call_span,) = collector.named("whmcs GetInvoices")
    assert answer.links == ("0af7651916cd43dd8448eb211c80319c",)
    assert answer.attributes == {"portal.subject": "billing.invoice.list.v1"}
    assert call_span.attributes == {"portal.count": "3", "error.type": "WHMCS_UNAVAILABLE"}
    assert (answer.failed, call_span.failed) == (False, True)


async def test_a_collector_that_is_away_costs_only_the_spans():
    telemetry.configure("billing", ChassisSettings(trace_endpoint="http://127.0.0.1:1", trace_ratio=1.0))
    try:
        with span("answer", SERVER):
            pass
    finally:
        async with asyncio.timeout(10):
            await asyncio.to_thread(telemetry.flush)
        telemetry.record_into(None)
