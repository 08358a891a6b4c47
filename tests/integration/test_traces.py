"""One trace from the browser to every vendor, found again in every log (architecture §10)."""

import asyncio
import json
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from portal_chassis.testing import CollectedSpan, SpanCollector
from portal_contracts.identity import LogIn
from portal_contracts.provisioning import RevealEsimCode
from portal_contracts.topology import SERVICES
from portal_local.demo.customer import Problem
from portal_testing.salesforce_dialects import SalesforceDialect
from portal_testing.stack import PortalStack

SECONDS: Final = 20.0
SERVED_BY: Final = {
    message.subject: f"portal-{service.name}" for service in SERVICES.values() for message in service.serves
}
CHECKOUT_HOPS: Final = {
    "orders.checkout.submit.v1",
    "catalog.product.find.v1",
    "billing.payment_method.check.v1",
    "billing.client.read.v1",
}
CHECKOUT_EVENTS: Final = {"publish orders.order.placed.v1", "consume orders.order.placed.v1"}
CHECKOUT_CALLS: Final = {"whmcs GetPayMethods", "whmcs GetClientsDetails", "salesforce composite"}
PROVISIONING_HOPS: Final = {
    "orders.provisioning.read.v1",
    "orders.provisioning.mark_activating.v1",
    "orders.provisioning.record_outcome.v1",
    "catalog.product.find.v1",
    "identity.customer.find.v1",
    "billing.payment_method.check.v1",
    "billing.product.list.v1",
    "billing.order.reserve.v1",
    "billing.order.accept.v1",
}
PROVISIONING_CALLS: Final = {
    "whmcs AddOrder",
    "whmcs AcceptOrder",
    "freebit activate_esim",
    "freebit detail",
    "salesforce composite",
}


@pytest.fixture(scope="module")
def collector() -> Iterator[SpanCollector]:
    """Where every process of the stack sends its spans."""
    found = SpanCollector()
    with found.listening():
        yield found


@pytest.fixture(scope="module")
def traced_stack(collector: SpanCollector, salesforce_dialect: SalesforceDialect) -> Iterator[PortalStack]:
    """A stack of its own that records every trace."""
    folder = Path(tempfile.mkdtemp(prefix="portal-traces-"))
    folder.chmod(0o711)
    traced = {"PORTAL_TRACE_ENDPOINT": collector.endpoint, "PORTAL_TRACE_RATIO": "1"}
    overrides = {**salesforce_dialect.overrides(), **traced}
    stack = PortalStack.embedded(folder / "state", overrides=overrides).start_everything()
    yield stack
    stack.stop_everything()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def portal_stack(traced_stack: PortalStack) -> PortalStack:
    """What the shoppers of this module shop at."""
    traced_stack.heal()
    return traced_stack


