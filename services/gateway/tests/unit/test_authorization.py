"""Every operation of the API against every kind of stranger: the table is complete or the suite fails."""

import pytest

from portal_contracts.examples import example_of
from portal_contracts.identity import SessionRevoked
from portal_contracts.operators import ROLES
from portal_gateway.routes import OPERATIONS

ANYBODY, CUSTOMER, OPERATOR, SIGNED = "anybody", "customer", "operator", "signed"
"""Who may: anybody, customers, operators, those whose roles grant a permission, or who signs the call."""
WHO_MAY = {
    "GET /catalog": ANYBODY,
    "GET /catalog/{sku}": ANYBODY,
    "GET /catalog/personalized": CUSTOMER,
    "POST /operator/catalog/clear": "catalog.act",
    "POST /auth/signup": ANYBODY,
    "POST /auth/signup/confirm": ANYBODY,
    "GET /auth/signup/form": ANYBODY,
    "POST /auth/link": ANYBODY,
    "POST /auth/link/confirm": ANYBODY,
    "POST /auth/login": ANYBODY,
    "POST /auth/logout": CUSTOMER,
    "POST /auth/password/request-reset": ANYBODY,
    "POST /auth/password/reset": ANYBODY,
    "POST /auth/password": CUSTOMER,
    "GET /me": CUSTOMER,
    "GET /me/sessions": CUSTOMER,
    "DELETE /me/sessions/{sessionId}": CUSTOMER,
    "POST /auth/logout-everywhere": CUSTOMER,
    "POST /auth/step-up": CUSTOMER,
    "GET /me/security-events": CUSTOMER,
    "POST /me/email": CUSTOMER,
    "POST /auth/email/confirm": ANYBODY,
    "GET /me/second-factors": CUSTOMER,
    "POST /me/authenticator/begin": CUSTOMER,
    "POST /me/authenticator": CUSTOMER,
    "DELETE /me/authenticator": CUSTOMER,
    "POST /me/recovery-codes": CUSTOMER,
    "POST /me/passkeys/begin": CUSTOMER,
    "POST /me/passkeys": CUSTOMER,
    "DELETE /me/passkeys/{passkeyId}": CUSTOMER,
    "POST /auth/passkey/begin": ANYBODY,
    "POST /auth/passkey": ANYBODY,
    "GET /me/verification": CUSTOMER,
    "POST /me/verification/{commodity}/documents": CUSTOMER,
    "POST /me/verification/{commodity}/identity-check": CUSTOMER,
    "POST /auth/verification": CUSTOMER,
    "GET /me/export": CUSTOMER,
    "GET /me/deletion": CUSTOMER,
    "POST /me/deletion": CUSTOMER,
    "DELETE /me/deletion": CUSTOMER,
    "GET /operator/deletions": "action.read",
    "GET /me/api-tokens": CUSTOMER,
    "POST /me/api-tokens": CUSTOMER,
    "DELETE /me/api-tokens/{tokenId}": CUSTOMER,
    "POST /auth/sso-link": CUSTOMER,
    "POST /orders": CUSTOMER,
    "GET /checkouts/{checkoutId}": CUSTOMER,
    "GET /orders": CUSTOMER,
    "GET /orders/{orderId}": CUSTOMER,
    "GET /orders/{orderId}/timeline": CUSTOMER,
    "GET /orders/{orderId}/events": CUSTOMER,
    "GET /billing/profile": CUSTOMER,
    "PUT /billing/profile": CUSTOMER,
    "PUT /billing/profile/address": CUSTOMER,
    "GET /billing/payment-methods": CUSTOMER,
    "GET /billing/payment-methods/summary": CUSTOMER,
    "GET /billing/gateways": CUSTOMER,
    "GET /billing/invoices": CUSTOMER,
    "GET /billing/invoices/{invoiceId}": CUSTOMER,
    "GET /subscriptions": CUSTOMER,
    "GET /subscriptions/{serviceId}": CUSTOMER,
    "GET /subscriptions/{serviceId}/invoices": CUSTOMER,
    "GET /services/{serviceId}": CUSTOMER,
    "GET /subscriptions/{serviceId}/sim": CUSTOMER,
    "GET /subscriptions/{serviceId}/usage": CUSTOMER,
    "GET /subscriptions/{serviceId}/changes": CUSTOMER,
    "GET /line-changes/{changeId}": CUSTOMER,
    "POST /subscriptions/{serviceId}/topup": CUSTOMER,
    "POST /subscriptions/{serviceId}/reissue-esim": CUSTOMER,
    "POST /subscriptions/{serviceId}/voice-options": CUSTOMER,
    "POST /subscriptions/{serviceId}/network": CUSTOMER,
    "POST /subscriptions/{serviceId}/esim-code": CUSTOMER,
    "GET /subscriptions/{serviceId}/cancellation/preview": CUSTOMER,
    "POST /subscriptions/{serviceId}/cancellation": CUSTOMER,
    "GET /subscriptions/{serviceId}/cancellation": CUSTOMER,
    "DELETE /subscriptions/{serviceId}/cancellation": CUSTOMER,
    "GET /subscriptions/{serviceId}/plan-change/{sku}": CUSTOMER,
    "POST /subscriptions/{serviceId}/plan-change": CUSTOMER,
    "GET /operator/line-changes": "provisioning.read",
    "POST /operator/line-changes/{changeId}/close": "provisioning.act",
    "POST /operator/orders/{orderId}/adopt-line": "provisioning.act",
    "POST /operator/line-endings/{cancellationId}/close": "provisioning.act",
    "GET /operator/account-processes": "provisioning.read",
    "POST /operator/account-processes/retry": "provisioning.act",
    "POST /hooks/whmcs": ANYBODY,
    "GET /support/cases": CUSTOMER,
    "POST /support/cases": CUSTOMER,
    "GET /support/cases/{caseId}": CUSTOMER,
    "POST /support/cases/{caseId}/comments": CUSTOMER,
    "POST /support/cases/{caseId}/reopen": CUSTOMER,
    "POST /support/cases/{caseId}/files": CUSTOMER,
    "GET /support/cases/{caseId}/files/{fileId}": CUSTOMER,
    "GET /me/mail-preferences": CUSTOMER,
    "PUT /me/mail-preferences": CUSTOMER,
    "POST /hooks/sendgrid": ANYBODY,
    "GET /operator/mails": "mail.read",
    "POST /operator/mails/{mailId}/send-again": "mail.act",
    "POST /orders/{orderId}/provision": SIGNED,
    "POST /orders/{orderId}/recheck": CUSTOMER,
    "POST /orders/{orderId}/withdraw": CUSTOMER,
    "GET /eligibility": CUSTOMER,
    "POST /eligibility": CUSTOMER,
    "POST /eligibility/dispute": CUSTOMER,
    "PUT /carts/{cartId}": ANYBODY,
    "GET /cart": CUSTOMER,
    "POST /orders/{orderId}/porting": CUSTOMER,
    "POST /orders/{orderId}/esim-code": CUSTOMER,
    "POST /operator/session": ANYBODY,
    "DELETE /operator/session": OPERATOR,
    "POST /operator/enrolment/begin": ANYBODY,
    "POST /operator/enrolment/finish": ANYBODY,
    "GET /operator/operators": "operator.manage",
    "POST /operator/operators/grant": "operator.manage",
    "POST /operator/operators/revoke": "operator.manage",
    "GET /operator/provisioning": "provisioning.read",
    "GET /operator/provisioning/{orderId}": "provisioning.read",
    "POST /operator/provisioning/{orderId}/retry": "provisioning.act",
    "POST /operator/provisioning/{orderId}/cancel": "provisioning.act",
    "POST /operator/provisioning/{orderId}/activate-now": "provisioning.act",
    "GET /operator/orders/{orderId}": "provisioning.read",
    "GET /operator/whmcs-orders/{orderId}": "provisioning.read",
    "POST /operator/whmcs-orders/{orderId}/link": "billing_order.act",
    "POST /operator/whmcs-orders/{orderId}/retry": "billing_order.act",
    "POST /operator/whmcs-orders/{orderId}/cancel": "billing_order.act",
    "GET /operator/drift": "drift.read",
    "POST /operator/drift/compare": "drift.act",
    "POST /operator/drift/rebuild-orders": "drift.act",
    "POST /operator/drift/repair": "drift.act",
    "GET /operator/{service}/dead-letters": "dead_letter.read",
    "GET /operator/{service}/dead-letters/{id}": "dead_letter.read",
    "POST /operator/{service}/dead-letters/{id}/replay": "dead_letter.act",
    "POST /operator/{service}/dead-letters/{id}/discard": "dead_letter.act",
    "GET /operator/{service}/actions": "action.read",
    "GET /operator/{service}/setup": "setup.read",
}
PATHS = {
    "{sku}": "VPN-US",
    "{checkoutId}": "c-1",
    "{orderId}": "801000000000001AAA",
    "{cartId}": "cart-0001",
    "{invoiceId}": "7",
    "{changeId}": f"{1:032x}",
    "{cancellationId}": f"{2:032x}",
    "{serviceId}": "8",
    "{caseId}": "500000000000001AAA",
    "{fileId}": "069000000000001AAA",
    "{commodity}": "internet",
    "{sessionId}": "5d1f7c1e-0000-4000-8000-000000000001",
    "{passkeyId}": "5d1f7c1e-0000-4000-8000-000000000002",
    "{tokenId}": "5d1f7c1e-0000-4000-8000-000000000003",
    "{mailId}": "welcome:001000000000001AAA",
    "{service}": "billing",
    "{id}": "7",
}
POSTED = {
    "POST /hooks/whmcs": {
        "X-Portal-Event-Id": "0f6f1c1e-6b1f-4f0e-9d8e-0a1b2c3d4e5f",
        "X-Portal-Timestamp": "1767225600",
        "X-Portal-Signature": "v1=" + "0" * 64,
    },
    "POST /hooks/sendgrid": {
        "X-Twilio-Email-Event-Webhook-Signature": "MEUCIQCexample==",
        "X-Twilio-Email-Event-Webhook-Timestamp": "1767225600",
    },
}
"""What a vendor's server sends along: the service that owns the vendor verifies it."""
CUSTOMERS = [name for name, who in WHO_MAY.items() if who == CUSTOMER]
OPERATORS = [name for name, who in WHO_MAY.items() if who not in {ANYBODY, CUSTOMER, SIGNED}]
WITH_PERMISSION = [name for name in OPERATORS if WHO_MAY[name] != OPERATOR]
PRIVATE = [*CUSTOMERS, *OPERATORS]
WRITES = [name for name, who in WHO_MAY.items() if not name.startswith("GET") and who != SIGNED]
PRIVATE_WRITES = [name for name in PRIVATE if name in WRITES]
BODIES = {operation.name: example_of(operation.body) for operation in OPERATIONS if operation.body is not None}


