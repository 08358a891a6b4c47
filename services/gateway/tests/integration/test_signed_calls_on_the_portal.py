"""Signed calls end to end: the sandbox's org signs, the gateway checks, orders stores nonce and answer (R138–R142)."""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections import Counter
from time import time

import httpx
import pytest

ORDER = "801000000000001AAA"


class Org:
    """Signs calls with the portal's own key, so that a test can send the very same bytes again."""

    def __init__(self, stack):
        self.stack = stack
        entries = json.loads((stack.keys / "signed-call-keys.json").read_text())
        self.key_id, entry = next(iter(entries.items()))
        self.key = entry["key"]

    def signed(self, wish=None, body=b"{}", order=ORDER, nonce=None):
        path = f"/orders/{order}/provision"
        wish, nonce, timestamp = wish or secrets.token_hex(8), nonce or secrets.token_hex(16), str(int(time()))
        lines = ("v1", "POST", path, "", timestamp, nonce, wish, self.key_id, hashlib.sha256(body).hexdigest())
        mac = hmac.new(self.key.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": wish,
            "X-Timestamp": timestamp,
            "X-Nonce": nonce,
            "X-Key-Id": self.key_id,
            "X-Signature": f"v1={mac}",
        }
        return {"url": f"{self.stack.gateway_url}{path}", "content": body, "headers": headers}

    async def send(self, *calls):
        """Send calls at once and give their answers."""
        async with httpx.AsyncClient(timeout=30) as client:
            return await asyncio.gather(*(client.post(**call) for call in calls))

    async def told(self, *calls):
        """Give how often each answer came."""
        answers = await self.send(*calls)
        return Counter((one.status_code, one.json().get("code", "accepted")) for one in answers)


@pytest.fixture
def org(portal_stack):
    return Org(portal_stack)


async def test_a_call_sent_again_byte_for_byte_is_taken_once(org):  # R141
    call = org.signed()
    assert await org.told(call) == {(202, "accepted"): 1}
    assert await org.told(call, call, call) == {(401, "NONCE_REPLAYED"): 3}


async def test_of_fifty_copies_at_once_one_is_taken(org):
    told = await org.told(*[org.signed()] * 50)
    assert told[(202, "accepted")] == 1
    assert set(told) <= {(202, "accepted"), (401, "NONCE_REPLAYED"), (503, "OVERLOADED")}


async def test_a_nonce_is_remembered_over_restarts_and_without_redis(org, portal_stack):
    calls = [org.signed() for _ in range(3)]
    assert await org.told(*calls) == {(202, "accepted"): 3}
    await portal_stack.restart("gateway")
    assert await org.told(calls[0]) == {(401, "NONCE_REPLAYED"): 1}
    await portal_stack.kill("orders")
    await portal_stack.start("orders")
    assert await org.told(calls[1]) == {(401, "NONCE_REPLAYED"): 1}
    portal_stack.redis.flush()
    assert await org.told(calls[2]) == {(401, "NONCE_REPLAYED"): 1}


async def test_a_nonce_with_another_body_is_still_used_up(org):
    nonce = secrets.token_hex(16)
    assert await org.told(org.signed(nonce=nonce)) == {(202, "accepted"): 1}
    other = org.signed(nonce=nonce, body=b'{"requestedBy":"Sato"}')
    assert await org.told(other) == {(401, "NONCE_REPLAYED"): 1}


async def test_what_was_refused_uses_no_nonce_up(org):
    nonce = secrets.token_hex(16)
    forged = org.signed(nonce=nonce)
    forged["headers"]["X-Signature"] = "v1=" + "0" * 64
    assert await org.told(forged) == {(401, "SIGNATURE_INVALID"): 1}
    assert await org.told(org.signed(nonce=nonce)) == {(202, "accepted"): 1}


async def test_a_wish_signed_anew_gets_the_first_answer(org):  # R142
    first, repeat = await org.send(org.signed("wish-0000001")), await org.send(org.signed("wish-0000001"))
    assert (repeat[0].status_code, repeat[0].json()) == (first[0].status_code, first[0].json())
    other_body = org.signed("wish-0000001", body=b'{"requestedBy":"Sato"}')
    other_order = org.signed("wish-0000001", order="801000000000002AAA")
    for other in (other_body, other_order):  # one after the other: two at once may meet IN_PROGRESS
        assert await org.told(other) == {(422, "IDEMPOTENCY_KEY_REUSED"): 1}
    assert await org.told(org.signed("wish-0000002")) == {(202, "accepted"): 1}


async def test_one_wish_signed_fifty_times_is_one_wish(org):
    told = await org.told(*(org.signed("wish-0000050") for _ in range(50)))
    assert told[(202, "accepted")] >= 1
    assert set(told) <= {(202, "accepted"), (409, "IN_PROGRESS"), (503, "OVERLOADED")}


async def test_without_orders_the_caller_is_told_to_try_later(org, portal_stack):
    call = org.signed("wish-0000060")
    await portal_stack.kill("orders")
    (answer,) = await org.send(call)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    await portal_stack.start("orders")
    assert await org.told(org.signed("wish-0000060")) == {(202, "accepted"): 1}


async def test_the_orgs_own_signature_is_understood(portal_stack):
    """The sandbox signs by its own description of the format; the two were written apart."""
    async with httpx.AsyncClient(base_url=portal_stack.sandbox_urls["control"], timeout=30) as control:
        answer = await control.post("/salesforce/provision-call", json={"orderId": ORDER, "requestedBy": "佐藤"})
    assert answer.status_code == 200
    assert answer.json()["status"] == 202, answer.text
