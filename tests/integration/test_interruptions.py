"""Whatever is killed, paused or restarted in the middle of an order: one accepted WHMCS order, one SIM (issue 4).

What an order goes through is interrupted alone, what stands beside it together. Embedded, `tests/kills` kills far more
often, so one of these is enough there unless PORTAL_INTERRUPTIONS=all.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import pytest

from portal_local.services import BUS_ADMIN, GATEWAY, SANDBOX, SERVICES
from portal_testing.invariants import broken_invariants
from portal_testing.stack import PortalStack

SERVERS: Final = ("NATS", "Postgres", "Redis")
TOGETHER: Final = (
    ("NATS",),
    ("Postgres",),
    (SANDBOX,),
    ("orders",),
    ("billing",),
    ("fulfillment",),
    ("Redis", BUS_ADMIN, "changefeed"),
    (GATEWAY, "identity", "catalog", "support", "notifications"),
)
IN_CONTAINERS: Final = os.environ.get("TEST_INFRA") == "docker"
CHOSEN: Final = TOGETHER if IN_CONTAINERS or os.environ.get("PORTAL_INTERRUPTIONS") == "all" else (("fulfillment",),)
CALLS: Final = (("whmcs", "AddOrder"), ("freebit", "mvno/esim/addAcnt"), ("whmcs", "AcceptOrder"))
VENDOR_SECONDS: Final = 1
PAUSE_SECONDS: Final = 2


async def let_work_for_a_while(stack: PortalStack, calls: Iterable[tuple[str, str]]) -> None:
    for vendor, call in calls:
        await stack.sandbox.arm_fault(vendor, call, "slow", params={"seconds": VENDOR_SECONDS})


async def in_the_middle_of(stack: PortalStack, call: tuple[str, str]) -> None:
    """Wait until the vendor works on this call."""
    async with asyncio.timeout(60):
        while not any(rule["call"] == call[1] and rule["hits"] for rule in await stack.sandbox.faults()):
            await asyncio.sleep(0.02)


async def each(names: Iterable[str], do: Callable[[str], Awaitable[None]]) -> None:
    await asyncio.gather(*(do(name) for name in names))


def test_everything_that_runs_is_interrupted() -> None:
    interrupted = [name for names in TOGETHER for name in names]
    assert sorted(interrupted) == sorted([*SERVERS, SANDBOX, BUS_ADMIN, *(one.name for one in SERVICES)])


@pytest.mark.docker
@pytest.mark.timeout(300)
@pytest.mark.parametrize("names", CHOSEN, ids="+".join)
async def test_an_order_ends_right_whatever_happens_to(names, shopper, portal_stack: PortalStack) -> None:
    order_id = await shopper.order_esim()
    await let_work_for_a_while(portal_stack, CALLS)
    await shopper.journey.approve()

    await in_the_middle_of(portal_stack, CALLS[0])
    await each(names, portal_stack.kill)
    await each(names, portal_stack.start)
    if SANDBOX in names:  # it has forgotten what it was told
        await let_work_for_a_while(portal_stack, CALLS[1:])

    await in_the_middle_of(portal_stack, CALLS[1])
    await each(names, portal_stack.pause)
    await asyncio.sleep(PAUSE_SECONDS)
    await each(names, portal_stack.resume)

    await in_the_middle_of(portal_stack, CALLS[2])
    await each(names, portal_stack.restart)

    await portal_stack.wait_ready()
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []
