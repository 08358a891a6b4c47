"""Two hundred customers at once, each with a mark in every record: nobody ever sees anything of somebody else.

Looked for in every answer are all members' marks, ids, numbers and prices.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial

import httpx
import pytest

from portal_local.demo.customer import eventually
from portal_security.belongings import give_belongings
from portal_security.crowd import Crowd, Member
from portal_security.served import Served
from portal_security.whose import Whose
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
    "/me/second-factors",
    "/me/verification",
    "/me/export",
    "/me/api-tokens",
    "/orders/{orderId}",
    "/cart",
    "/billing/profile",
    "/billing/payment-methods",
    "/billing/invoices/{invoiceId}",
    "/support/cases",
    "/support/cases/{caseId}",
    "/support/cases/{caseId}/files/{fileId}",
}
"""Where the customer's own mark must be seen: an id alone may only be the one that was asked for."""
SHOWS_THE_PRICE = {
    "/billing/invoices",
    "/subscriptions",
    "/subscriptions/{serviceId}",
    "/subscriptions/{serviceId}/invoices",
    "/services/{serviceId}",
}
"""Where no text is the customer's, but what the service costs."""
NOTHING_OF_ONES_OWN = {
    "/billing/gateways",
    "/billing/payment-methods/summary",
    "/catalog/personalized",
    "/eligibility",
    "/me/deletion",
    "/me/mail-preferences",
    "/me/security-events",
}
"""What is the same for all of the crowd. On every other page something must be the customer's, even on a new one."""
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


@pytest.fixture
async def browsers(portal_stack: PortalStack) -> AsyncIterator[httpx.AsyncClient]:
    """Keeps as many connections as there are requests at once: opening them anew is most of what a client does."""
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=portal_stack.gateway_url, limits=limits, timeout=60) as client:
        yield client


def own_of(path: str, member: Member) -> set[str]:
    """Give what a page must show of the customer it is shown to."""
    mark = {member.mark} if path in SHOWS_THE_MARK else set[str]()
    return mark | {str(member.price)} if path in SHOWS_THE_PRICE else mark


@pytest.mark.timeout(300)
async def test_nobody_sees_a_record_of_anybody_else(
    crowd: Crowd, served: Served, portal_stack: PortalStack, browsers: httpx.AsyncClient
) -> None:
    members = await crowd.grow(CUSTOMERS, in_service=2)
    await give_belongings(portal_stack, crowd.staff, members)
    whose = Whose(members)
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
            answer = await browsers.get(operations[path].at({**EVERYBODYS, **member.ids}), headers=member.bearer)
        statuses[path, answer.status_code] += 1
        found = whose.found_in(answer.text)
        foreign.extend((path, text) for text, mark in found.items() if mark != member.mark)
        if answer.status_code == 200 and not own_of(path, member) <= found.keys():
            unseen.add(path)
        if answer.status_code == 200 and path not in NOTHING_OF_ONES_OWN and not found:
            unseen.add(path)

    async def answered(path: str) -> bool:
        if not statuses[path, 200]:
            await look(len(turns), members[0], path)
        return statuses[path, 200] > 0

    await asyncio.gather(*(look(number, member, path) for number, (member, path) in enumerate(turns)))
    for page in pages(served):  # one that was too much work in the crowd answers when it is quiet
        await eventually(partial(answered, page), f"{page} to be answered")
    assert foreign == []
    assert unseen == set()
    assert set(operations) >= SHOWS_THE_MARK | SHOWS_THE_PRICE | NOTHING_OF_ONES_OWN
    assert {status for _, status in statuses} <= {200, 503}, statuses


@pytest.mark.parametrize(
    "shown",
    [
        lambda other: {"orders": [{"orderId": other.ids["orderId"]}]},
        lambda other: {"orders": [{"orderNumber": other.numbers["orderNumber"]}]},
        lambda other: {"subscriptions": [{"serviceId": other.ids["serviceId"]}]},
        lambda other: {"invoices": [{"number": str(other.first_invoice_id)}]},
        lambda other: {"subscriptions": [{"amount": other.price}]},
        lambda other: {"text": f"See /orders/{other.ids['orderId']}."},
        lambda other: {"customerNumber": other.mark.upper()},
        lambda other: {"line": {"phoneNumber": other.line}},
        lambda other: {"user": {"userId": str(other.user_id)}},
    ],
)
def test_a_record_of_somebody_else_is_found_wherever_it_stands(shown: Callable[[Member], object]) -> None:
    one, other = (made_up(number) for number in (1, 2))
    found = Whose([one, other]).found_in(json.dumps([shown(one), shown(other)]))
    assert set(found.values()) == {one.mark, other.mark}


def test_an_amount_or_a_number_of_another_kind_is_nobodys() -> None:
    one = made_up(1)
    said = {"total": one.client_id, "caseNumber": one.numbers["orderNumber"], "lines": [{"amount": 2500}]}
    assert Whose([one]).found_in(json.dumps(said)) == {}


def made_up(number: int) -> Member:
    ids = {"orderId": f"801Sn00000000{number}CIAQ", "serviceId": 30_000 + number, "invoiceId": 90_000 + 2 * number}
    numbers = {"orderNumber": f"0000000{number}", "caseNumber": f"0000001{number}"}
    return Member(client_id=6000 + number, first_invoice_id=90_001 + 2 * number, ids=ids, numbers=numbers)
