"""The API fuzzed from its own document: whatever is sent, the answer is a documented one and never a fault of ours."""

import asyncio
import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal_contracts.examples import example_of
from portal_gateway.routes import OPERATIONS

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["", "' OR '1'='1", "\x00", "\r\nX: y", "\u202e", "a" * 10_000, "9" * 400, "__proto__", "../../x"]),
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
STREAMS = {"text/event-stream"}
PLACES = {"{orderId}": "801000000000001AAA", "{caseId}": "500000000000001AAA", "{service}": "orders", "{id}": "7"}


def places(value, path=()):
    """Give every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def planted(value, path, other):
    """Give the value with something else at one place."""
    if not path:
        return other
    copied = value.copy()
    copied[path[0]] = planted(value[path[0]], path[1:], other)
    return copied


def somewhere(operation):
    """Give a path of the operation that leads to a thing."""
    path = operation.path
    for placeholder, value in PLACES.items():
        path = path.replace(placeholder, value)
    return path


def look(portal, operation, path, **request):
    async def send():
        async with portal.operator() if operation.audience == "operator" else portal.browser() as client:
            return await client.request(operation.method, path, **request)

    answer = asyncio.run(send())
    documented = portal.document["paths"][operation.path][operation.method.lower()]["responses"]
    assert str(answer.status_code) in documented, answer.text
    assert answer.status_code != 500
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    return answer


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body is not None], ids=lambda one: one.name)
def test_a_body_with_anything_anywhere_gets_a_documented_answer(new_portal, operation):
    portal = new_portal()
    example = example_of(operation.body)
    everywhere = list(places(example))

    @FEW
    @given(place=st.sampled_from(everywhere), other=ANYTHING, key=st.text(max_size=300))
    def fuzz(place, other, key):
        body = json.dumps(planted(example, place, other)).encode()
        headers = [(b"content-type", b"application/json")]
        if key.strip().isprintable() and key.strip():
            headers.append((b"idempotency-key", key.strip().encode()))
        look(portal, operation, somewhere(operation), content=body, headers=headers)

    fuzz()


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body is not None], ids=lambda one: one.name)
def test_bytes_that_are_no_json_get_a_documented_answer(new_portal, operation):
    portal = new_portal()

    @FEW
    @given(body=st.binary(max_size=300))
    def fuzz(body):
        look(portal, operation, somewhere(operation), content=body, headers={"content-type": "application/json"})

    fuzz()


ADDRESSED = [
    one for one in OPERATIONS if one.method == "GET" and one.message.model_fields and one.media_type not in STREAMS
]


@pytest.mark.parametrize("operation", ADDRESSED, ids=lambda one: one.name)
def test_any_path_and_query_get_a_documented_answer(new_portal, operation):
    portal = new_portal()
    names = list(operation.query_parameters)

    @FEW
    @given(parts=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=1), values=st.lists(st.text()))
    def fuzz(parts, values):
        path = operation.path
        for name in ("service", *operation.path_parameters):
            part = quote(parts[0], safe="")
            path = path.replace(f"{{{name}}}", "%2e" if part in {".", ".."} else part)
        query = "&".join(f"{name}={quote(value)}" for name, value in zip(names * 2, values, strict=False))
        if "/" in parts[0] or "\\" in parts[0]:
            return  # another path
        look(portal, operation, f"{path}?{query}" if query else path)

    fuzz()


HEADERS = st.sampled_from(
    [
        b"cookie",
        b"authorization",
        b"traceparent",
        b"if-none-match",
        b"accept-language",
        b"origin",
        b"sec-fetch-site",
        b"x-forwarded-for",
        b"x-csrf-token",
        b"user-agent",
        b"last-event-id",
        b"content-type",
    ]
)


@pytest.mark.parametrize("name", ["GET /catalog", "GET /me", "POST /auth/login", "POST /orders"])
def test_any_headers_get_a_documented_answer(new_portal, name):
    portal = new_portal(trusted_proxies="192.0.2.0/24")
    operation = next(one for one in OPERATIONS if one.name == name)
    body = json.dumps(example_of(operation.body)).encode() if operation.body else b""

    @FEW
    @given(headers=st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=6))
    def fuzz(headers):
        look(portal, operation, somewhere(operation), content=body, headers=headers)

    fuzz()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/operator/billing/actions?target=%00", "target"),
        ("/operator/billing/dead-letters?state=a%00b", "state"),
        (f"/operator/billing/actions?beforeId={2**63}", "beforeId"),
    ],
)
async def test_what_no_database_can_hold_is_refused_at_the_edge(portal, operator, path, name):
    answer = await operator.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert [fault["field"] for fault in answer.json()["errors"]] == [name]


async def test_an_id_no_database_can_hold_names_nothing(portal, operator):
    assert (await operator.get(f"/operator/billing/dead-letters/{2**63}")).json()["code"] == "NOT_FOUND"
