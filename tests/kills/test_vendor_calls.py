"""kill -9 in mid-order: whatever dies, one accepted order and one SIM (reference reliability.md T-01 to T-03)."""

import asyncio

import pytest

from portal_testing.invariants import broken_invariants
from portal_testing.stack import PortalStack

CASES = (
    # killed while the vendor works, before its answer: the effect may or may not come
    *(
        (service, *call, "slow")
        for service in ("fulfillment", "billing")
        for call in (
            ("whmcs", "AddOrder"),
            ("freebit", "mvno/esim/addAcnt"),
            ("whmcs", "AcceptOrder"),
            ("salesforce", "composite"),
        )
    ),
    # killed after the effect, and the answer lost as well
    ("billing", "whmcs", "AddOrder", "after_effect"),
    ("fulfillment", "whmcs", "AddOrder", "after_effect"),
    ("fulfillment", "freebit", "mvno/esim/addAcnt", "after_effect"),
    ("billing", "whmcs", "AcceptOrder", "after_effect"),
    ("orders", "salesforce", "composite", "after_effect"),
)


async def hit(stack: PortalStack, call: str) -> None:
    """Wait until the armed fault has met its call."""
    async with asyncio.timeout(30):
        while not any(rule["call"] == call and rule["hits"] for rule in await stack.sandbox.faults()):
            await asyncio.sleep(0.02)


@pytest.mark.kill
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("service", "vendor", "call", "kind"), CASES)
async def test_a_service_killed_around_a_vendor_call_leaves_one_order(
    shopper, portal_stack: PortalStack, service, vendor, call, kind
) -> None:
    order_id = await shopper.order_esim()
    await portal_stack.sandbox.arm_fault(vendor, call, kind, params={"seconds": 1})
    await shopper.journey.approve()
    await hit(portal_stack, call)
    await portal_stack.kill(service)
    await portal_stack.start(service)
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []


@pytest.mark.kill
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["NATS", "Postgres", "Redis", "changefeed"])
async def test_the_ground_killed_under_an_order_leaves_one_order(shopper, portal_stack: PortalStack, name) -> None:
    order_id = await shopper.order_esim()
    await portal_stack.sandbox.arm_fault("whmcs", "AddOrder", "slow", params={"seconds": 1})
    await shopper.journey.approve()
    if name != "changefeed":
        await hit(portal_stack, "AddOrder")
    await portal_stack.kill(name)
    await portal_stack.start(name)
    await portal_stack.wait_ready()
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []
