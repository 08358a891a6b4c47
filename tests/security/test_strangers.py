"""Every operation of the served document against every kind of stranger, with identity's own sessions behind it."""

import asyncio
from collections.abc import Callable

import asyncpg
import httpx
import pytest

from portal_security.crowd import Crowd, Member
from portal_security.served import Served, ServedOperation
from portal_testing.operators import OperatorAtWork
from portal_testing.stack import PortalStack

IDS = {
    "checkoutId": "5d1f7c1e-0000-4000-8000-0000000000c9",
    "cartId": "5d1f7c1e-0000-4000-8000-0000000000ca",
    "cancellationId": "5d1f7c1e000040008000000000000005",
    "service": "billing",
    "id": "7",
    "mailId": "welcome:001000000000001AAA",
    "commodity": "internet",
    "sku": "VPN-US",
}
"""What stands in paths beside a member's own objects; a parameter nobody thought of fails the suite."""
EXPIRE = "UPDATE session SET expires_at = now() - interval '1 second' WHERE id = $1"
REVOKE = "UPDATE session SET revoked_at = now() WHERE id = $1"
AT_ONCE = 8
Pick = Callable[[ServedOperation], bool]


@pytest.fixture
def member(members: list[Member]) -> Member:
    return members[-1]


async def answers(
    http: httpx.AsyncClient, served: Served, which: Pick, ids: dict[str, str], headers: dict[str, str]
) -> dict[str, tuple[int, str]]:
    """Send every operation of a kind; status and code of each by its name."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def send(operation: ServedOperation) -> tuple[str, tuple[int, str]]:
        async with slots:
            path = operation.at({**IDS, **ids})
            answer = await http.request(operation.method, path, json=operation.body, headers=headers)
        return operation.name, (answer.status_code, answer.json().get("code", "") if answer.content else "")

    found = dict(await asyncio.gather(*(send(one) for one in served if which(one))))
    assert found, "a kind without operations proves nothing"
    return found


def all_refused(found: dict[str, tuple[int, str]], status: int, code: str) -> None:
    assert {name: told for name, told in found.items() if told != (status, code)} == {}


def private(operation: ServedOperation) -> bool:
    return operation.needs_session


def customers_write(operation: ServedOperation) -> bool:
    """Operators' pages are held to the same by the unit tests; here a customer's session does not get that far."""
    return operation.needs_session and not operation.of_operators and operation.method != "GET"


async def test_every_operation_is_open_to_all_or_asks_for_a_session_or_a_signature(served: Served) -> None:
    ways = {name for one in served for way in one.description["security"] for name in way}
    assert ways == {"session", "csrf", "bearer", "signature"}
    for one in served:
        assert one.needs_session or "signature" in str(one.description["security"]) or not one.description["security"]
        assert all("csrf" in way for way in one.description["security"] if "session" in way and one.method != "GET")


async def test_nobody_gets_in_without_a_session_that_lives(
    served: Served, crowd: Crowd, portal_http: httpx.AsyncClient, portal_stack: PortalStack
) -> None:
    all_refused(
        await answers(portal_http, served, private, {name: "7" for one in served for name in one.parameters}, {}),
        401,
        "SESSION_REQUIRED",
    )
    expired, revoked = await crowd.grow(2)
    connection = await asyncpg.connect(portal_stack.database_url("identity"))
    try:
        await connection.execute(EXPIRE, expired.session_id)
        await connection.execute(REVOKE, revoked.session_id)
    finally:
        await connection.close()
    await portal_stack.restart("gateway")  # it had seen both alive: what a revocation's event does is a unit test
    for gone in (expired, revoked):
        all_refused(await answers(portal_http, served, private, gone.ids, gone.bearer), 401, "SESSION_EXPIRED")


async def test_customers_and_operators_keep_to_their_own(
    served: Served, member: Member, portal_http: httpx.AsyncClient, operator: OperatorAtWork
) -> None:
    for_operators = await answers(
        portal_http, served, lambda one: one.needs_session and one.of_operators, member.ids, member.bearer
    )
    all_refused(for_operators, 403, "FORBIDDEN")
    token = {"Authorization": f"Bearer {await operator.token()}"}
    for_customers = await answers(
        portal_http, served, lambda one: one.needs_session and not one.of_operators, member.ids, token
    )
    all_refused(for_customers, 403, "FORBIDDEN")


async def test_a_cookie_changes_nothing_without_the_csrf_token_or_from_another_site(
    served: Served, member: Member, portal_http: httpx.AsyncClient, portal_stack: PortalStack
) -> None:
    name = served.document["components"]["securitySchemes"]["session"]["name"]
    cookie, home = {"Cookie": f"{name}={member.token}"}, {"Origin": portal_stack.gateway_url}
    no_token = await answers(portal_http, served, customers_write, member.ids, {**cookie, **home})
    all_refused(no_token, 403, "CSRF_REFUSED")
    elsewhere = {**cookie, "Origin": "https://evil.example", "X-CSRF-Token": member.csrf_token}
    all_refused(await answers(portal_http, served, customers_write, member.ids, elsewhere), 403, "CSRF_REFUSED")
    good = {**cookie, **home, "X-CSRF-Token": member.csrf_token, "Idempotency-Key": "one-that-is-allowed"}
    told = await portal_http.put("/billing/profile", json={"company": "見本"}, headers=good)
    assert told.status_code == 200, told.text


async def test_no_session_stands_for_a_signature(
    served: Served, member: Member, portal_http: httpx.AsyncClient, operator: OperatorAtWork
) -> None:
    def signed(one: ServedOperation) -> bool:
        return "signature" in str(one.description["security"])

    for headers in ({}, member.bearer, {"Authorization": f"Bearer {await operator.token()}"}):
        all_refused(await answers(portal_http, served, signed, member.ids, headers), 400, "SIGNATURE_MALFORMED")
