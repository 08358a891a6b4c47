"""kill -9 in mid-order: whatever dies, one accepted order and one SIM (reference reliability.md T-01 to T-03)."""

import asyncio

import pytest

from portal_testing.invariants import broken_invariants
from portal_testing.stack import PortalStack

CALLS = (
    ("whmcs", "AddOrder"),
    ("freebit", "mvno/esim/addAcnt"),
    ("whmcs", "AcceptOrder"),
    ("salesforce", "composite"),
)


async def hit(stack: PortalStack, call: str) -> None:
    """Wait until the armed fault has met its call."""
    async with asyncio.timeout(30):
        while not any(rule["call"] == call and rule["hits"] for rule in await stack.sandbox.faults()):
            await asyncio.sleep(0.02)


@pytest.mark.kill
@pytest.mark.timeout(180)
@pytest.mark.parametrize("service", ["fulfillment", "billing", "orders"])
@pytest.mark.parametrize(("vendor", "call"), CALLS)
@pytest.mark.parametrize("kind", ["slow", "after_effect"])
async def test_a_service_killed_around_a_vendor_call_leaves_one_order(
    shopper, portal_stack: PortalStack, service, vendor, call, kind
) -> None:
    """`slow`: killed before the effect and its answer; `after_effect`: killed after it, the answer lost."""
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
