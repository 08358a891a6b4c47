"""What is sensitive wants a proof that is not old, and an API token may what its scopes say (architecture §9)."""

from dataclasses import replace
from typing import get_args

import pytest

from portal_contracts.examples import example_of
from portal_contracts.identity import OpenedSession
from portal_contracts.identity_api_tokens import SCOPE_ROLE, ApiScope
from portal_contracts.identity_passkeys import LogInWithPasskey
from portal_contracts.identity_sessions import LogOutEverywhere, StepUp
from portal_gateway.routes import OPERATIONS

SENSITIVE = [operation for operation in OPERATIONS if operation.step_up]
CUSTOMERS = [
    operation
    for operation in OPERATIONS
    if operation.audience == "customer" and not operation.step_up and operation.media_type == "application/json"
]
ID = "5d1f7c1e-0000-4000-8000-000000000001"


def path_of(operation):
    path = operation.path
    for name in operation.path_parameters:
        values = {"orderId": "801000000000001AAA", "caseId": "801000000000001AAA"}
        values |= {"commodity": "internet", "sku": "VPN-US", "changeId": f"{1:032x}"}
        path = path.replace(f"{{{name}}}", values.get(name, ID))
    return path.replace(ID, "7") if any(part in path for part in ("invoices/", "subscriptions/", "services/")) else path


async def send(client, operation, **headers):
    body = example_of(operation.body) if operation.body is not None else None
    return await client.request(operation.method, path_of(operation), json=body, headers=headers)


def test_links_into_whmcs_codes_and_the_address_are_sensitive():
    names = {operation.name for operation in SENSITIVE}
    assert {
        "POST /auth/sso-link",
        "PUT /billing/profile/address",
        "POST /orders/{orderId}/esim-code",
        "POST /subscriptions/{serviceId}/reissue-esim",
        "POST /subscriptions/{serviceId}/esim-code",
        "POST /me/email",
        "POST /me/api-tokens",
        "DELETE /me/authenticator",
    } <= names


@pytest.mark.parametrize("operation", SENSITIVE, ids=lambda operation: operation.name)
async def test_what_is_sensitive_wants_a_proof_that_is_not_old(portal, browser, operation):
    portal.clock.moved += 890
    assert (await send(browser, operation)).is_success
    portal.clock.moved += 20
    portal.bus.asked.clear()
    answer = await send(browser, operation)
    assert (answer.status_code, answer.json()["code"]) == (403, "STEP_UP_REQUIRED")
    assert [ask.message.subject for ask in portal.bus.asked if ask.message.subject != "identity.actor.mint.v1"] == []


async def test_a_proof_gives_the_page_other_tokens_and_forgets_the_old_ones(portal, browser):
    await browser.get("/me")
    answer = await browser.post("/auth/step-up", json={"password": "a-long-and-fake-passphrase"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"userId", "expiresAt"}, "tokens leave in cookies alone"
    fresh = example_of(OpenedSession)["sessionToken"]
    assert any(fresh in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert "session-hanako" not in portal.gateway.sessions._keys
    (command,) = portal.asked(StepUp)
    assert command.client_address == "192.0.2.7"


async def test_log_out_everywhere_deletes_the_cookies(portal, browser):
    answer = await browser.post("/auth/logout-everywhere")
    assert answer.status_code == 204
    assert all("Max-Age=0" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert len(portal.asked(LogOutEverywhere)) == 1


async def test_a_passkey_opens_a_session_with_cookies(portal, visitor):
    body = {"answer": {"challengeId": "challenge-0000000000000000", "credential": {"id": "x"}}}
    answer = await visitor.post("/auth/passkey", json=body)
    assert answer.status_code == 200
    assert len(answer.headers.get_list("set-cookie")) == 3
    (command,) = portal.asked(LogInWithPasskey)
    assert command.answer.credential == {"id": "x"}


@pytest.fixture
def api_token(portal):
    """Give a function that opens an API token with these scopes."""

    def made(*scopes):
        token = portal.identity.open("program")
        roles = ("customer", *(f"{SCOPE_ROLE}{scope}" for scope in scopes))
        portal.identity.sessions[token] = replace(portal.identity.sessions[token], roles=roles)
        return {"Authorization": f"Bearer {token}"}

    return made


def test_every_scope_an_operation_wants_can_be_had():
    assert {operation.api_scope for operation in CUSTOMERS} - {None} <= set(get_args(ApiScope))


@pytest.mark.parametrize(
    "operation",
    [one for one in CUSTOMERS if one.media_type == "application/json"],
    ids=lambda operation: operation.name,
)
async def test_an_api_token_may_what_its_scopes_say_and_nothing_else(portal, visitor, api_token, operation):
    wanted = operation.api_scope
    others = [scope for scope in get_args(ApiScope) if scope != wanted]
    refused = await send(visitor, operation, **api_token(*others))
    assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING" if wanted else "FORBIDDEN")
    portal.gateway.sessions.forget("session-program")
    if wanted:
        assert (await send(visitor, operation, **api_token(wanted))).is_success


@pytest.mark.parametrize("operation", SENSITIVE, ids=lambda operation: operation.name)
async def test_no_scope_opens_what_is_sensitive(visitor, api_token, operation):
    answer = await send(visitor, operation, **api_token(*get_args(ApiScope)))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_an_operators_door_stays_shut_for_api_tokens(visitor, api_token):
    answer = await visitor.get("/operator/operators", headers=api_token(*get_args(ApiScope)))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
