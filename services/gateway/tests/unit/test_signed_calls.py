"""The signed call, vector by vector (R138–R142, R267; reference/reliability.md (c) §6)."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from portal_contracts.problems import Refused, TryLater
from portal_contracts.provisioning_requests import ProvisionCallAccepted, RequestProvisioning

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
OTHER_ORDER = "801000000000002AAA"
OTHER_KEY = "another-fake-key-of-staging-0000000000000"
MALFORMED, EXPIRED, INVALID = (400, "SIGNATURE_MALFORMED"), (401, "SIGNED_CALL_EXPIRED"), (401, "SIGNATURE_INVALID")
NOT_ALLOWED, TOO_LARGE = (403, "CALLER_NOT_ALLOWED"), (413, "PAYLOAD_TOO_LARGE")
NO_JSON, BAD = (415, "UNSUPPORTED_MEDIA_TYPE"), (422, "BAD_REQUEST")
ACCEPTED = (202, None)
LARGE = b'{"requestedBy":"' + b"x" * 1_000_000 + b'"}'
ZEROS = "v1=" + "0" * 64


def headers(**changed):
    return {"headers": {name.replace("_", "-"): value for name, value in changed.items()}}


TIME = {
    "of now": ({"timestamp": str(AT)}, ACCEPTED),
    "a second old": ({"timestamp": str(AT - 1)}, ACCEPTED),
    "a minute ahead": ({"timestamp": str(AT + 60)}, ACCEPTED),
    "exactly as old as allowed": ({"timestamp": str(AT - 300)}, ACCEPTED),  # R140
    "exactly as far ahead as allowed": ({"timestamp": str(AT + 300)}, ACCEPTED),
    "a second too old": ({"timestamp": str(AT - 301)}, EXPIRED),
    "a second too far ahead": ({"timestamp": str(AT + 301)}, EXPIRED),
    "in milliseconds": ({"timestamp": f"{AT}000"}, EXPIRED),
    "of the year 1970": ({"timestamp": "0"}, EXPIRED),
    "with a fraction": ({"timestamp": f"{AT}.0"}, MALFORMED),
    "with an exponent": ({"timestamp": "1.79e9"}, MALFORMED),
    "with a leading space": ({"timestamp": f" {AT}"}, MALFORMED),
    "with a trailing space": ({"timestamp": f"{AT} "}, MALFORMED),
    "with a plus sign": ({"timestamp": f"+{AT}"}, MALFORMED),
    "with a minus sign": ({"timestamp": f"-{AT}"}, MALFORMED),
    "with a leading zero": ({"timestamp": f"0{AT}"}, MALFORMED),
    "with an underscore": ({"timestamp": f"{str(AT)[:4]}_{str(AT)[4:]}"}, MALFORMED),
    "in other digits": ({"sent": headers(X_Timestamp="\u00b2" * 10)}, MALFORMED),
    "empty": ({"timestamp": ""}, MALFORMED),
    "not a number": ({"timestamp": "NaN"}, MALFORMED),
    "of 63 bits": ({"timestamp": str(2**63)}, MALFORMED),
    "of a thousand digits": ({"timestamp": "9" * 1000}, MALFORMED),
    "missing": ({"sent": headers(X_Timestamp=None)}, MALFORMED),
    "there twice": ({"sent": {"more": [("X-Timestamp", str(AT))]}}, MALFORMED),
    "changed after signing": ({"sent": headers(X_Timestamp=str(AT - 1))}, INVALID),
}
NONCE = {
    "missing": ({"sent": headers(X_Nonce=None)}, MALFORMED),
    "empty": ({"nonce": ""}, MALFORMED),
    "short": ({"nonce": "0" * 31}, MALFORMED),
    "long": ({"nonce": "0" * 33}, MALFORMED),
    "in capitals": ({"nonce": "0123456789ABCDEF0123456789ABCDEF"}, MALFORMED),
    "not hexadecimal": ({"nonce": "g" * 32}, MALFORMED),
    "there twice": ({"sent": {"more": [("X-Nonce", "1" * 32)]}}, MALFORMED),
    "changed after signing": ({"sent": headers(X_Nonce="1" * 32)}, INVALID),
}
BODY = {
    "with one bit flipped": ({"sent": {"body": b'{"requestedBy":"Sati","correlationId":"c-1"}'}}, INVALID),
    "with its keys in another order": ({"sent": {"body": b'{"correlationId":"c-1","requestedBy":"Sato"}'}}, INVALID),
    "with white space added": ({"sent": {"body": b'{"requestedBy": "Sato","correlationId":"c-1"}'}}, INVALID),
    "with bytes after it": ({"sent": {"body": b'{"requestedBy":"Sato","correlationId":"c-1"}\n'}}, INVALID),
    "in another encoding": (
        {"body": '{"requestedBy":"佐藤"}'.encode(), "sent": {"body": '{"requestedBy":"佐藤"}'.encode("shift_jis")}},
        INVALID,
    ),
    "replaced by nothing": ({"sent": {"body": b""}}, INVALID),
    "of nothing replaced by an empty object": ({"body": b"", "sent": {"body": b"{}"}}, INVALID),
    "of nothing": ({"body": b""}, ACCEPTED),
    "of an empty object": ({"body": b"{}"}, ACCEPTED),
    "of nothing without a media type": ({"body": b"", "more": ()}, ACCEPTED),
    "with fields nobody knows": ({"body": b'{"orderId":"801000000000002AAA","price":0}'}, ACCEPTED),
    "in Japanese": ({"body": '{"requestedBy":"佐藤"}'.encode()}, ACCEPTED),
    "in chunks": ({"more": (("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"))}, ACCEPTED),
    "compressed, saying so": (
        {"body": gzip.compress(b"{}"), "sent": {"more": [("Content-Encoding", "gzip")]}},
        NO_JSON,
    ),
    "compressed, not saying so": ({"body": gzip.compress(b"{}")}, BAD),
    "said to be as it is": ({"sent": {"more": [("Content-Encoding", "identity")]}}, ACCEPTED),
    "of a form": ({"more": (("Content-Type", "application/x-www-form-urlencoded"),)}, NO_JSON),
    "without a media type": ({"more": ()}, NO_JSON),
    "of a list": ({"body": b"[]"}, BAD),
    "of null": ({"body": b"null"}, BAD),
    "of a text": ({"body": b'"x"'}, BAD),
    "of broken JSON": ({"body": b'{"requestedBy":'}, BAD),
    "of bytes that are no text": ({"body": b'{"requestedBy":"\xff"}'}, BAD),
    "nested without end": ({"body": b"[" * 5000}, BAD),
    "with a long name": ({"body": json.dumps({"requestedBy": "x" * 81}).encode()}, BAD),
    "with control characters": ({"body": b'{"requestedBy":"\\u202eotaS"}'}, BAD),
    "with a number for a name": ({"body": b'{"requestedBy":7}'}, BAD),
    "exactly as large as allowed": ({"body": b"{}" + b" " * (64 * 1024 - 2)}, ACCEPTED),
    "a byte larger than allowed": ({"body": b"{}" + b" " * (64 * 1024 - 1)}, TOO_LARGE),
    "of a megabyte": ({"body": LARGE}, TOO_LARGE),
    "said to be of a megabyte": ({"sent": {"more": [("Content-Length", "1000000")]}}, TOO_LARGE),
    "said to be of no size": ({"sent": {"more": [("Content-Length", "many")]}}, TOO_LARGE),
}
BINDING = {
    "sent to another order": ({"sent": {"path": f"/orders/{OTHER_ORDER}/provision"}}, INVALID),
    "sent to the short form of the id": ({"sent": {"path": "/orders/801000000000001/provision"}}, INVALID),
    "sent to another case of the id": ({"sent": {"path": "/orders/801000000000001aaa/provision"}}, INVALID),
    "sent to an escaped form of the path": ({"sent": {"path": "/orders/80100000000000%31AAA/provision"}}, INVALID),
    "sent to an escaped end of the path": ({"sent": {"path": "/orders/801000000000001AAA/%70rovision"}}, INVALID),
    "sent to dots instead of an id": ({"sent": {"path": "/orders/%2e%2e/provision"}}, INVALID),
    "sent to another path": ({"sent": {"path": "/orders/801000000000001AAA/Provision"}}, (404, "NOT_FOUND")),
    "sent with a slash more": ({"sent": {"path": "/orders/801000000000001AAA/provision/"}}, (404, "NOT_FOUND")),
    "signed for another method": ({"method": "PUT", "sent": {"method": "POST"}}, INVALID),
    "sent by another method": ({"sent": {"method": "PUT"}}, (405, "METHOD_NOT_ALLOWED")),
    "sent with a query": ({"sent": {"query": "dryRun=true"}}, INVALID),
    "sent without its query": ({"query": "a=1", "sent": {"query": ""}}, INVALID),
    "sent with its query in another order": ({"query": "a=1&b=2", "sent": {"query": "b=2&a=1"}}, INVALID),
    "signed with a query": ({"query": "a=1&b=%20"}, ACCEPTED),
    "with another idempotency key": ({"sent": headers(Idempotency_Key="wish-0000002")}, INVALID),
    "with another key id": ({"sent": headers(X_Key_Id="example-key-2")}, INVALID),
    "signed by the key of another place": ({"key": OTHER_KEY}, INVALID),
    "of the short form of an id": ({"order": "801000000000001"}, ACCEPTED),
    "of no id": ({"order": "no-order"}, (404, "NOT_FOUND")),
    "of an id with a wrong end": ({"order": "801000000000001AAB"}, (404, "NOT_FOUND")),
}
SIGNATURE = {
    "missing": ({"sent": headers(X_Signature=None)}, MALFORMED),
    "empty": ({"sent": headers(X_Signature="")}, MALFORMED),
    "without a version": ({"sent": headers(X_Signature="0" * 64)}, MALFORMED),
    "with a comma for the equals sign": ({"sent": headers(X_Signature="v1," + "0" * 64)}, MALFORMED),
    "of another version": ({"sent": headers(X_Signature="v2=" + "0" * 64)}, MALFORMED),
    "in Base64": ({"sent": headers(X_Signature="v1=" + "A" * 43 + "=")}, MALFORMED),
    "not hexadecimal": ({"sent": headers(X_Signature="v1=" + "g" * 64)}, MALFORMED),
    "in capitals": ({"sent": headers(X_Signature="v1=" + "A" * 64)}, MALFORMED),
    "cut short": ({"sent": headers(X_Signature="v1=" + "0" * 63)}, MALFORMED),
    "too long": ({"sent": headers(X_Signature="v1=" + "0" * 65)}, MALFORMED),
    "with white space": ({"sent": headers(X_Signature=f"{ZEROS}, {ZEROS}")}, MALFORMED),
    "with a comma too many": ({"sent": headers(X_Signature=f"{ZEROS},")}, MALFORMED),
    "with two good forms and a bad one": ({"sent": headers(X_Signature=f"{ZEROS},{ZEROS},v1=xyz")}, MALFORMED),
    "eight times wrong": ({"sent": headers(X_Signature=",".join([ZEROS] * 8))}, INVALID),
    "nine times": ({"sent": headers(X_Signature=",".join([ZEROS] * 9))}, MALFORMED),
    "a hundred thousand times": ({"sent": headers(X_Signature=",".join([ZEROS] * 100_000))}, MALFORMED),
    "in other letters": ({"sent": headers(X_Signature="v1=" + "\u00e9" * 64)}, MALFORMED),
    "with a line feed": ({"sent": headers(X_Signature=f"{ZEROS}\n")}, MALFORMED),
    "there twice": ({"sent": {"more": [("X-Signature", ZEROS)]}}, MALFORMED),
    "wrong": ({"sent": headers(X_Signature=ZEROS)}, INVALID),
}
NAMES = {
    "without a key id": ({"sent": headers(X_Key_Id=None)}, MALFORMED),
    "with an empty key id": ({"key_id": ""}, MALFORMED),
    "with a long key id": ({"key_id": "x" * 65}, MALFORMED),
    "with a key id of a path": ({"key_id": "../key"}, MALFORMED),
    "with two key ids": ({"sent": {"more": [("X-Key-Id", "example-key-1")]}}, MALFORMED),
    "with an unknown key id": ({"key_id": "nobodys-key"}, INVALID),
    "without an idempotency key": ({"sent": headers(Idempotency_Key=None)}, MALFORMED),
    "with a short idempotency key": ({"idempotency_key": "short"}, MALFORMED),
    "with a long idempotency key": ({"idempotency_key": "x" * 256}, MALFORMED),
    "with a space in the idempotency key": ({"idempotency_key": "wish 0000001"}, MALFORMED),
    "with two idempotency keys": ({"sent": {"more": [("Idempotency-Key", "wish-0000001")]}}, MALFORMED),
    "with the cookie of a customer from another site": (
        {"sent": {"more": [("Cookie", "portal_session=session-token-of-hanako"), ("Origin", "https://evil.example")]}},
        ACCEPTED,
    ),
}
VECTORS = {
    f"{subject} {name}": vector
    for subject, group in {
        "a timestamp": TIME,
        "a nonce": NONCE,
        "a body": BODY,
        "a call": BINDING | NAMES,
        "a signature": SIGNATURE,
    }.items()
    for name, vector in group.items()
}


@pytest.fixture
def gate(signing):
    gate = signing()
    gate.clock.stopped_at = NOW
    return gate


def test_there_are_as_many_vectors_as_were_asked_for():
    assert len(VECTORS) >= 70


@pytest.mark.parametrize("name", VECTORS)
async def test_every_vector_gets_its_answer(gate, signed, name):
    changed, (status, code) = VECTORS[name]
    answer = await signed(**changed).send(gate)
    assert (answer.status, answer.code) == (status, code)
    assert len(gate.bus.asked) == (status == 202), "what is refused never reaches who stores nonces"
    if status != 202:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"


async def test_a_genuine_call_says_all_that_its_receiver_must_know(gate, signed):
    answer = await signed(order="801000000000001").send(gate)
    assert answer.status == 202
    (asked,) = gate.asked(RequestProvisioning)
    assert asked.order_id == "801000000000001AAA"  # 18 characters from the edge on
    assert (asked.idempotency_key, asked.key_id) == ("wish-0000001", "example-key-1")
    assert (asked.nonce, asked.signed_at) == ("0123456789abcdef0123456789abcdef", NOW)
    assert (asked.body.requested_by, asked.body.correlation_id) == ("Sato", "c-1")  # R148, R149
    assert asked.body_sha256 == sha256(signed().body).hexdigest()
    assert gate.bus.asked[0].actor is None


async def test_a_mac_made_by_another_program_is_right(gate, signed):  # openssl dgst -sha256 -hmac
    gate.clock.stopped_at = datetime.fromtimestamp(1_790_000_000, UTC)
    mac = "v1=7b67aa23e42b0ba264b3200626c0630e2fec0c5d0af59c9b65eaa2a849e5b774"
    answer = await signed(timestamp="1790000000", sent=headers(X_Signature=mac)).send(gate)
    assert answer.status == 202


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_clocks_that_differ_by_five_minutes_still_understand_each_other(gate, signed, minutes):
    gate.clock.stopped_at = NOW + timedelta(minutes=minutes)
    assert (await signed(timestamp=str(AT)).send(gate)).status == 202
    gate.clock.stopped_at += timedelta(seconds=1 if minutes > 0 else -1)
    assert (await signed(timestamp=str(AT)).send(gate)).code == "SIGNED_CALL_EXPIRED"


async def test_a_part_of_a_second_does_not_count(gate, signed):
    gate.clock.stopped_at = NOW + timedelta(seconds=300, microseconds=999_999)
    assert (await signed(timestamp=str(AT)).send(gate)).status == 202


async def test_of_several_signatures_one_must_be_right(gate, signed):
    right = signed().headers(NOW)["X-Signature"]
    for signature in (f"{ZEROS},{right}", f"{right},{ZEROS}", ",".join([ZEROS] * 7 + [right])):
        assert (await signed(sent=headers(X_Signature=signature)).send(gate)).status == 202


async def test_a_body_said_to_be_too_large_is_not_read(gate, signed):
    answer = await signed(sent={"more": [("Content-Length", "1000000")]}).send(gate)
    assert (answer.status, answer.asked) == (413, 0)
    assert answer.headers["connection"] == "close"


ORDER_OF_CHECKS = {
    "size": ({"body": LARGE}, "PAYLOAD_TOO_LARGE"),
    "shape": ({"nonce": "x"}, "SIGNATURE_MALFORMED"),
    "time": ({"timestamp": "1"}, "SIGNED_CALL_EXPIRED"),
    "mac": ({"key": OTHER_KEY}, "SIGNATURE_INVALID"),
    "caller": ({"peer": "203.0.113.9"}, "CALLER_NOT_ALLOWED"),
    "body": ({"body": b"[]"}, "BAD_REQUEST"),
}
PAIRS = [
    (first, later)
    for place, first in enumerate(ORDER_OF_CHECKS)
    for later in list(ORDER_OF_CHECKS)[place + 1 :]
    if {first, later} != {"size", "body"}  # both are about the same bytes
]


@pytest.mark.parametrize(("first", "later"), PAIRS)
async def test_of_two_faults_the_one_checked_first_is_told(gate, signed, first, later):
    answer = await signed(**ORDER_OF_CHECKS[first][0], **ORDER_OF_CHECKS[later][0]).send(gate)
    assert answer.code == ORDER_OF_CHECKS[first][1]
    assert gate.bus.asked == []


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        (Refused("NONCE_REPLAYED"), 401),
        (Refused("IDEMPOTENCY_KEY_REUSED"), 422),
        (TryLater("IN_PROGRESS"), 409),
        (Refused("NOT_FOUND"), 404),
        (TryLater("SERVICE_UNAVAILABLE"), 503),
    ],
)
async def test_what_the_receiver_refuses_is_passed_on(gate, signed, refused, status):  # R141, R142
    gate.bus.reply(RequestProvisioning, refused)
    answer = await signed().send(gate)
    assert (answer.status, answer.code) == (status, refused.code)
    if isinstance(refused, TryLater):
        assert int(answer.headers["retry-after"]) > 0


async def test_the_receivers_answer_is_the_callers(gate, signed):
    accepted = ProvisionCallAccepted(order_id="801000000000001AAA", request_id="wish-0000001")
    gate.bus.reply(RequestProvisioning, accepted)
    answer = await signed().send(gate)
    assert answer.body == {"orderId": "801000000000001AAA", "requestId": "wish-0000001", "state": "accepted"}


async def test_wrong_keys_of_every_kind_get_the_same_words(signing, signed):
    gate = signing(
        {"example-key-1": {"key": OTHER_KEY}, "over": {"key": OTHER_KEY, "notAfter": "2026-01-01T00:00:00Z"}}
    )
    gate.clock.stopped_at = NOW
    answers = [await signed(key_id=key_id).send(gate) for key_id in ("example-key-1", "over", "nobodys")]
    answers.append(await signed(key_id="over", key=OTHER_KEY).send(gate))
    told = [{**answer.body, "traceId": ""} for answer in answers]
    assert told[0]["code"] == "SIGNATURE_INVALID"
    assert told == [told[0]] * 4


async def test_a_malformed_header_is_named_in_the_callers_language(gate, signed):
    answer = await signed(nonce="x", sent={"more": [("Accept-Language", "ja")]}).send(gate)
    assert "X-Nonce" in answer.body["detail"]
    assert "ヘッダー" in answer.body["detail"]


async def test_without_keys_there_is_no_such_path(portal, signed):
    assert (await signed().send(portal)).code == "NOT_FOUND"
    assert (await signed(body=LARGE).send(portal)).status == 404
    assert portal.bus.asked == []
