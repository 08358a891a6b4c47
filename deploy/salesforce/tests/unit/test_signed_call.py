"""The Apex signer against the gateway's verification (R138-R142, R267), as far as that goes without Salesforce.

The lines that are signed are read from the Apex source in their order, filled with a vector and compared with what the
gateway signs; the same vector stands in the Apex test, which Salesforce runs at each deployment to production.
"""

import hmac
import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from portal_gateway.client_address import UNKNOWN
from portal_gateway.signed_call_headers import FORMS, signed_call_headers
from portal_gateway.signed_calls import canonical_string

CLASSES = Path(__file__).parents[2] / "force-app" / "main" / "default" / "classes"
CALL = (CLASSES / "PortalProvisionCall.cls").read_text(encoding="utf-8")
DUE = (CLASSES / "PortalDueOrders.cls").read_text(encoding="utf-8")
TEST = (CLASSES / "PortalProvisionTest.cls").read_text(encoding="utf-8")
KEY = "an-obviously-fake-key-of-signed-calls"
VECTOR = {
    "method": "POST",
    "path": "/orders/801000000000001AAA/provision",
    "query": "",
    "timestamp": "1795168800",
    "nonce": "0123456789abcdef0123456789abcdef",
    "idempotencyKey": "801000000000001AAA-2026-11-20T10:00:00Z",
    "keyId": "2026-11",
    "body": '{"requestedBy":"佐藤"}',
}


def apex_lines() -> list[str]:
    """Give the signed lines as the Apex builds them, in its order."""
    (expressions,) = re.findall(r"return new List<String>\{(.+?)\n        \};", CALL, flags=re.DOTALL)
    digest = "EncodingUtil.convertToHex(Crypto.generateDigest('SHA-256', Blob.valueOf(body)))"
    known = VECTOR | {"'v1'": "v1", digest: sha256(VECTOR["body"].encode()).hexdigest()}
    return [known[one.strip().rstrip(",")] for one in expressions.strip().splitlines()]


def apex_mac() -> str:
    assert "String.join(" in CALL
    assert r"'\n'" in CALL
    assert "Crypto.generateMac('HmacSHA256', Blob.valueOf(text), Blob.valueOf(key))" in CALL
    return hmac.digest(KEY.encode(), "\n".join(apex_lines()).encode(), "sha256").hex()


def test_the_gateway_signs_the_same_lines_in_the_same_order() -> None:
    sent = {
        b"idempotency-key": VECTOR["idempotencyKey"],
        b"x-timestamp": VECTOR["timestamp"],
        b"x-nonce": VECTOR["nonce"],
        b"x-key-id": VECTOR["keyId"],
        b"x-signature": f"v1={apex_mac()}",
    }
    headers = signed_call_headers((name, value.encode()) for name, value in sent.items())
    scope = {
        "type": "http",
        "method": VECTOR["method"],
        "raw_path": VECTOR["path"].encode(),
        "query_string": VECTOR["query"].encode(),
        "client": (UNKNOWN, 0),
    }
    gateway = canonical_string(scope, headers, sha256(VECTOR["body"].encode()).hexdigest())
    assert gateway == "\n".join(apex_lines()).encode()


def test_the_apex_test_holds_the_same_vector() -> None:
    for value in VECTOR.values():
        assert f"'{value}'" in TEST or value == VECTOR["keyId"]
    assert f"'{KEY}'" in TEST
    assert apex_mac() in TEST


def test_the_apex_sends_every_header_the_gateway_asks_for() -> None:
    assert set(re.findall(r"setHeader\('([\w-]+)'", CALL)) == {*FORMS, "Content-Type"}


def test_what_the_apex_makes_up_has_the_form_the_gateway_wants() -> None:
    # generateAesKey(128) gives sixteen random bytes, which are thirty-two hexadecimal digits.
    assert "EncodingUtil.convertToHex(Crypto.generateAesKey(128))" in CALL
    assert FORMS["X-Nonce"].fullmatch(bytes(16).hex().encode())
    assert "DateTime.now().getTime() / 1000" in CALL
    assert FORMS["X-Timestamp"].fullmatch(str(int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())).encode())


@pytest.mark.parametrize("key", ["801000000000001AAA-due-1795168800000", VECTOR["idempotencyKey"]])
def test_an_idempotency_key_has_a_form_the_gateway_takes(key: str) -> None:
    assert FORMS["Idempotency-Key"].fullmatch(key.encode())
    assert "'-due-' + one.Activation_Scheduled_At__c.getTime()" in DUE