async def send(client, name, *, extra=None, **headers):
    method, path = name.split(" ")
    for placeholder, value in PATHS.items():
        path = path.replace(placeholder, value)
    body = {**BODIES.get(name, {}), **extra} if extra else BODIES.get(name)
    return await client.request(method, path, json=body, headers={**POSTED.get(name, {}), **headers})


def refused_with(answer, status, code):
    return (answer.status_code, answer.json()["code"]) == (status, code)


def asked_beyond_identity(portal):
    return [ask.message.subject for ask in portal.bus.asked if ask.message.subject != "identity.actor.mint.v1"]


@pytest.fixture
async def owner(portal, name):
    """Give a page of whoever may do the operation `name` of the test."""
    async with portal.operator() if name in OPERATORS else portal.browser() as client:
        yield client


def test_every_operation_has_a_row():
    assert {operation.name for operation in OPERATIONS} == set(WHO_MAY)
    assert {operation.name for operation in OPERATIONS if operation.needs_session} == set(PRIVATE)
    signed = {operation.name for operation in OPERATIONS if operation.signed}
    assert signed == {name for name, who in WHO_MAY.items() if who == SIGNED}


def test_every_permission_is_the_one_of_the_table():
    permissions = {one.name: one.permission for one in OPERATIONS if one.permission is not None}
    assert permissions == {name: WHO_MAY[name] for name in WITH_PERMISSION}


