"""What WHMCS posts reaches billing byte for byte; what has no signature at all goes no farther (C28)."""

import pytest

from portal_contracts.billing_hooks import TakeWhmcsHook
from portal_contracts.problems import CATALOGUE, Refused, TryLater
from portal_gateway.exchange import BODY_LIMIT

HEADERS = {
    "Content-Type": "application/json",
    "X-Portal-Event-Id": "0f6f1c1e-6b1f-4f0e-9d8e-0a1b2c3d4e5f",
    "X-Portal-Timestamp": "1767225600",
    "X-Portal-Signature": "v1=" + "0a" * 32,
}
NOT_A_TEXT = b'\xff\xfe{"id": "\x00"}\r\n '


@pytest.mark.parametrize("body", [b"{}", b"", NOT_A_TEXT, "請求書".encode(), b"x" * BODY_LIMIT])
async def test_the_raw_bytes_and_what_vouches_for_them_are_passed_on(portal, visitor, body):
    answer = await visitor.post("/hooks/whmcs", content=body, headers=HEADERS)
    assert (answer.status_code, answer.json()) == (202, {})
    (asked,) = portal.asked(TakeWhmcsHook)
    assert asked.body == body
    assert [asked.event_id, asked.timestamp, asked.signature] == list(HEADERS.values())[1:]
    assert TakeWhmcsHook.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.parametrize("name", list(HEADERS)[1:])
@pytest.mark.parametrize("value", [None, "", "1767225600.9", "v1=xyz", "+1767225600", "{}", "v1=" + "0A" * 32, "９９"])
async def test_a_header_that_is_missing_or_not_as_described_is_named(portal, visitor, name, value):
    headers = {**HEADERS, name: value}
    sent = {key: held.encode() for key, held in headers.items() if held is not None}
    answer = await visitor.post("/hooks/whmcs", content=b"{}", headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "SIGNATURE_MALFORMED")
    assert name in answer.json()["detail"]
    assert portal.asked(TakeWhmcsHook) == []


async def test_too_large_an_event_is_refused_before_it_is_read(portal, visitor):
    answer = await visitor.post("/hooks/whmcs", content=b"x" * (BODY_LIMIT + 1), headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert portal.asked(TakeWhmcsHook) == []


@pytest.mark.parametrize("code", ["SIGNATURE_INVALID", "SIGNED_CALL_EXPIRED", "NOT_FOUND", "SERVICE_UNAVAILABLE"])
async def test_what_billing_says_of_it_is_told(portal, visitor, code):
    entry = CATALOGUE[code]
    portal.bus.reply(TakeWhmcsHook, (TryLater if entry.kind == "try_later" else Refused)(code))
    answer = await visitor.post("/hooks/whmcs", content=b"{}", headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (entry.status, code)
