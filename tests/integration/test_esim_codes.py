"""The eSIM code: shown to its owner, once, after a fresh sign-in (D11, architecture §9)."""

import uuid

import asyncpg
import httpx
import pytest

from portal_local.demo.customer import Problem
from portal_local.demo.journey import PASSWORD
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

STALE_SIGN_IN = """
UPDATE session SET authenticated_at = authenticated_at - interval '20 minutes' WHERE token_hash = sha256($1)
"""


async def refused(shopper: Shopper, order_id: str) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        await shopper.customer.post(f"/orders/{order_id}/esim-code", {})
    return caught.value.status, caught.value.code


async def signed_in_long_ago(stack: PortalStack, http: httpx.AsyncClient, email: str) -> dict[str, str]:
    """The headers of a sign-in that has become old: nobody can wait a quarter of an hour."""
    answer = await http.post("/auth/login", json={"email": email, "password": PASSWORD})
    token = next(value for name, value in answer.cookies.items() if name.endswith("portal_session"))
    http.cookies.clear()
    connection = await asyncpg.connect(stack.database_url("identity"))
    try:
        assert await connection.execute(STALE_SIGN_IN, token.encode()) == "UPDATE 1"
    finally:
        await connection.close()
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": "from-a-program"}


async def test_the_code_is_shown_once_to_its_owner_after_a_fresh_sign_in(
    shopper, shoppers, portal_stack: PortalStack, portal_http
) -> None:
    order_id = await shopper.order_esim()
    assert await refused(shopper, order_id) in {(404, "NOT_FOUND"), (409, "ESIM_CODE_NOT_READY")}
    await shopper.journey.approve()
    assert await shopper.finish() == []
    stranger = await shoppers.somebody()
    assert await refused(stranger, order_id) == (404, "NOT_FOUND")
    old = await signed_in_long_ago(portal_stack, portal_http, shopper.person.email)
    answer = await portal_http.post(f"/orders/{order_id}/esim-code", json={}, headers=old)
    assert (answer.status_code, answer.json()["code"]) == (403, "STEP_UP_REQUIRED")

    key = str(uuid.uuid4())
    shown = await shopper.customer.post(f"/orders/{order_id}/esim-code", {}, key=key)
    assert shown["activationCode"] == f"LPA:1${shown['server']}${shown['matchingId']}"
    assert shown["phoneNumber"] == shopper.journey.orders[0].line
    assert await shopper.customer.post(f"/orders/{order_id}/esim-code", {}, key=key) == shown  # the same page, reloaded
    assert await refused(shopper, order_id) == (409, "ESIM_CODE_ALREADY_SHOWN")
