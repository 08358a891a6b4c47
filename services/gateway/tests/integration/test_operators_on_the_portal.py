"""Operators and customers on the whole portal: who signs in how, who may act on what, and what is written down."""

import secrets

import pytest

from portal_contracts.examples import example_of
from portal_contracts.operators import ROLES
from portal_contracts.porting import NumberPorting
from portal_gateway.exchange import ANSWERING_ALIKE
from portal_local.demo.customer import Problem
from portal_local.operator_access import ensure_operator

ORDER = "801000000000001AAA"
WHY = {"reason": "A test of the gateway"}


@pytest.fixture
async def credentials(portal_stack):
    return await ensure_operator(portal_stack._stack.ground_laid())


@pytest.fixture
async def operator(portal_stack, portal_http, credentials):
    """The operators' page, signed in. A code works once, so a test may need the next one."""
    portal_http.headers["Origin"] = portal_stack.gateway_url
    for ahead in (0, 1, -1):
        body = {"email": credentials.email, "password": credentials.password, "code": credentials.code(ahead)}
        answer = await portal_http.post("/operator/session", json=body)
        if answer.is_success:
            break
    assert answer.status_code == 200, answer.text
    portal_http.headers["X-CSRF-Token"] = portal_http.cookies["portal_csrf"]
    return portal_http


async def test_an_operator_sees_and_does_and_is_written_down(operator, credentials, portal_http):
    """One journey, since codes of the second factor are few."""
    for path in ("/operator/provisioning", "/operator/drift", "/operator/operators"):
        answer = await operator.get(path)
        assert answer.status_code == 200, (path, answer.text)
    operators = (await operator.get("/operator/operators")).json()["operators"]
    assert credentials.email in {one["email"] for one in operators}
    for service in ANSWERING_ALIKE:
        answer = await operator.get(f"/operator/{service}/dead-letters")
        assert (answer.status_code, answer.json()["total"]) == (200, 0), (service, answer.text)
        assert (await operator.get(f"/operator/{service}/actions")).status_code == 200, service
    for path in (f"/operator/provisioning/{ORDER}", "/operator/billing/dead-letters/7"):
        assert (await operator.get(path)).json()["code"] == "NOT_FOUND", path

    # a refusal is written down too, a dry run changes nothing, a repeat is one
    answer = await operator.post(f"/operator/provisioning/{ORDER}/retry", json=WHY)
    assert answer.json()["code"] == "NOT_FOUND"
    actions = (await operator.get(f"/operator/fulfillment/actions?target={ORDER}")).json()["actions"]
    assert [(one["operator"], one["carriedOut"], one["result"]) for one in actions] == [
        (credentials.email, False, "NOT_FOUND")
    ]
    email = f"{secrets.token_hex(4)}@staff.example"
    grant = {"email": email, "roles": [next(iter(ROLES))], "approvedBy": credentials.email, **WHY}
    answer = await operator.post("/operator/operators/grant", json=grant)
    assert answer.status_code in {200, 409}, answer.text
    assert email not in (await operator.get("/operator/operators")).text

    # what is customers' is closed, and so is everything after signing out
    assert (await operator.get("/me")).json()["code"] == "FORBIDDEN"
    headers = {**operator.headers, "X-CSRF-Token": "wrong"}
    assert (await operator.post(f"/operator/provisioning/{ORDER}/retry", json=WHY, headers=headers)).status_code == 403
    kept = dict(operator.cookies)
    assert (await operator.delete("/operator/session")).status_code == 204
    portal_http.cookies.update(kept)
    assert (await operator.get("/operator/drift")).json()["code"] == "SESSION_EXPIRED"


async def test_a_customer_finds_every_operators_door_closed(shopper):
    for path in ("/operator/provisioning", "/operator/drift", "/operator/operators", "/operator/orders/actions"):
        with pytest.raises(Problem) as caught:
            await shopper.customer.get(path)
        assert (caught.value.status, caught.value.code) == (403, "FORBIDDEN"), path


async def test_customers_act_on_their_own_orders_and_nobody_elses(shoppers):  # §2.1, D11
    owner, stranger = await shoppers.somebody(), await shoppers.somebody()
    order_id = await owner.order_vpn()
    assert await owner.customer.post(f"/orders/{order_id}/recheck", {}, key="wish-0000001") == {}
    assert await owner.customer.post(f"/orders/{order_id}/recheck", {}, key="wish-0000001") == {}
    for path in ("recheck", "esim-code", "porting"):
        with pytest.raises(Problem) as caught:
            await stranger.customer.post(f"/orders/{order_id}/{path}", example_of(NumberPorting))
        assert (caught.value.status, caught.value.code) == (404, "NOT_FOUND"), path
    with pytest.raises(Problem) as caught:
        await owner.customer.post(f"/orders/{order_id}/esim-code", {})
    assert caught.value.code in {"ESIM_CODE_NOT_READY", "NOT_FOUND"}, "a VPN has none"
