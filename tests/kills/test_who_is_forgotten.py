"""kill -9 of every service that forgets a deleted customer, around its forgetting: one proof each, nothing back (D17).

Killed once when the announcement has taken effect and the bus does not know, so that it comes again, and once more when
the customer is forgotten and nobody has been told.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from portal_local.demo.customer import eventually
from portal_testing.deleted_customers import (
    FORGETTING_BY_THEMSELVES,
    LOOK_SECONDS,
    TO_THINK_IT_OVER,
    deletion,
    end_service,
    is_settled,
    rows_with,
    with_something_to_forget,
    words_of,
)
from portal_testing.mortal_store import DeathOrders
from portal_testing.stack import PortalStack

ANNOUNCED = "identity.customer.erased.v1"
BY_PROCESS = tuple(service for service in FORGETTING_BY_THEMSELVES if service != "notifications")
"""Notifications has nothing under way to wait for: it forgets as it takes the announcement."""
TOLD = "SELECT convert_from(body, 'UTF8') AS body FROM portal_outbox WHERE subject = $1"


async def told_by(stack: PortalStack, service: str, user_id: str) -> int:
    """How often a service has said that it forgot a user."""
    connection = await asyncpg.connect(stack.database_url(service))
    try:
        rows = await connection.fetch(TOLD, f"{service}.customer.forgotten.v1")
    finally:
        await connection.close()
    return sum(json.loads(row["body"])["userId"] == user_id for row in rows)


async def each_dies(stack: PortalStack, services: tuple[str, ...], meanwhile: Callable[[], Awaitable[object]]) -> None:
    """Wait until all of these have died, and start them again."""

    async def dead() -> bool:
        await meanwhile()
        return not any(stack.runs(service) for service in services)

    await eventually(dead, f"{', '.join(services)} to die")
    await asyncio.gather(*(stack.start(service) for service in services))


@pytest.mark.kill
@pytest.mark.timeout(300)
async def test_services_killed_around_forgetting_forget_once_and_nothing_comes_back(
    shopper, portal_stack: PortalStack, deaths: DeathOrders
) -> None:
    await with_something_to_forget(shopper)
    await end_service(shopper)
    user_id = (await shopper.customer.get("/me"))["userId"]
    asked = await shopper.customer.post("/me/deletion", {})
    words = words_of(shopper)
    assert all([await rows_with(portal_stack, word) for word in words]), "there is something to forget"

    for service in FORGETTING_BY_THEMSELVES:
        deaths.give(service, ANNOUNCED, "before_ack")
    await portal_stack.sandbox.advance_clock(int(TO_THINK_IT_OVER.total_seconds()))

    async def nothing() -> None:
        return

    await each_dies(portal_stack, FORGETTING_BY_THEMSELVES, nothing)
    for service in FORGETTING_BY_THEMSELVES:
        deaths.give(service, ANNOUNCED, "before_ack", act="hold")
    for service in BY_PROCESS:
        deaths.give(service, "forget", "after_commit")
    await each_dies(portal_stack, BY_PROCESS, lambda: portal_stack.sandbox.advance_clock(LOOK_SECONDS))

    async def settled() -> bool:
        return is_settled(await deletion(portal_stack, asked["deletionId"]))

    await eventually(settled, "every system to have forgotten")

    async def came_again() -> bool:
        return all(deaths.held(service) for service in FORGETTING_BY_THEMSELVES)

    await eventually(came_again, "the announcement to come again")
    for service in FORGETTING_BY_THEMSELVES:
        deaths.let_go(service)
    proofs = (await deletion(portal_stack, asked["deletionId"]))["proofs"]
    assert sorted(proof["system"] for proof in proofs) == sorted(
        ("portal", "salesforce", "whmcs", *FORGETTING_BY_THEMSELVES)
    )
    told = {service: await told_by(portal_stack, service, user_id) for service in FORGETTING_BY_THEMSELVES}
    assert told == dict.fromkeys(FORGETTING_BY_THEMSELVES, 1)
    assert {word: await rows_with(portal_stack, word) for word in words} == {word: {} for word in words}
