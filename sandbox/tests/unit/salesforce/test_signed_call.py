"""The signature of the org's call to the portal, against a second reading of its specification (R138-R142)."""

import hashlib
import hmac
import json

import pytest

from portal_sandbox.salesforce.signed_call import SignedCall

VECTOR = "v1=221c6c4f9d367b621133151ecf24f5e3f58b12124e5fc5e9d1f1fabfaa7beab8"
CALL = SignedCall(
    method="post",
    path="/orders/801Sn0000000001IAA/provision",
    query="",
    timestamp=1795168800,
    nonce="0123456789abcdef0123456789abcdef",
    idempotency_key="801Sn0000000001IAA-2026-11-21T09:00",
    key_id="sandbox-key-1",
    body='{"requestedBy": "佐藤"}'.encode(),
)


def test_the_nine_lines_are_joined_without_an_end():
    assert CALL.text().split("\n") == [
        "v1",
        "POST",
        "/orders/801Sn0000000001IAA/provision",
        "",
        "1795168800",
        "0123456789abcdef0123456789abcdef",
        "801Sn0000000001IAA-2026-11-21T09:00",
        "sandbox-key-1",
        hashlib.sha256('{"requestedBy": "佐藤"}'.encode()).hexdigest(),
    ]


def test_the_key_is_its_text_and_not_what_base64_would_make_of_it():
    key = "b2J2aW91c2x5IGZha2UgYnV0IGxvbmcgZW5vdWdo"
    expected = hmac.new(key.encode(), CALL.text().encode(), "sha256").hexdigest()
    assert CALL.signature(key) == f"v1={expected}"


def test_a_fixed_vector_holds_for_every_implementation():
    """Whoever signs in Apex or checks in the gateway can compare with this value."""
    assert CALL.signature("obviously-fake-key-for-a-test-vector") == VECTOR


async def test_the_control_port_sends_a_call_as_the_org_would(whole, receiver):
    asked = {"orderId": "801Sn0000000001", "requestedBy": "tester", "correlationId": "trace-1"}
    outcome = (await whole.control("/salesforce/provision-call", asked)).json()
    assert (outcome["taken"], outcome["status"], outcome["body"]) == (True, 202, '{"accepted": true}')
    ((url, headers, body),) = receiver.calls
    assert url.startswith("http://portal.test/api/orders/801Sn0000000001")
    order_id = url.split("/")[-2]
    assert len(order_id) == 18
    assert json.loads(body) == {"requestedBy": "tester", "correlationId": "trace-1"}
    signed = SignedCall(
        "POST",
        f"/api/orders/{order_id}/provision",
        "",
        int(headers["X-Timestamp"]),
        headers["X-Nonce"],
        headers["Idempotency-Key"],
        headers["X-Key-Id"],
        body,
    )
    assert headers["X-Signature"] == signed.signature(whole.core.settings.portal_key)
    assert len(headers["X-Nonce"]) == 32
    (entry,) = whole.entries("salesforce.callout.sent", key=order_id)
    assert "X-Signature" not in json.dumps(entry.detail)


async def test_a_signature_lives_on_machine_time(whole, receiver):
    whole.core.clock.advance(864_000)
    await whole.control("/salesforce/provision-call", {"orderId": "801Sn0000000001"})
    ((_, headers, _),) = receiver.calls
    assert int(headers["X-Timestamp"]) == int(whole.core.clock.now().timestamp()) - 864_000


async def test_a_test_can_spoil_every_part_of_the_call(whole, receiver):
    spoilt = {"nonce": "ab", "timestamp": 1, "keyId": "other", "idempotencyKey": "again", "key": "wrong"}
    await whole.control("/salesforce/provision-call", {"orderId": "801Sn0000000001", **spoilt})
    ((_, headers, _),) = receiver.calls
    sent = [headers[name] for name in ("X-Nonce", "X-Timestamp", "X-Key-Id", "Idempotency-Key")]
    assert sent == ["ab", "1", "other", "again"]


@pytest.mark.parametrize(
    "asked", [{}, {"orderId": "x"}, {"orderId": "801Sn0000000001", "colour": "red"}, {"orderId": 1}]
)
async def test_what_is_no_call_is_refused(whole, receiver, asked):
    assert (await whole.control("/salesforce/provision-call", asked)).status_code == 400
    assert receiver.calls == []


@pytest.mark.parametrize(("status", "silent", "error"), [(409, False, ""), (202, True, "nobody listens")])
async def test_a_call_that_was_not_taken_is_in_the_ledger(whole, receiver, status, silent, error):
    receiver.status, receiver.silent = status, silent
    outcome = (await whole.control("/salesforce/provision-call", {"orderId": "801Sn0000000001"})).json()
    assert outcome["taken"] is False
    (entry,) = whole.entries("salesforce.callout.failed")
    assert entry.detail["status"] == (None if silent else status)
    assert error in entry.detail["error"]