async def eventually(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until it holds; spans arrive a second after they ended."""
    try:
        async with asyncio.timeout(SECONDS):
            while not holds():
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"not within {SECONDS} s:\n{what()}")


async def tree(collector: SpanCollector, trace_id: str, expected: set[str]) -> list[CollectedSpan]:
    """Wait until a trace is one connected tree that names all of these, and give its spans."""

    def whole() -> bool:
        spans = collector.trace(trace_id)
        connected = len(collector.roots(trace_id)) == 1 and not collector.orphans(trace_id)
        return connected and expected <= {span.name for span in spans} and not unanswered(spans)

    await eventually(whole, lambda: collector.outline(trace_id))
    return collector.trace(trace_id)


def unanswered(spans: list[CollectedSpan]) -> list[str]:
    """Name the requests on the bus without the span of who answered."""
    answered = {span.parent_id for span in spans if span.kind == "server"}
    asked = [span for span in spans if span.kind == "client" and span.name in SERVED_BY]
    return [span.name for span in asked if span.span_id not in answered]


def hops(spans: list[CollectedSpan]) -> set[str]:
    """Hold every request on the bus against the topology, at both ends, and give the subjects."""
    by_id = {span.span_id: span for span in spans}
    found = set()
    for span in spans:
        if span.kind == "server" and span.name in SERVED_BY:
            asked = by_id[str(span.parent_id)]
            assert (asked.name, asked.kind) == (span.name, "client")
            assert span.service == SERVED_BY[span.name] != asked.service
            found.add(span.name)
    return found


async def calls_at(stack: PortalStack) -> Counter[str]:
    """Count the calls that reached the vendors, as the sandbox counts them."""
    async with httpx.AsyncClient() as client:
        found = (await client.get(f"{stack.sandbox_urls['control']}/calls")).json()["calls"]
    return Counter({f"{vendor} {call}": count for vendor, calls in found.items() for call, count in calls.items()})


def log_lines(stack: PortalStack, name: str) -> list[dict[str, Any]]:
    lines = [line for line in stack.logs(name).splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]


async def test_a_checkout_is_one_tree_from_the_gateway_to_every_vendor(shopper, portal_stack, collector) -> None:
    before = await calls_at(portal_stack)
    order_id = await shopper.order_esim()
    trace_id = shopper.journey.trace_id
    spans = await tree(collector, trace_id, CHECKOUT_HOPS | CHECKOUT_EVENTS | CHECKOUT_CALLS)
    (root,) = collector.roots(trace_id)
    assert (root.service, root.kind, root.name) == ("portal-gateway", "server", "POST /orders")
    assert root.attributes["http.response.status_code"] in {"201", "202"}
    assert hops(spans) == CHECKOUT_HOPS
    made = await calls_at(portal_stack) - before

    def card() -> list[CollectedSpan]:
        """Give the trace in which the review card is written: one of its own, as it lasts until staff are done."""
        found = collector.named("process order_review")
        began = [span.trace_id for span in found if span.attributes["portal.process.key"] == order_id]
        return collector.trace(began[0]) if began else []

    await eventually(lambda: bool(card()), lambda: "no review was traced")
    for call in CHECKOUT_CALLS:  # none of what reached a vendor is missing
        assert made[call] == sum(span.name == call for span in spans + card()), call
    assert not any(span.failed for span in spans), collector.outline(trace_id)
    order = await shopper.salesforce.read("Order", order_id)
    assert order["Trace_Id__c"] == trace_id


async def test_the_mail_of_an_order_is_a_trace_that_links_to_its_checkout(shopper, collector) -> None:
    order_id = await shopper.order_vpn()
    key = f"order_received:{order_id}"

    def mailed() -> list[CollectedSpan]:
        found = collector.named("process mail")
        return [span for span in found if span.attributes["portal.process.key"] == key]

    await eventually(lambda: bool(mailed()), lambda: "no mail about the order was traced")
    (mail,) = mailed()
    assert mail.links == (shopper.journey.trace_id,)
    spans = await tree(collector, mail.trace_id, {"mail mail/send"})
    assert hops(spans) == {"identity.recipient.read.v1", "orders.mail.read.v1"}


async def test_provisioning_is_traced_by_itself_and_links_to_its_checkout(shopper, collector) -> None:
    order_id = await shopper.order_esim()
    checkout = shopper.journey.trace_id
    await shopper.journey.approve()
    assert await shopper.finish() == []

    def traces() -> set[str]:
        found = collector.named("process provisioning")
        return {span.trace_id for span in found if span.attributes["portal.process.key"] == order_id}

    def missing() -> set[str]:
        own = traces()  # billing's process may go on by itself: then its trace links to the one that started it
        linked = {span.trace_id for span in collector.spans if own & set(span.links)}
        named = {span.name for trace_id in own | linked for span in collector.trace(trace_id)}
        return (PROVISIONING_HOPS | PROVISIONING_CALLS) - named

    await eventually(lambda: not missing(), lambda: f"never recorded: {missing()}")
    assert checkout not in traces()
    links = set()
    for trace_id in traces():  # the process parks while Freebit works, and each stretch is a tree
        spans = await tree(collector, trace_id, {"process provisioning"})
        assert hops(spans) <= PROVISIONING_HOPS
        steps = [span for span in spans if span.attributes.get("portal.order") == order_id]
        links |= {link for step in steps for link in step.links}
    assert links == {checkout}


async def test_a_failure_is_found_in_every_log_by_the_trace_id_the_customer_was_given(
    shopper, portal_stack, collector
) -> None:
    refusal = json.dumps({"result": "error", "message": "Authentication Failed"})
    params = {"status": 403, "body": refusal}
    await portal_stack.sandbox.arm_fault("whmcs", "GetPayMethods", "status", times=None, params=params)
    with pytest.raises(Problem) as caught:
        await shopper.order_vpn()
    await portal_stack.sandbox.clear_faults()
    trace_id = shopper.customer.trace_ids[-1]
    assert caught.value.status == 500
    assert "Authentication" not in json.dumps(caught.value.body), "a vendor's words are not the customer's"
    spans = await tree(collector, trace_id, {"POST /orders", "whmcs GetPayMethods"})
    assert {span.service for span in spans if span.failed} >= {"portal-orders", "portal-billing"}
    for service in ("gateway", "orders", "billing"):
        told = [line for line in log_lines(portal_stack, service) if line.get("trace_id") == trace_id]
        assert "error" in {line["level"] for line in told}, service


async def test_a_log_line_names_a_span_that_was_recorded(shopper, portal_stack, collector) -> None:
    await shopper.order_esim()
    await shopper.journey.approve()
    assert await shopper.finish() == []
    services = [name for name in portal_stack.names if name in SERVICES]
    lines = [line for name in services for line in log_lines(portal_stack, name) if "trace_id" in line]
    assert {line["service"] for line in lines} >= {"billing", "fulfillment", "catalog"}

    def unknown() -> set[tuple[str, str]]:
        known = {(span.trace_id, span.span_id) for span in collector.spans}
        return {(line["trace_id"], line["span_id"]) for line in lines} - known

    await eventually(lambda: not unknown(), lambda: f"never recorded: {unknown()}")


async def test_a_trace_that_the_browser_began_goes_on(portal_http, collector) -> None:
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    form = {"email": "nobody@example.jp", "password": "an-example-of-a-passphrase"}
    headers = {"traceparent": f"00-{trace_id}-{span_id}-01"}
    answer = await portal_http.post("/auth/login", json=form, headers=headers)
    assert answer.headers["x-trace-id"] == trace_id

    def arrived() -> bool:
        answered = any(span.name == LogIn.subject and span.kind == "server" for span in collector.trace(trace_id))
        return answered and not collector.orphans(trace_id, outside=span_id)

    await eventually(arrived, lambda: collector.outline(trace_id))
    (entry,) = [span for span in collector.trace(trace_id) if span.parent_id == span_id]
    assert (entry.service, entry.kind) == ("portal-gateway", "server")


async def test_no_span_tells_who_the_customer_is(shopper, collector) -> None:  # architecture §9
    await shopper.order_esim()
    await tree(collector, shopper.journey.trace_id, CHECKOUT_CALLS)
    person = shopper.person
    told = str([(span.name, dict(span.attributes)) for span in collector.spans])
    for secret in (person.email, person.eid, "demo-only-long-passphrase", "4242", "見本", "神宮前"):
        assert secret not in told


async def test_an_esim_code_is_nowhere_but_with_its_owner(shopper, portal_stack, collector) -> None:  # D11
    order_id = await shopper.order_esim()
    await shopper.journey.approve()
    assert await shopper.finish() == []
    shown = await shopper.customer.post(f"/orders/{order_id}/esim-code", {})
    answered = shopper.customer.trace_ids[-1]
    await tree(collector, answered, {RevealEsimCode.subject})
    secret = shown["matchingId"].encode()
    sandbox = portal_stack.state_folder / "sandbox"
    held = [
        path
        for path in portal_stack.state_folder.rglob("*")
        if sandbox not in path.parents and path.is_file() and secret in path.read_bytes()
    ]
    assert held == []  # no log, no stream of NATS, no row in clear text
    assert secret.decode() not in str([(span.name, dict(span.attributes)) for span in collector.spans])
