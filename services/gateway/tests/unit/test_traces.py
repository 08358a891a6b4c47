"""One trace from the browser on; what is recorded is decided before anything is built (architecture §7, §10)."""

from portal_contracts import orders
from portal_contracts.problems import Misconfigured, Refused, TryLater

CART = {"lines": [{"reference": "vpn", "sku": "VPN-US"}]}
TRACE = "0af7651916cd43dd8448eb211c80319c"


def parent(flags):
    return {"traceparent": f"00-{TRACE}-b7ad6b7169203331-{flags}"}


async def test_every_answer_names_its_trace(visitor):
    for path in ("/catalog", "/me"):
        answer = await visitor.get(path)
        version, trace, span, flags = answer.headers["traceresponse"].split("-")
        assert answer.headers["x-trace-id"] == trace
        assert (version, len(trace), len(span), flags) == ("00", 32, 16, "00")


async def test_a_recorded_trace_of_the_client_is_continued(visitor, spans):
    answer = await visitor.get("/catalog", headers=parent("01"))
    assert answer.headers["x-trace-id"] == TRACE
    root = spans.named("GET /catalog")[0]
    assert (root.trace_id, root.parent_id, root.kind) == (TRACE, "b7ad6b7169203331", "server")
    assert root.attributes["http.response.status_code"] == "200"


async def test_a_trace_the_client_does_not_record_is_continued_but_not_recorded(visitor, spans):
    answer = await visitor.get("/catalog", headers=parent("00"))
    assert answer.headers["x-trace-id"] == TRACE
    assert spans.spans == []


async def test_a_malformed_traceparent_starts_a_new_trace(visitor, spans):
    for header in ("", "00-0-0-00", "x" * 55, "00-" + "0" * 32 + "-b7ad6b7169203331-01"):
        answer = await visitor.get("/catalog", headers={"traceparent": header})
        assert answer.status_code == 200
        assert len(answer.headers["x-trace-id"]) == 32
    assert spans.spans == []


async def test_every_state_change_is_recorded_whatever_the_ratio(portal, browser, spans):
    answer = await browser.post("/orders", json=CART)
    roots = spans.roots(answer.headers["x-trace-id"])
    assert [(root.name, root.parent_id) for root in roots] == [("POST /orders", None)]
    assert answer.headers["traceresponse"].endswith("-01")
    await browser.get("/orders")
    assert len(spans.spans) == 1


async def test_state_changes_follow_the_ratio_when_told_to(new_portal, spans):
    portal = new_portal(trace_writes=False)
    async with portal.browser() as client:
        await client.post("/orders", json=CART)
    assert spans.spans == []


async def test_a_refusal_is_an_answer_and_a_fault_is_a_failure(portal, browser, spans):
    for problem in (Refused("CART_EMPTY"), TryLater("SERVICE_UNAVAILABLE"), Misconfigured("ACTOR_REFUSED")):
        portal.bus.reply(orders.CheckOut, problem)
        await browser.post("/orders", json=CART)
    assert [(span.attributes["portal.problem"], span.failed) for span in spans.named("POST /orders")] == [
        ("CART_EMPTY", False),
        ("SERVICE_UNAVAILABLE", True),
        ("ACTOR_REFUSED", True),
    ]


async def test_no_span_holds_what_a_customer_typed(portal, visitor, spans):
    await visitor.post("/auth/login", json={"email": "hanako@example.jp", "password": "a-canary-passphrase"})
    assert "canary" not in repr(spans.spans)
    assert "hanako" not in repr(spans.spans)
