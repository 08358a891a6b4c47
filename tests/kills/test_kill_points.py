"""kill -9 at every step and point, of everything (reference reliability.md T-01 to T-03).

A seeded sample by default: PORTAL_KILL_CASES says how many (`all` for all), PORTAL_KILL_SEED draws others.
"""

import asyncio
import os
import random
from dataclasses import dataclass

import pytest

from portal_local.demo.journey import Journey
from portal_testing.invariants import broken_invariants, broken_mails
from portal_testing.mortal_store import POINTS, DeathOrders, Point
from portal_testing.stack import PortalStack

PROVISIONING = (
    "read_order",
    "mark_activating",
    "check_payment_method",
    "validate",
    "reserve",
    "activate_sim",
    "confirm_sim",
    "confirm_approval",
    "accept",
    "voice_options",
    "record_outcome",
)
WHMCS_ORDER = ("decide", "create", "elect", "verify", "accept", "check", "annotate")
JOURNALLED = {
    "fulfillment": ("activate_sim", "voice_options"),
    "billing": ("create", "accept"),
    "notifications": ("send",),
}
"""Steps that send something which cannot be sent twice; the others only have an end."""
STEPS = {"fulfillment": PROVISIONING, "billing": WHMCS_ORDER, "notifications": ("send",)}
OTHERS = ("billing", "orders", "identity", "catalog", "notifications", "changefeed", "gateway", "support")
GROUND = ("NATS", "Postgres", "Redis", "bus-admin")
BUSINESS_SECONDS = 30
"""How far business time moves between two looks at what is awaited."""


@dataclass(frozen=True)
class Case:
    """Who dies; `step` and `point` are of the service that is to get there first."""

    who: str
    at: str
    step: str
    point: Point

    def __str__(self) -> str:
        return f"{self.who} at {self.at}.{self.step} {self.point}"


def points_of(service: str, step: str) -> tuple[Point, ...]:
    return POINTS if step in JOURNALLED[service] else ("before_commit", "after_commit")


OWN_DEATHS = [
    Case(service, service, step, point)
    for service, steps in STEPS.items()
    for step in steps
    for point in points_of(service, step)
]
DEATHS_OF_OTHERS = [
    Case(who, "fulfillment", step, "before_commit") for step in PROVISIONING for who in (*OTHERS, *GROUND)
]


def sampled(cases: list[Case]) -> list[Case]:
    wanted = os.environ.get("PORTAL_KILL_CASES", "7")
    if wanted == "all":
        return cases
    chance = random.Random(os.environ.get("PORTAL_KILL_SEED", "1"))  # noqa: S311 - the same seed draws the same cases
    return chance.sample(cases, min(int(wanted), len(cases)))


async def until(reached, what: str, stack: PortalStack) -> None:
    """Look until it is so, while business time goes on."""
    for _ in range(120):
        if reached():
            return
        await asyncio.sleep(0.25)
        await stack.sandbox.advance_clock(BUSINESS_SECONDS)
    raise AssertionError(f"never got to {what}")


async def finish(journey: Journey, stack: PortalStack) -> None:
    """Let business time run until the orders are active."""
    ended = asyncio.create_task(journey.wait_until_active())
    while not ended.done():
        await asyncio.wait({ended}, timeout=0.5)
        await stack.sandbox.advance_clock(BUSINESS_SECONDS)
    await ended


async def judge(shopper, stack: PortalStack, order_id: str) -> list[str]:
    await shopper.journey.compare()
    return [
        *(line for order in shopper.journey.orders for line in order.disagreements),
        *await broken_invariants(stack, order_id, shopper.person.eid),
        *await broken_mails(stack, [order_id], every=False),
    ]


@pytest.mark.kill
@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", sampled(OWN_DEATHS), ids=str)
async def test_a_service_killed_at_a_point_of_a_step(
    shopper, portal_stack: PortalStack, deaths: DeathOrders, case
) -> None:
    order_id = await shopper.order_esim()
    deaths.give(case.at, case.step, case.point)
    await shopper.journey.approve()
    await until(lambda: portal_stack.pid(case.who) is None, str(case), portal_stack)
    await portal_stack.start(case.who)
    await finish(shopper.journey, portal_stack)
    assert await judge(shopper, portal_stack, order_id) == []


@pytest.mark.kill
@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", sampled(DEATHS_OF_OTHERS), ids=str)
async def test_anything_else_killed_while_an_order_stands_at_a_step(
    shopper, portal_stack: PortalStack, deaths: DeathOrders, case
) -> None:
    order_id = await shopper.order_esim()
    deaths.give(case.at, case.step, case.point, act="hold")
    await shopper.journey.approve()
    await until(lambda: deaths.held(case.at), str(case), portal_stack)
    await portal_stack.kill(case.who)
    deaths.let_go(case.at)
    await asyncio.sleep(0.3)  # so that the order meets the gap
    await portal_stack.start(case.who)
    await portal_stack.wait_ready()
    await finish(shopper.journey, portal_stack)
    assert await judge(shopper, portal_stack, order_id) == []