def test_every_operation_of_the_document_has_a_row(document):
    documented = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert documented == set(WHO_MAY)


@pytest.mark.parametrize("name", PRIVATE)
async def test_a_stranger_is_asked_to_log_in(portal, visitor, name):
    assert refused_with(await send(visitor, name), 401, "SESSION_REQUIRED")
    assert portal.bus.asked == []


@pytest.mark.parametrize("name", PRIVATE)
async def test_an_expired_session_is_refused(portal, owner, name):
    portal.identity.sessions.clear()
    assert refused_with(await send(owner, name), 401, "SESSION_EXPIRED")
    assert asked_beyond_identity(portal) == []


@pytest.mark.parametrize("name", PRIVATE)
async def test_a_session_that_was_revoked_is_refused_though_it_was_known(portal, owner, name):
    await send(owner, "GET /me")
    (actor,) = portal.identity.sessions.values()
    portal.identity.sessions.clear()
    portal.bus.asked.clear()
    await portal.bus.hint(SessionRevoked(session_id=actor.session_id))
    assert refused_with(await send(owner, name), 401, "SESSION_EXPIRED")
    assert asked_beyond_identity(portal) == []


@pytest.mark.parametrize("name", PRIVATE_WRITES)
async def test_a_state_change_without_the_csrf_token_is_refused(portal, owner, name):
    for token in ("", "wrong", "csrf-for-session-token-of-taro", owner.headers["X-CSRF-Token"][:-1]):
        assert refused_with(await send(owner, name, **{"X-CSRF-Token": token}), 403, "CSRF_REFUSED"), token
    assert asked_beyond_identity(portal) == []


