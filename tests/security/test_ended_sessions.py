"""A session that is ended at one gateway is over at every other within five seconds (architecture §9).

The event that says so may be lost: then the other gateway learns of it when the bus is back, or else when it renews
what it knows of the session, at the latest as that ends.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from portal_local.demo.customer import eventually
from portal_local.demo.journey import PASSWORD
from portal_security.crowd import Crowd, Member
from portal_testing.stack import PortalStack

SOON = 5.0
RENEWED = 40.0
"""Seconds in which a gateway has renewed what ends in 50: from 45 s before its end on, beside a request."""
NEW = "another-long-and-fake-phrase"
REVOKE = "UPDATE session SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL"
SHORTEN = "UPDATE session SET expires_at = now() + interval '50 seconds' WHERE user_id = $1"


@dataclass
class Gateways:
    """Two of them, and a customer of both."""

    first: httpx.AsyncClient
    second: httpx.AsyncClient
    member: Member

    async def log_in(self, password: str = PASSWORD) -> dict[str, str]:
        """Sign in at the first, and use the session at both."""
        form = {"email": self.member.email, "password": password}
        answer = (await self.first.post("/auth/login", json=form)).raise_for_status()
        token = next(value for name, value in answer.cookies.items() if name.endswith("portal_session"))
        self.first.cookies.clear()
        bearer = {"Authorization": f"Bearer {token}"}
        await self.use(bearer)
        return bearer

    async def use(self, bearer: Mapping[str, str]) -> None:
        for gateway in (self.first, self.second):
            assert (await gateway.get("/me", headers=bearer)).status_code == 200

    async def is_over(self, bearer: Mapping[str, str], patience: float = SOON) -> None:
        """Wait until both refuse the session."""

        async def refused() -> bool:
            answers = [await gateway.get("/me", headers=bearer) for gateway in (self.first, self.second)]
            return {answer.status_code for answer in answers} == {401}

        await eventually(refused, "both gateways to refuse the session", patience=patience)

    async def session_id(self, bearer: Mapping[str, str]) -> str:
        """What the session is called where its customer lists them."""
        listed = (await self.first.get("/me/sessions", headers=bearer)).json()["sessions"]
        return next(one["sessionId"] for one in listed if one["current"])


@pytest.fixture
async def gateways(crowd: Crowd, portal_stack: PortalStack) -> AsyncIterator[Gateways]:
    (member,) = await crowd.grow(1)
    await portal_stack.scale("gateway", 2)
    second = httpx.AsyncClient(base_url=portal_stack.replica_url("gateway-2"), timeout=30)
    async with portal_stack.new_client() as first, second:
        yield Gateways(first, second, member)


async def test_whatever_ends_a_session_ends_it_at_every_gateway(gateways: Gateways) -> None:
    mine = await gateways.log_in()

    async def logged_out(bearer: Mapping[str, str]) -> httpx.Response:
        return await gateways.first.post("/auth/logout", headers=bearer)

    async def revoked(bearer: Mapping[str, str]) -> httpx.Response:
        session_id = await gateways.session_id(bearer)
        return await gateways.first.delete(f"/me/sessions/{session_id}", headers=mine)

    async def proven_anew(bearer: Mapping[str, str]) -> httpx.Response:
        answer = await gateways.first.post("/auth/step-up", json={"password": PASSWORD}, headers=bearer)
        gateways.first.cookies.clear()
        return answer

    async def password_changed(_: Mapping[str, str]) -> httpx.Response:
        form = {"currentPassword": PASSWORD, "password": NEW, "confirmPassword": NEW}
        return await gateways.first.post("/auth/password", json=form, headers=mine)

    ways: list[Callable[[Mapping[str, str]], Awaitable[httpx.Response]]] = [
        logged_out,
        revoked,
        proven_anew,
        password_changed,
    ]
    for end in ways:
        theirs = await gateways.log_in()
        (await end(theirs)).raise_for_status()
        await gateways.is_over(theirs)
    wanted = {"name": "Bookkeeping", "scopes": ["billing:read"], "days": 30}
    made = (await gateways.first.post("/me/api-tokens", json=wanted, headers=mine)).raise_for_status().json()
    program = {"Authorization": f"Bearer {made['secret']}"}

    async def token_refused() -> bool:
        return (await gateways.second.get("/billing/gateways", headers=program)).status_code == 401

    assert not await token_refused()
    (await gateways.first.delete(f"/me/api-tokens/{made['tokenId']}", headers=mine)).raise_for_status()
    await eventually(token_refused, "the API token to end", patience=SOON)
    others = await gateways.log_in(NEW)
    await gateways.use(mine)
    (await gateways.first.post("/auth/logout-everywhere", headers=others)).raise_for_status()
    for bearer in (mine, others):
        await gateways.is_over(bearer)


async def test_a_session_whose_end_no_gateway_hears_of_is_over_too(
    gateways: Gateways, portal_stack: PortalStack
) -> None:
    """It is ended in the database: so nothing is announced, as if every message of it were lost."""
    database = await asyncpg.connect(portal_stack.database_url("identity"))
    try:
        cut_off = await gateways.log_in()
        await portal_stack.kill("NATS")
        await database.execute(REVOKE, gateways.member.user_id)
        await portal_stack.start("NATS")
        await portal_stack.wait_ready("identity", "gateway", "gateway-2")
        await gateways.is_over(cut_off)
        form = {"email": gateways.member.email, "password": PASSWORD}
        unheard = (await gateways.first.post("/auth/login", json=form)).raise_for_status()
        await database.execute(SHORTEN, gateways.member.user_id)
        token = next(value for name, value in unheard.cookies.items() if name.endswith("portal_session"))
        gateways.first.cookies.clear()
        bearer = {"Authorization": f"Bearer {token}"}
        await gateways.use(bearer)
        await database.execute(REVOKE, gateways.member.user_id)
        await gateways.use(bearer)
        await gateways.is_over(bearer, patience=RENEWED)
    finally:
        await database.close()
