"""One approval, many signals, one order (C01, C20, C29; reference reliability.md T-11)."""

import asyncio
from contextlib import suppress

import pytest

from portal_local.demo.customer import DemoFailed
from portal_testing.invariants import broken_invariants, broken_silence
from portal_testing.stack import PortalStack


@pytest.mark.docker
async def test_one_approval_announced_twenty_times_makes_one_order(shopper, portal_stack: PortalStack) -> None:
    order_id = await shopper.order_esim()
    await shopper.journey.approve()
    for number in range(20):
        event = {"OrderId__c": order_id[: 15 + 3 * (number % 2)], "IdemKey__c": f"{order_id}-{number}", "Version__c": 1}
        await shopper.salesforce.create("OrderProvisionRequested__e", event)
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []


async def test_an_event_for_an_order_nobody_approved_does_nothing(shopper, portal_stack: PortalStack) -> None:  # I7
    order_id = await shopper.order_vpn()
    await shopper.salesforce.create("OrderProvisionRequested__e", {"OrderId__c": order_id, "Version__c": 1})
    await asyncio.sleep(2)
    assert await portal_stack.sandbox.ledger(kind="whmcs.order.created", key=order_id) == []
    assert (await shopper.customer.get(f"/orders/{order_id}"))["state"] == "pending_review"


async def test_an_event_ahead_of_its_commit_waits_for_it(shopper, portal_stack: PortalStack) -> None:
    order_id = await shopper.order_vpn()
    ahead = {"publishBeforeCommit": True, "commitLagSeconds": 3, "changeEvents": False}
    await portal_stack.sandbox.set_switches({"salesforce": ahead})
    try:
        await shopper.journey.approve()
        assert await shopper.finish() == []
    finally:
        usual = {"publishBeforeCommit": False, "commitLagSeconds": 1, "changeEvents": True}
        await portal_stack.sandbox.set_switches({"salesforce": usual})
    assert await broken_invariants(portal_stack, order_id) == []


async def test_the_event_of_an_approval_that_was_rolled_back_is_told_and_does_nothing(
    shopper, portal_stack: PortalStack
) -> None:
    order_id = await shopper.order_vpn()
    undone = {"publishBeforeCommit": True, "approvalRollsBack": True}
    await portal_stack.sandbox.set_switches({"salesforce": undone})
    try:
        with suppress(DemoFailed):  # staff are told that it was not saved
            await shopper.journey.approve()
    finally:
        await portal_stack.sandbox.set_switches({"salesforce": dict.fromkeys(undone, False)})
    await portal_stack.sandbox.advance_clock(75)
    await shopper.see(order_id, "order.signal_ignored")
    assert (await shopper.read(order_id))["state"] == "pending_review"
    assert await broken_silence(portal_stack, order_id) == []


@pytest.mark.docker
async def test_the_sweeper_alone_finds_an_approval(shopper, portal_stack: PortalStack) -> None:
    await portal_stack.terminate("changefeed")
    order_id = await shopper.order_vpn()
    await shopper.journey.approve()
    assert await shopper.finish() == []
    await portal_stack.start("changefeed")
    assert await broken_invariants(portal_stack, order_id) == []
