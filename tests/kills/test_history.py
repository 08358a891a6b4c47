"""Outages, lost databases and lost positions with many orders in flight (reference reliability.md T-06 to T-15).

PORTAL_TORTURE_ORDERS says how many orders each takes; 24 by default.
"""

import asyncio
import os
import sys
from collections import Counter
from datetime import timedelta

import pytest

from portal_local.demo.customer import eventually
from portal_testing.bulk_orders import BulkOrders
from portal_testing.database_snapshot import DatabaseSnapshot
from portal_testing.invariants import broken_invariants
from portal_testing.stack import PortalStack

ORDERS = int(os.environ.get("PORTAL_TORTURE_ORDERS", "24"))
ORDERS_EACH = 12
"""Orders of one customer: more than a page of WHMCS's would slow all, fewer would only test signing up."""
SECONDS_EACH = 4
PROGRAMS = (
    "changefeed",
    "orders",
    "fulfillment",
    "billing",
    "support",
    "notifications",
    "catalog",
    "identity",
    "gateway",
)
HOUR = 3600

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120 + ORDERS * SECONDS_EACH)]


@pytest.fixture
async def orders(shoppers) -> BulkOrders:
    """Orders that wait for approval, of as many customers as needed."""
    people = [await shoppers.somebody() for _ in range(max(ORDERS // ORDERS_EACH, 1))]
    bulk = BulkOrders(people[0].salesforce)
    accounts = [(await person.customer.get("/me"))["accountId"] for person in people]
    await bulk.create(accounts, min(ORDERS, ORDERS_EACH), every_other_esim=True)
    return bulk


async def all_active(orders: BulkOrders) -> None:
    async def drained() -> bool:
        await asyncio.sleep(1)
        active = await orders.active()
        sys.stdout.write(f"{active} of {len(orders.order_ids)} active\n")
        return active == len(orders.order_ids)

    await eventually(drained, "all orders to be active", patience=60 + len(orders.order_ids) * SECONDS_EACH)


async def doubled_or_lost(stack: PortalStack, orders: BulkOrders) -> list[str]:
    """Name the orders that have not exactly one accepted WHMCS order and, for an eSIM, one activation; and extras."""
    counts: dict[str, Counter[str]] = {}
    for kind in ("created", "accepted", "cancelled"):
        entries = await stack.sandbox.ledger(kind=f"whmcs.order.{kind}", limit=100_000)
        counts[kind] = Counter(str(entry["key"])[:18] for entry in entries)
    lines = await stack.sandbox.ledger(kind="freebit.esim.activated", limit=100_000)
    activations = Counter(str(entry["key"]) for entry in lines)
    doubled = [f"EID of {one}: {activations[eid]} lines" for one, eid in orders.eids.items() if activations[eid] != 1]
    return doubled + [
        f"{order_id}: {counts['created'][order_id]} created, {counts['accepted'][order_id]} accepted,"
        f" {counts['cancelled'][order_id]} cancelled"
        for order_id in orders.order_ids
        if counts["accepted"][order_id] != 1 or counts["created"][order_id] - counts["cancelled"][order_id] != 1
    ]


async def outage(stack: PortalStack, *names: str) -> None:
    for name in names:
        await stack.kill(name)


async def back_again(stack: PortalStack, *names: str) -> None:
    for name in names:
        await stack.start(name)
    await stack.wait_ready()


async def test_wiping_nats_with_all_orders_in_flight_loses_none(orders, portal_stack: PortalStack) -> None:  # T-06
    await orders.approve()
    await asyncio.sleep(1)
    await portal_stack.wipe_nats()
    await all_active(orders)
    assert await doubled_or_lost(portal_stack, orders) == []


async def test_a_database_restored_to_an_earlier_moment_doubles_nothing(orders, portal_stack: PortalStack) -> None:
    before = await DatabaseSnapshot.taken(portal_stack)  # T-09: the portal forgets, the vendors do not
    await orders.approve()

    async def under_way() -> bool:
        return len(await portal_stack.sandbox.ledger(kind="whmcs.order.accepted", limit=100_000)) > 0

    await eventually(under_way, "the first acceptances", patience=60)
    await before.restore()
    await all_active(orders)
    assert await doubled_or_lost(portal_stack, orders) == []


async def test_an_outage_longer_than_salesforce_keeps_events_loses_no_approval(
    orders, portal_stack: PortalStack
) -> None:  # T-15: 72 h + 1 h, so the events are gone when the portal is back
    await outage(portal_stack, *PROGRAMS)
    await orders.approve()
    await portal_stack.sandbox.advance_clock(73 * HOUR)
    await back_again(portal_stack, *PROGRAMS)
    await all_active(orders)
    assert await doubled_or_lost(portal_stack, orders) == []


async def test_replay_positions_nobody_knows_any_more_lose_no_approval(orders, portal_stack: PortalStack) -> None:
    await outage(portal_stack, "changefeed")  # T-14: EARLIEST and a sweep, never LATEST
    await orders.approve()
    await portal_stack.sandbox.set_switches({"salesforce": {"replayGeneration": 1}})
    await back_again(portal_stack, "changefeed")
    await all_active(orders)
    assert await doubled_or_lost(portal_stack, orders) == []


async def test_redis_flushed_in_the_middle_changes_nothing(orders, portal_stack: PortalStack) -> None:  # T-10
    await orders.approve()
    await portal_stack.kill("Redis")
    portal_stack.redis.erase()
    await portal_stack.start("Redis")
    await all_active(orders)
    assert await doubled_or_lost(portal_stack, orders) == []


async def test_an_order_due_while_everything_was_down_starts_right_after(shopper, portal_stack: PortalStack) -> None:
    sandbox = portal_stack.sandbox  # C15, R164
    moment = (await sandbox.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    order_id = await shopper.order_esim(activate_at=moment)
    await shopper.journey.approve()
    await shopper.see(order_id, "provisioning.scheduled")
    await outage(portal_stack, *PROGRAMS)
    await sandbox.advance_to(moment + timedelta(hours=2))
    await back_again(portal_stack, *PROGRAMS)
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []
