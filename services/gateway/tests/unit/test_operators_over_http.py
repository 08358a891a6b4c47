"""Operators over HTTP: signing in, seeing, and commands that only say what they would do until told otherwise."""

import pytest

from portal_contracts import drift, operator_access, provisioning, provisioning_requests, sim_lines, whmcs_orders
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.identity import LogOut, SessionRevoked
from portal_contracts.identity_processes import RetryAccountProcess
from portal_contracts.operators import OperatorCommand, OperatorOutcome, list_operator_actions
from portal_contracts.problems import Refused
from portal_contracts.topology_operators import answered_by_the_chassis
from portal_gateway.exchange import ANSWERING_ALIKE
from portal_gateway.routes import OPERATIONS

ORDER = "801000000000001AAA"
WHY = {"reason": "The customer called"}
SIGN_IN = {"email": "satoko@staff.example", "password": "a-long-and-fake-passphrase", "code": "000000"}
TOKEN = "example-token-0000000000000000"


async def test_an_operator_signs_in_with_password_and_code(portal, visitor):
    answer = await visitor.post("/operator/session", json=SIGN_IN)
    assert (answer.status_code, set(answer.json())) == (200, {"userId", "expiresAt"})
    assert answer.headers["cache-control"] == "no-store"
    cookies = answer.headers.get_list("set-cookie")
    assert [cookie.split("=")[0] for cookie in cookies] == ["portal_session", "portal_csrf"]
    assert ["HttpOnly" in cookie for cookie in cookies] == [True, False]
    asked = portal.asked(operator_access.OpenOperatorSession)[0]
    assert (asked.email, asked.code, asked.client_address) == ("satoko@staff.example", "000000", "192.0.2.7")


@pytest.mark.parametrize("code", [None, "", "12345", "1234567", "12345x", "１２３４５６", 123456])
async def test_there_is_no_way_in_without_a_code_of_six_digits(portal, visitor, code):  # D19
    body = {**SIGN_IN, "code": code} if code is not None else {k: v for k, v in SIGN_IN.items() if k != "code"}
    answer = await visitor.post("/operator/session", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "code")
    assert portal.bus.asked == []


async def test_a_customer_who_signs_in_as_operator_ends_the_customers_session(portal, browser):
    assert (await browser.post("/operator/session", json=SIGN_IN)).is_success
    assert len(portal.asked(LogOut)) == 1
    portal.bus.reply(operator_access.OpenOperatorSession, Refused("CREDENTIALS_WRONG"))
    assert (await browser.post("/operator/session", json=SIGN_IN)).status_code == 401
    assert len(portal.asked(LogOut)) == 1, "who fails keeps the session there was"


async def test_an_operator_signs_out_everywhere(portal, operator):
    answer = await operator.delete("/operator/session")
    assert answer.status_code == 204
    assert all("Max-Age=0" in cookie for cookie in answer.headers.get_list("set-cookie"))
    asked = portal.bus.asked[-1]
    assert isinstance(asked.message, LogOut)
    assert portal.verifier.verify(asked.actor).operator == "satoko@staff.example"


async def test_access_that_is_taken_ends_at_once(portal, operator):  # R277
    assert (await operator.get("/operator/drift")).is_success
    portal.identity.sessions.clear()
    await portal.bus.hint(SessionRevoked(session_id="session-satoko"))
    assert (await operator.get("/operator/drift")).json()["code"] == "SESSION_EXPIRED"


async def test_an_enrolment_shows_its_seed_once_and_ends_signed_in(portal, visitor):
    begun = await visitor.post("/operator/enrolment/begin", json={"token": TOKEN})
    assert set(begun.json()) == {"email", "secret", "uri"}
    assert (begun.headers["cache-control"], begun.headers["pragma"]) == ("no-store", "no-cache")
    form = {"token": TOKEN, "password": "a-long-and-fake-passphrase", "code": "000000"}
    finished = await visitor.post("/operator/enrolment/finish", json=form)
    assert (finished.status_code, set(finished.json())) == (200, {"userId", "expiresAt"})
    assert len(finished.headers.get_list("set-cookie")) == 2
    portal.bus.reply(operator_access.BeginOperatorEnrolment, Refused("ENROLMENT_INVALID"))
    assert (await visitor.post("/operator/enrolment/begin", json={"token": TOKEN})).status_code == 409


COMMANDS = [one for one in OPERATIONS if issubclass(one.message, OperatorCommand)]
NEEDED = {
    drift.RepairDrift: {"driftId": "drift-1"},
    RetryAccountProcess: {"kind": "signup", "processKey": "signup-1"},
    sim_lines.CloseLineChange: {"happened": True},
    sim_lines.AdoptLine: {"line": "07000000001", "serviceId": 7001},
    whmcs_orders.LinkWhmcsOrder: {"whmcsOrderId": 7},
    operator_access.GrantOperator: {
        "email": "jiro@staff.example",
        "roles": ["operator_viewer"],
        "approvedBy": "hanae@staff.example",
    },
    operator_access.RevokeOperator: {"email": "jiro@staff.example"},
}


def path_of(operation):
    path = (
        operation.path.replace("{orderId}", ORDER)
        .replace("{changeId}", f"{1:032x}")
        .replace("{cancellationId}", f"{2:032x}")
    )
    return path.replace("{service}", "billing").replace("{id}", "7")


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda one: one.name)
async def test_a_command_is_a_dry_run_unless_it_says_otherwise(portal, operator, operation):
    body = {**NEEDED.get(operation.message, {}), **WHY}
    key = {"Idempotency-Key": "wish-0000001"}
    for more in ({}, {"dryRun": True}, {"dryRun": False}):
        answer = await operator.post(path_of(operation), json={**body, **more}, headers=key)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    asked = [ask.message for ask in portal.bus.asked if isinstance(ask.message, OperatorCommand)]
    assert [command.dry_run for command in asked] == [True, True, False]
    assert {(command.request_id, command.reason) for command in asked} == {("wish-0000001", WHY["reason"])}
    assert portal.verifier.verify(portal.bus.asked[-1].actor).roles == ("operator_tech_lead",)


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda one: one.name)
async def test_a_command_without_a_reason_is_refused(portal, operator, operation):
    answer = await operator.post(path_of(operation), json=NEEDED.get(operation.message, {}))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reason")


async def test_without_a_key_every_command_is_one_of_its_own(portal, operator):
    for _ in range(2):
        await operator.post(f"/operator/provisioning/{ORDER}/retry", json=WHY)
    first, second = portal.asked(provisioning.RetryProvisioning)
    assert first.request_id != second.request_id


async def test_the_path_says_what_is_acted_on_and_nothing_in_the_body_does(portal, operator):
    planted = {"orderId": "801000000000002AAA", "order_id": "801000000000002AAA", **WHY}
    await operator.post("/operator/provisioning/801000000000001/cancel", json=planted)
    assert portal.asked(provisioning.CancelProvisioning)[0].order_id == ORDER
    await operator.post("/operator/orders/dead-letters/7/discard", json={"id": 8, **WHY})
    assert portal.asked(dead_letter_messages("orders").discard)[0].id == 7
    answer = await operator.post("/operator/provisioning/no-order/cancel", json=WHY)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_list_is_narrowed_by_the_query(portal, operator):
    query = "status=blocked&code=PAYMENT_METHOD_MISSING&standingLongerThanSeconds=3600&limit=5&unknown=1"
    assert (await operator.get(f"/operator/provisioning?{query}")).is_success
    asked = portal.asked(provisioning.ListProvisioning)[0]
    assert (asked.status, asked.code, asked.limit) == ("blocked", "PAYMENT_METHOD_MISSING", 5)
    assert asked.standing_longer_than_seconds == 3600
    for wrong in ("status=lost", "limit=0", "limit=501", "limit=x", "limit=1&limit=2", "afterOrderId=x"):
        assert (await operator.get(f"/operator/provisioning?{wrong}")).status_code == 422, wrong


@pytest.mark.parametrize("service", ANSWERING_ALIKE)
async def test_every_service_is_asked_for_its_own_dead_letters_and_actions(portal, operator, service):
    letters = dead_letter_messages(service)
    assert (await operator.get(f"/operator/{service}/dead-letters?state=replayed")).is_success
    assert (await operator.get(f"/operator/{service}/dead-letters/7")).is_success
    assert (await operator.post(f"/operator/{service}/dead-letters/7/replay", json=WHY)).is_success
    assert (await operator.get(f"/operator/{service}/actions?target={ORDER}&beforeId=9")).is_success
    assert portal.asked(letters.list)[0].state == "replayed"
    assert (portal.asked(letters.show)[0].id, portal.asked(letters.replay)[0].id) == (7, 7)
    actions = portal.asked(list_operator_actions(service))[0]
    assert (actions.target, actions.before_id, actions.subject) == (ORDER, 9, f"{service}.operator_action.list.v1")


def test_every_message_all_services_answer_alike_has_a_path(portal):
    assert set(answered_by_the_chassis()) <= set(portal.messages())


@pytest.mark.parametrize("service", ["gateway", "nobody", "..", "ORDERS", "orders.x", "*"])
async def test_a_service_that_has_none_is_not_asked(portal, operator, service):
    for path in ("dead-letters", "dead-letters/7", "actions"):
        answer = await operator.get(f"/operator/{service.replace('.', '%2e')}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert [ask.message.subject for ask in portal.bus.asked] in ([], ["identity.actor.mint.v1"])


async def test_fixed_words_win_over_ids(portal, operator):
    await operator.get("/operator/orders/dead-letters")
    await operator.get("/operator/orders/actions")
    await operator.get(f"/operator/orders/{ORDER}")
    assert len(portal.asked(dead_letter_messages("orders").list)) == 1
    assert len(portal.asked(list_operator_actions("orders"))) == 1
    assert [query.order_id for query in portal.asked(provisioning_requests.ReadOrderFile)] == [ORDER]


async def test_a_grants_token_is_kept_by_nobody(portal, operator):
    granted = operator_access.OperatorGranted(carried_out=True, changes=["Granted"], enrolment_token=TOKEN)
    portal.bus.reply(operator_access.GrantOperator, granted)
    body = {**NEEDED[operator_access.GrantOperator], "dryRun": False, **WHY}
    answer = await operator.post("/operator/operators/grant", json=body)
    assert answer.json() == {"carriedOut": True, "changes": ["Granted"], "enrolmentToken": TOKEN}
    assert answer.headers["cache-control"] == "no-store"


async def test_what_is_refused_is_told_in_words(portal, operator):
    portal.bus.reply(provisioning.CancelProvisioning, Refused("PROVISIONING_PAST_PIVOT"))
    answer = await operator.post(f"/operator/provisioning/{ORDER}/cancel", json=WHY)
    assert (answer.status_code, answer.json()["code"]) == (409, "PROVISIONING_PAST_PIVOT")


async def test_what_would_be_done_is_told(portal, operator):
    portal.bus.reply(
        provisioning.RetryProvisioning, OperatorOutcome(carried_out=False, changes=["Attempt 2 would be opened."])
    )
    answer = await operator.post(f"/operator/provisioning/{ORDER}/retry", json=WHY)
    assert answer.json() == {"carriedOut": False, "changes": ["Attempt 2 would be opened."]}