@pytest.mark.parametrize("name", WRITES)
async def test_a_state_change_from_another_site_is_refused(portal, owner, name):
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8080.evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "ftp://127.0.0.1:8080"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert refused_with(await send(owner, name, **headers), 403, "CSRF_REFUSED"), headers
    assert asked_beyond_identity(portal) == []


@pytest.mark.parametrize("name", PRIVATE_WRITES)
async def test_a_browser_that_does_not_say_where_it_comes_from_is_refused(portal, owner, name):
    del owner.headers["Origin"]
    assert refused_with(await send(owner, name), 403, "CSRF_REFUSED")
    assert (await send(owner, name, **{"Sec-Fetch-Site": "same-origin"})).is_success


@pytest.mark.parametrize("name", PRIVATE_WRITES)
async def test_a_program_with_a_bearer_token_needs_no_csrf_token(portal, visitor, name):
    token = portal.identity.open_operator("operator_tech_lead") if name in OPERATORS else portal.identity.open()
    assert (await send(visitor, name, Authorization=f"Bearer {token}")).is_success


@pytest.mark.parametrize("name", [name for name, who in WHO_MAY.items() if "events" not in name and who != SIGNED])
async def test_who_may_do_it_can(owner, name):
    assert (await send(owner, name)).is_success


@pytest.mark.parametrize("name", OPERATORS)
async def test_a_customer_is_no_operator(portal, browser, name):
    assert refused_with(await send(browser, name), 403, "FORBIDDEN")
    assert asked_beyond_identity(portal) == []


@pytest.mark.parametrize("name", CUSTOMERS)
async def test_an_operator_is_no_customer(portal, operator, name):
    assert refused_with(await send(operator, name), 403, "FORBIDDEN")
    assert asked_beyond_identity(portal) == []


@pytest.mark.parametrize("role", [*ROLES, "operator_of_tomorrow", "customer", "admin"])
async def test_an_operator_may_what_the_roles_grant_and_nothing_else(portal, role):  # R276
    async with portal.operator(role) as client:
        for name in WITH_PERMISSION:
            portal.bus.asked.clear()
            answer = await send(client, name)
            if WHO_MAY[name] in ROLES.get(role, ()):
                assert answer.is_success, name
                continue
            assert refused_with(answer, 403, "OPERATOR_FORBIDDEN"), name
            assert WHO_MAY[name] in answer.json()["detail"]
            assert asked_beyond_identity(portal) == []


async def test_a_signature_opens_no_door_but_its_own(signing, signed):
    gate = signing()
    async with gate.visitor(**signed().headers(gate.clock.now())) as client:
        for name in PRIVATE:
            assert refused_with(await send(client, name), 401, "SESSION_REQUIRED"), name
    assert gate.bus.asked == []


@pytest.mark.parametrize("who", ["visitor", "browser", "operator"])
async def test_no_session_stands_for_a_signature(signing, who):
    gate = signing()
    async with getattr(gate, who)() as client:
        answer = await send(client, "POST /orders/{orderId}/provision")
    assert refused_with(answer, 400, "SIGNATURE_MALFORMED")
    assert gate.bus.asked == []


@pytest.mark.parametrize("name", [name for name in WRITES if name not in PRIVATE_WRITES])
async def test_what_anybody_may_do_needs_no_session(visitor, name):
    assert (await send(visitor, name)).is_success


async def test_the_page_may_be_opened_under_the_hosts_own_name(portal, browser):
    browser.headers["Host"] = "localhost:8080"
    assert (await send(browser, "POST /auth/sso-link", Origin="http://localhost:8080")).is_success
    assert (await send(browser, "POST /auth/sso-link", Origin="http://LOCALHOST:8080")).is_success
    assert not (await send(browser, "POST /auth/sso-link", Origin="http://localhost:9999")).is_success


@pytest.mark.parametrize("name", WRITES)
async def test_what_only_the_portal_decides_cannot_be_sent_along(portal, owner, name):  # mass assignment
    extra = {
        "role": "admin",
        "accountId": "001000000000009AAA",
        "account_id": "001000000000009AAA",
        "whmcsClientId": 9,
        "clientAddress": "9.9.9.9",
        "client_address": "9.9.9.9",
        "requestId": "planted-0001",
        "request_id": "planted-0001",
        "idempotencyKey": "planted-0001",
        "idempotency_key": "planted-0001",
        "price": 0,
        "unitPrice": 0,
    }
    assert (await send(owner, name, extra=extra)).is_success
    opens = ("POST /auth/login", "POST /auth/passkey", "POST /operator/session", "POST /operator/enrolment/finish")
    sent = portal.bus.asked[-1 if name not in opens else -2].message.model_dump_json()
    assert not any(planted in sent for planted in ("planted", "9.9.9.9", "009AAA", "admin"))
