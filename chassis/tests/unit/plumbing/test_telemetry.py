"""Traces: decided before anything is built, honouring the caller, connected by W3C headers only."""

import asyncio

import pytest

from portal_chassis import telemetry
from portal_chassis.telemetry import (
    CLIENT,
    CONSUMER,
    SERVER,
    adopt,
    continue_from,
    current_ids,
    current_traceparent,
    inject,
    link_to,
    span,
)
from portal_chassis.testing import SpanCollector
from portal_contracts.problems import Refused, TryLater

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def collector():
    collected = SpanCollector()
    with collected.recording(service="gateway"):
        yield collected


def test_spans_of_one_request_make_one_tree(collector):
    with span("GET /catalog", SERVER), span("ask", CLIENT):
        headers: dict[str, str] = {}
        inject(headers)
    with continue_from(headers["traceparent"]), span("answer", SERVER, {"portal.subject": "catalog.list"}):
        pass
    (trace_id,) = {collected.trace_id for collected in collector.spans}
    assert collector.outline(trace_id) == (
        "gateway server GET /catalog\n  gateway client ask\n    gateway server answer"
    )
    assert not collector.orphans(trace_id)
    assert len(collector.roots(trace_id)) == 1
    assert collector.named("answer")[0].attributes == {"portal.subject": "catalog.list"}


def test_the_callers_decision_holds_in_both_directions():
    collector = SpanCollector()
    with collector.recording(ratio=0.0), continue_from(SAMPLED), span("answer", SERVER):
        pass
    with collector.recording(ratio=1.0), continue_from(UNSAMPLED), span("answer", SERVER) as opened:
        assert not opened.recording
        assert current_traceparent() == UNSAMPLED
    assert [collected.parent_id for collected in collector.spans] == ["b7ad6b7169203331"]


def test_an_unsampled_trace_still_has_ids_and_tells_others_not_to_record():
    with span("root"):
        ids = current_ids()
        assert ids is not None
        assert current_traceparent() == f"00-{ids[0]}-{ids[1]}-00"
        with span("inner"):
            assert current_ids() == ids
    assert current_ids() is None


def test_nothing_is_built_for_an_unsampled_trace():
    with continue_from(UNSAMPLED):
        assert span("one") is span("two")


def test_a_sampled_cause_makes_its_later_work_sampled(collector):
    with collector.recording(ratio=0.0):
        with span("process", CONSUMER, links=link_to(SAMPLED)):
            pass
        with span("process", CONSUMER, links=link_to(UNSAMPLED)):
            pass
    (collected,) = collector.spans
    assert collected.links == ("0af7651916cd43dd8448eb211c80319c",)
    assert collected.trace_id != collected.links[0]


def test_an_answer_of_no_is_not_a_failure_but_silence_is(collector):
    for problem in (Refused("CART_EMPTY"), TryLater("WHMCS_UNAVAILABLE"), ValueError("secret text")):
        with pytest.raises(type(problem)), span("call"):
            raise problem
    told = [(collected.failed, dict(collected.attributes)) for collected in collector.spans]
    assert told == [
        (False, {"portal.problem": "CART_EMPTY"}),
        (True, {"error.type": "WHMCS_UNAVAILABLE"}),
        (True, {"error.type": "ValueError"}),
    ]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        SAMPLED[:-1],
        SAMPLED + "0",
        "ff" + SAMPLED[2:],
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        SAMPLED.replace("0af", "xyz"),
        SAMPLED.replace("-", "_"),
    ],
)
def test_a_malformed_header_starts_a_new_trace(header):
    with continue_from(header):
        assert current_ids() is None
    assert link_to(header) == ()


def test_a_newer_version_of_the_header_is_understood():
    parsed = telemetry.parse("01" + SAMPLED[2:] + "-more")
    assert parsed is not None
    assert parsed.sampled


async def test_a_task_that_serves_one_message_may_adopt_its_trace():
    async def serve():
        adopt(SAMPLED)
        await asyncio.sleep(0)
        return current_traceparent()

    assert await asyncio.create_task(serve()) == SAMPLED
    assert current_traceparent() is None
