"""What belongs to somebody else is not there: the same answer as for what never was (R206, reliability.md (c) §2)."""

import json
from typing import Any

import httpx
import pytest

from portal_security.crowd import Member
from portal_security.served import Served, ServedOperation
from portal_testing.shoppers import Shopper

FEE = {"reference": "fee", "sku": "VPN-ACTIVATION", "parent": "vpn"}
NEVER_WAS = {
    "orderId": "801000000000009AAA",
    "checkoutId": "5d1f7c1e-0000-4000-8000-0000000000c9",
    "invoiceId": 99_999_999,
    "serviceId": 99_999_999,
    "caseId": "500000000000009AAA",
    "sessionId": "5d1f7c1e-0000-4000-8000-000000000001",
    "passkeyId": "5d1f7c1e-0000-4000-8000-000000000002",
    "tokenId": "5d1f7c1e-0000-4000-8000-000000000003",
    "changeId": "5d1f7c1e000040008000000000000004",
    "fileId": "069000000000009AAA",
}
"""An id of every kind that names nothing; a parameter that is not here, nor below, fails the suite."""
CART = {"addressConfirmed": True, "lines": [{"reference": "vpn", "sku": "VPN-US"}, FEE]}
NOBODYS = {"commodity": "internet", "sku": "VPN-UK"}
"""Parameters that name no customer's object."""
PICTURE = b"\xff\xd8\xff\xe0 a picture"
OF_FREEBIT = "/usage"
"""Counted by the operator, which knows the lines of a few members alone."""


def on_objects(served: Served) -> list[ServedOperation]:
    return [one for one in served.for_customers() if set(one.parameters) - set(NOBODYS)]


async def send(http: httpx.AsyncClient, operation: ServedOperation, who: Member, ids: Any) -> httpx.Response:
    headers = {**who.bearer, "Idempotency-Key": f"{who.mark}-{operation.method}-{len(str(ids))}"}
    path = operation.at({**NOBODYS, **ids})
    if operation.takes_a_file:
        return await http.request(
            operation.method, path, params={"fileName": "router.jpg"}, content=PICTURE, headers=headers
        )
    return await http.request(operation.method, path, json=operation.body, headers=headers)


def told(answer: httpx.Response, ids: Any) -> tuple[int, Any]:
    """Give an answer without what must differ: the ids in the address, and the request's own trace."""
    text = answer.text
    for value in ids.values():
        text = text.replace(str(value), "ID")
    return answer.status_code, {**json.loads(text or "{}"), "traceId": None}


async def test_an_object_of_somebody_else_is_answered_as_one_that_never_was(
    served: Served, members: list[Member], shopper: Shopper, portal_http: httpx.AsyncClient
) -> None:
    owner, other, *_ = members
    checkout = await shopper.customer.post("/orders", CART)
    theirs = {**owner.ids, "checkoutId": checkout["checkoutId"]}
    operations = on_objects(served)
    assert {name for one in operations for name in one.parameters} - set(NOBODYS) == set(NEVER_WAS)
    for operation in operations:
        foreign = told(await send(portal_http, operation, other, theirs), theirs)
        missing = told(await send(portal_http, operation, other, NEVER_WAS), NEVER_WAS)
        assert foreign == missing, operation.name
        assert (foreign[0], foreign[1]["code"]) == (404, "NOT_FOUND"), (operation.name, foreign)
        if operation.parameters == ["checkoutId"]:
            await shopper.customer.get(operation.at(theirs))
        elif operation.method == "GET" and not operation.streams and not operation.path.endswith(OF_FREEBIT):
            own = await send(portal_http, operation, owner, owner.ids)
            assert own.status_code == 200, (operation.name, own.text)
    kept = (await portal_http.get("/me/sessions", headers=owner.bearer)).json()["sessions"]
    assert [one["sessionId"] for one in kept] == [owner.ids["sessionId"]]
    kept = (await portal_http.get("/me/second-factors", headers=owner.bearer)).json()["passkeys"]
    assert [one["passkeyId"] for one in kept] == [owner.ids["passkeyId"]]
    kept = (await portal_http.get("/me/api-tokens", headers=owner.bearer)).json()["tokens"]
    assert [one["tokenId"] for one in kept] == [owner.ids["tokenId"]]


@pytest.mark.parametrize(("destination", "name"), [("invoice", "invoiceId"), ("service", "serviceId")])
async def test_a_link_to_what_belongs_to_somebody_else_is_not_made(
    members: list[Member], portal_http: httpx.AsyncClient, destination: str, name: str
) -> None:
    owner, other, *_ = members

    async def ask(who: Member, ids: Any) -> httpx.Response:
        body = {"destination": destination, name: ids[name]}
        return await portal_http.post("/auth/sso-link", json=body, headers=who.bearer)

    foreign, missing = await ask(other, owner.ids), await ask(other, NEVER_WAS)
    assert told(foreign, owner.ids) == told(missing, NEVER_WAS)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "NOT_FOUND")
    assert (await ask(owner, owner.ids)).status_code == 200
