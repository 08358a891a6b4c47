"""Staff press "Provision in WHMCS": the signed call, whatever else announces the approval (C01, R136-R149)."""

import asyncio
from typing import Any

import httpx
import pytest

from portal_testing.invariants import broken_invariants, broken_silence
from portal_testing.operators import OperatorAtWork
from portal_testing.stack import PortalStack

EARLY_SECONDS = 75
"""Longer than a call may be ahead of the approval it is about (PORTAL_EARLY_EVENT_SECONDS)."""


async def staff_timeline(operator: OperatorAtWork, order_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await operator.get(f"/operator/orders/{order_id}"))["timeline"]
    return found


async def test_the_button_pressed_again_and_again_makes_one_order(shopper, portal_stack: PortalStack, operator) -> None:
    order_id, other_id = await shopper.order_services({"sku": "VPN-US"}, {"sku": "VPN-UK"})
    sandbox = portal_stack.sandbox
    early = await sandbox.call_provision(order_id, idempotencyKey="before-the-approval")
    assert early.status == 202  # it is cheap and says nothing about the order
    await sandbox.advance_clock(EARLY_SECONDS)
    await shopper.see(order_id, "order.signal_ignored")
    assert await broken_silence(portal_stack, order_id) == []  # I7

    await shopper.change(order_id, Status="Approved")
    first = await sandbox.call_provision(
        order_id, idempotencyKey="pressed-once", requestedBy="Kato 加藤", correlationId="case-4711"
    )
    assert first.status == 202
    for number in (2, 3):
        assert (await sandbox.call_provision(order_id, idempotencyKey=f"pressed-{number}")).status == 202
    again = await sandbox.call_provision(  # signed anew, with a fresh nonce: the stored answer (R141)
        order_id, idempotencyKey="pressed-once", requestedBy="Kato 加藤", correlationId="case-4711"
    )
    assert again.status == 202
    other_body = await sandbox.call_provision(order_id, idempotencyKey="pressed-once", requestedBy="somebody else")
    assert (other_body.status, other_body.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    other_order = await sandbox.call_provision(other_id, idempotencyKey="pressed-2")
    assert (other_order.status, other_order.code) == (422, "IDEMPOTENCY_KEY_REUSED")

    await shopper.see(order_id, "order.activated")
    assert await broken_invariants(portal_stack, order_id) == []
    assert await broken_silence(portal_stack, other_id) == []
    told = await staff_timeline(operator, order_id)
    pressed = [entry["requestId"] for entry in told if entry["source"] == "signed_call"]
    assert sorted(pressed) == ["before-the-approval", "pressed-2", "pressed-3", "pressed-once"]  # absorbed ones too
    (named,) = [entry for entry in told if entry["requestId"] == "pressed-once"]
    assert (named["requestedBy"], named["correlationId"]) == ("Kato 加藤", "case-4711")  # R148, R149


@pytest.mark.docker
async def test_a_call_that_was_heard_or_signed_for_another_order_is_refused(shopper, portal_stack: PortalStack) -> None:
    one, other = await shopper.order_services({"sku": "VPN-US"}, {"sku": "VPN-UK"})
    call = await portal_stack.sandbox.call_provision(one)
    assert call.status == 202
    async with httpx.AsyncClient(base_url=portal_stack.gateway_url, timeout=30) as http:

        async def replay(order_id: str) -> tuple[int, str]:
            answer = await http.post(f"/orders/{order_id}/provision", headers=dict(call.headers), content=b"{}")
            return answer.status_code, answer.json()["code"]

        assert await replay(one) == (401, "NONCE_REPLAYED")
        assert await replay(other) == (401, "SIGNATURE_INVALID")
        signed_out = await http.post(f"/orders/{one}/provision", content=b"{}")
        assert (signed_out.status_code, signed_out.json()["code"]) == (400, "SIGNATURE_MALFORMED")
    old = await portal_stack.sandbox.call_provision(one, timestamp=1_000_000_000)
    assert (old.status, old.code) == (401, "SIGNED_CALL_EXPIRED")
    stranger = await portal_stack.sandbox.call_provision(one, key="x" * 40)
    assert (stranger.status, stranger.code) == (401, "SIGNATURE_INVALID")
    assert await broken_silence(portal_stack, one) == []


async def test_fifty_calls_at_once_make_one_order(shopper, portal_stack: PortalStack) -> None:
    order_id = await shopper.order_esim()
    sandbox = portal_stack.sandbox
    await shopper.journey.approve()
    same = [sandbox.call_provision(order_id, idempotencyKey="fifty-times", requestedBy="Kato") for _ in range(25)]
    others = [sandbox.call_provision(order_id) for _ in range(25)]
    heard = await sandbox.call_provision(order_id, nonce="0123456789abcdef" * 2)
    replays = [sandbox.call_provision(order_id, nonce="0123456789abcdef" * 2) for _ in range(5)]
    answers = await asyncio.gather(*same, *others, *replays)
    assert heard.status == 202
    assert {answer.status for answer in answers[:25]} <= {202, 409}
    assert {answer.status for answer in answers[25:50]} == {202}
    assert {answer.code for answer in answers[50:]} == {"NONCE_REPLAYED"}
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []


@pytest.mark.docker
@pytest.mark.timeout(180)
async def test_every_trigger_at_once_makes_one_order_and_all_of_them_are_told(
    shopper, portal_stack: PortalStack, operator
) -> None:  # C01, C20, R148, R149
    order_id = await shopper.order_esim()
    sandbox = portal_stack.sandbox
    await sandbox.set_switches({"salesforce": {"flowCopies": 3, "flowSelfTrigger": True, "duplicateDelivery": True}})
    try:
        await asyncio.gather(
            shopper.journey.approve(),
            sandbox.call_provision(order_id, requestedBy="Kato", correlationId="call-1"),
            sandbox.publish_events(
                orderId=order_id,
                copies=5,
                idForm="short",
                differentKeys=True,
                requestedBy="Sato",
                correlationId="event-1",
            ),
        )
        assert await shopper.finish() == []
    finally:
        await sandbox.set_switches(
            {"salesforce": {"flowCopies": 1, "flowSelfTrigger": False, "duplicateDelivery": False}}
        )
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []
    await sandbox.advance_clock(700)  # the sweeper asks for nothing that is done
    told = await staff_timeline(operator, order_id)
    sources = {entry["source"] for entry in told if entry["source"]}
    assert sources >= {"platform_event", "signed_call"}
    assert {("Sato", "event-1"), ("Kato", "call-1")} <= {(one["requestedBy"], one["correlationId"]) for one in told}
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []
