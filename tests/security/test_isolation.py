"""Two hundred customers at once, each with a mark in every record: nobody ever sees a mark of somebody else."""

import asyncio
import os
import random
from collections import Counter

import httpx

from portal_security.crowd import MARK, Crowd, Member
from portal_security.served import Served
from portal_testing.stack import PortalStack

CUSTOMERS = int(os.environ.get("PORTAL_SECURITY_CUSTOMERS", "200"))
ROUNDS = int(os.environ.get("PORTAL_SECURITY_ROUNDS", "1"))
"""More of them, for longer runs: each customer looks at everything in each round."""
LOOKS = 3
"""Pages each customer looks at in a round of the usual run, each twice: once cold, once from the copies."""
AT_ONCE = 64
SEED = 5
SHOWS_THE_MARK = {
    "/me",
    "/me/sessions",
    "/me/export",
    "/me/api-tokens",
    "/billing/profile",
    "/billing/invoices/{invoiceId}",
    "/support/cases",
    "/support/cases/{caseId}",
    "/support/cases/{caseId}/files/{fileId}",
}
"""Where the customer's own mark must be seen: otherwise the search for others' proves nothing."""
NO_OBJECT_OF_ONES_OWN = {"/checkouts/{checkoutId}", "/subscriptions/{serviceId}/usage"}
"""A crowd has made no checkouts; test_others_objects.py has one. What was used Freebit knows of a few lines alone."""
EVERYBODYS = {"sku": "VPN-UK"}


def pages(served: Served) -> list[str]:
    found = [one for one in served.for_customers() if one.method == "GET" and not one.streams]
    return sorted({one.path for one in found} - NO_OBJECT_OF_ONES_OWN)


def schedule(paths: list[str], members: list[Member]) -> list[tuple[Member, str]]:
    """Give who looks at what, in an order that mixes all of them; the same in every run."""
    chance = random.Random(SEED)  # noqa: S311 - a schedule, not a secret
    turns: list[tuple[Member, str]] = []
    for _ in range(ROUNDS):
        looks = len(paths) if ROUNDS > 1 else LOOKS
        wanted = [
            (one, paths[(number + look * 7) % len(paths)])
            for number, one in enumerate(members)
            for look in range(looks)
        ]
        for _ in ("cold", "warm"):
            chance.shuffle(wanted)
            turns += wanted
    return turns


async def test_nobody_sees_a_record_of_anybody_else(
    crowd: Crowd, served: Served, portal_stack: PortalStack, portal_http: httpx.AsyncClient
) -> None:
    members = await crowd.grow(CUSTOMERS)
    operations = {one.path: one for one in served.for_customers() if one.method == "GET"}
    turns = schedule(pages(served), members)
    statuses: Counter[tuple[str, int]] = Counter()
    unseen: set[str] = set()
    foreign: list[tuple[str, str]] = []
    slots = asyncio.Semaphore(AT_ONCE)

    async def look(number: int, member: Member, path: str) -> None:
        async with slots:
            if number == len(turns) // 2:
                portal_stack.redis.flush()
            answer = await portal_http.get(operations[path].at({**EVERYBODYS, **member.ids}), headers=member.bearer)
        statuses[path, answer.status_code] += 1
        foreign.extend((path, mark) for mark in MARK.findall(answer.text) if mark != member.mark)
        if answer.status_code == 200 and path in SHOWS_THE_MARK and member.mark not in answer.text:
            unseen.add(path)

    await asyncio.gather(*(look(number, member, path) for number, (member, path) in enumerate(turns)))
    assert foreign == []
    assert unseen == set()
    assert set(SHOWS_THE_MARK) <= set(operations)
    answered = {path for path, status in statuses if status == 200}
    assert answered == {path for path, _ in statuses}, statuses
    assert not [status for _, status in statuses if status >= 500 and status != 503], statuses
