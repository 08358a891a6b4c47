"""Signed calls as they come over a real connection: bytes no HTTP client would send, and the process's start."""

import asyncio
import hashlib
import hmac
import json
import secrets
from time import time

import httpx
import pytest

ORDER = "801000000000001AAA"
PATH = f"/orders/{ORDER}/provision"
KEY_ID, KEY = "example-key-1", "an-obviously-fake-key-of-32-bytes-or-more"
BODY = b'{"requestedBy":"Sato"}'


def signed_headers(path=PATH, query="", body=BODY, wish="wish-0000001", nonce=None):
    """Sign as Salesforce does (R138)."""
    timestamp, nonce = str(int(time())), nonce or secrets.token_hex(16)
    lines = ("v1", "POST", path, query, timestamp, nonce, wish, KEY_ID, hashlib.sha256(body).hexdigest())
    mac = hmac.new(KEY.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    return {
        "Idempotency-Key": wish,
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Key-Id": KEY_ID,
        "X-Signature": f"v1={mac}",
    }


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "signed-call-keys.json"
    path.write_text(json.dumps({KEY_ID: {"key": KEY}}))
    return path


@pytest.fixture
async def gateway(begin, keys):
    return await begin(PORTAL_SIGNED_CALL_KEYS_PATH=str(keys), PORTAL_SIGNED_CALLERS="127.0.0.0/8")


@pytest.fixture
async def salesforce(gateway):
    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15, headers=headers) as client:
        yield client


async def raw(port, path, headers, body=BODY, *, length=None):
    """Send bytes as they are and give status and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fixed = [("Host", "portal"), ("Connection", "close"), ("Content-Type", "application/json")]
    if length is not False:
        fixed.append(("Content-Length", str(len(body) if length is None else length)))
    head = "".join(f"{name}: {value}\r\n" for name, value in [*fixed, *headers])
    writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
    async with asyncio.timeout(15):
        answer = await reader.read()
    writer.close()
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(text)


async def test_a_signed_call_reaches_orders(salesforce, services):
    answer = await salesforce.post(PATH, content=BODY, headers=signed_headers(wish="wish-0000007"))
    assert answer.status_code == 202
    assert answer.json() == {"orderId": ORDER, "requestId": "wish-0000007", "state": "accepted"}
    (call,) = services.calls
    assert (call.order_id, call.body.requested_by) == (ORDER, "Sato")
    assert call.body_sha256 == hashlib.sha256(BODY).hexdigest()


async def test_what_is_signed_is_the_path_as_it_was_sent(gateway, services):
    escaped = "/orders/80100000000000%31AAA/provision"
    assert (await raw(gateway.port, f"{escaped}?a=%20", signed_headers(escaped, "a=%20").items()))[0] == 202
    assert (await raw(gateway.port, f"{PATH}?a=%20", signed_headers(escaped, "a=%20").items()))[0] == 401
    assert (await raw(gateway.port, f"{escaped}?a= ", signed_headers(escaped, "a=%20").items()))[0] in {400, 401}
    assert (await raw(gateway.port, f"{PATH}?", signed_headers().items()))[0] == 202, "an empty query is none"
    assert [call.order_id for call in services.calls] == [ORDER, ORDER]


async def test_a_header_that_comes_twice_is_refused(gateway, services):
    for name, value in signed_headers().items():
        status, problem = await raw(gateway.port, PATH, [*signed_headers().items(), (name, value)])
        assert (status, problem["code"]) == (400, "SIGNATURE_MALFORMED"), name
    assert services.calls == []


async def test_strange_headers_are_no_fault_of_ours(gateway, services):
    right = signed_headers()
    for name in right:
        for value in ("", " ", "\x80\xff", "v1=", ",", "=" * 5000, ",".join(["v1=" + "0" * 64] * 1000)):
            status, problem = await raw(gateway.port, PATH, {**right, name: value}.items())
            assert (status, problem["code"]) == (400, "SIGNATURE_MALFORMED"), (name, value)
    assert services.calls == []
    assert gateway.errors() == []


async def test_a_large_body_is_refused_before_it_is_read(gateway, services):
    status, problem = await raw(gateway.port, PATH, signed_headers().items(), b"{}", length=10_000_000)
    assert (status, problem["code"]) == (413, "PAYLOAD_TOO_LARGE")
    chunks = (b"1000\r\n" + b" " * 4096 + b"\r\n") * 16 + b"1\r\n \r\n"  # a byte too many, and it goes on
    headers = [*signed_headers().items(), ("Transfer-Encoding", "chunked")]
    status, problem = await raw(gateway.port, PATH, headers, chunks, length=False)
    assert (status, problem["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert services.calls == []


async def test_a_body_in_chunks_is_signed_as_a_whole(gateway, services):
    headers = [*signed_headers().items(), ("Transfer-Encoding", "chunked")]
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (BODY[:5], BODY[5:])) + b"0\r\n\r\n"
    assert (await raw(gateway.port, PATH, headers, chunks, length=False))[0] == 202
    assert len(services.calls) == 1


async def test_nobody_is_believed_about_where_they_call_from(begin, keys, services):
    gateway = await begin(PORTAL_SIGNED_CALL_KEYS_PATH=str(keys), PORTAL_SIGNED_CALLERS="203.0.113.0/24")
    claims = [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"), ("X-Real-IP", "203.0.113.9")]
    status, problem = await raw(gateway.port, PATH, [*signed_headers().items(), *claims])
    assert (status, problem["code"]) == (403, "CALLER_NOT_ALLOWED")
    behind = await begin(
        PORTAL_SIGNED_CALL_KEYS_PATH=str(keys),
        PORTAL_SIGNED_CALLERS="203.0.113.0/24",
        PORTAL_TRUSTED_PROXIES="127.0.0.1",
    )
    assert (await raw(behind.port, PATH, [*signed_headers().items(), *claims]))[0] == 202
    assert len(services.calls) == 1


async def test_without_keys_there_is_no_such_path(begin, services):
    gateway = await begin()
    assert (await raw(gateway.port, PATH, signed_headers().items()))[0] == 404


@pytest.mark.parametrize(
    ("content", "callers", "named"),
    [
        ("{", "127.0.0.0/8", "PORTAL_SIGNED_CALL_KEYS_PATH"),
        (None, "127.0.0.0/8", "PORTAL_SIGNED_CALL_KEYS_PATH"),
        (json.dumps({KEY_ID: KEY}), "", "PORTAL_SIGNED_CALLERS"),
        (json.dumps({KEY_ID: KEY}), "everybody", "everybody"),
    ],
)
async def test_a_half_made_set_up_ends_the_start_and_names_what_is_missing(begin, keys, content, callers, named):
    keys.write_text(content) if content is not None else keys.unlink()
    gateway = await begin(wait=False, PORTAL_SIGNED_CALL_KEYS_PATH=str(keys), PORTAL_SIGNED_CALLERS=callers)
    async with asyncio.timeout(15):
        said, _ = await gateway.process.communicate()
    assert gateway.process.returncode == 1
    assert named in said.decode()
    assert KEY not in said.decode()
