"""What customers do themselves about an order that waits: look again, a new reservation, the eSIM code."""

import pytest

from portal_contracts import orders, provisioning, provisioning_requests
from portal_contracts.examples import example_of
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import Refused, TryLater

ORDER = "801000000000001AAA"
KEY = {"Idempotency-Key": "wish-0000001"}
PORTING = {**example_of(NumberPorting), "phoneNumber": "090-0000-0000", "oneStop": False}


@pytest.mark.parametrize("order", [ORDER, "801000000000001"])
async def test_i_have_done_it_wakes_the_order(portal, browser, order):  # §2.1
    answer = await browser.post(f"/orders/{order}/recheck", headers=KEY)
    assert (answer.status_code, answer.json()) == (202, {})
    asked = portal.asked(provisioning_requests.RecheckOrder)[0]
    assert (asked.order_id, asked.request_id) == (ORDER, "wish-0000001")


@pytest.mark.parametrize("what", ["recheck", "porting", "esim-code"])
async def test_a_foreign_order_is_not_found(portal, browser, what):
    for message in (
        provisioning_requests.RecheckOrder,
        provisioning_requests.ChangePorting,
        provisioning.RevealEsimCode,
    ):
        portal.bus.reply(message, Refused("NOT_FOUND"))
    for order in (ORDER, "no-order", "801000000000001AAB"):
        answer = await browser.post(f"/orders/{order}/{what}", json=PORTING)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), order


async def test_a_new_reservation_is_passed_on(portal, browser):  # D09
    answer = await browser.post(f"/orders/{ORDER}/porting", json=PORTING, headers=KEY)
    assert (answer.status_code, answer.json()) == (202, {})
    asked = portal.asked(provisioning_requests.ChangePorting)[0]
    assert (asked.order_id, asked.request_id) == (ORDER, "wish-0000001")
    assert (asked.porting.phone_number, asked.porting.reservation_number) == ("09000000000", "1100000000")


@pytest.mark.parametrize(
    ("changed", "code", "pointer"),
    [
        ({"reservationNumber": "110000000"}, "BAD_REQUEST", "#/reservationNumber"),
        ({"reservationNumber": "11000000000"}, "BAD_REQUEST", "#/reservationNumber"),
        ({"reservationNumber": None}, "PORTING_DATA_MISSING", "#"),
        ({"reservationExpiresOn": None}, "PORTING_DATA_MISSING", "#"),
        ({"reservationExpiresOn": "tomorrow"}, "BAD_REQUEST", "#/reservationExpiresOn"),
        ({"gender": "x"}, "BAD_REQUEST", "#/gender"),
        ({"familyName": ""}, "BAD_REQUEST", "#/familyName"),
    ],
)
async def test_a_reservation_of_another_form_is_refused_by_field(portal, browser, changed, code, pointer):
    answer = await browser.post(f"/orders/{ORDER}/porting", json={**PORTING, **changed})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert portal.asked(provisioning_requests.ChangePorting) == []


async def test_without_a_reservation_the_operators_fetch_it(portal, browser):
    body = {**PORTING, "oneStop": True, "reservationNumber": None, "reservationExpiresOn": None}
    assert (await browser.post(f"/orders/{ORDER}/porting", json=body)).status_code == 202


async def test_an_esim_code_is_shown_and_kept_by_nobody(portal, browser):  # D11
    answer = await browser.post(f"/orders/{ORDER}/esim-code", headers=KEY)
    shown = {"phoneNumber", "activationCode", "server", "matchingId", "shownUntil", "installLink", "guide"}
    assert set(answer.json()) == shown
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert "etag" not in answer.headers
    await browser.post(f"/orders/{ORDER}/esim-code", headers=KEY)
    assert [one.request_id for one in portal.asked(provisioning.RevealEsimCode)] == ["wish-0000001"] * 2


async def test_an_esim_code_is_in_no_trace_and_no_other_method_shows_it(portal, browser, spans):
    code = provisioning.EsimCode.model_validate(example_of(provisioning.EsimCode))
    secret = code.model_copy(update={"activation_code": "LPA:1$example$secret", "matching_id": "secret"})
    portal.bus.reply(provisioning.RevealEsimCode, secret)
    assert (await browser.post(f"/orders/{ORDER}/esim-code")).json()["matchingId"] == "secret"
    assert "secret" not in repr([(span.name, span.attributes) for span in spans.spans])
    for method in ("GET", "HEAD", "PUT"):
        assert (await browser.request(method, f"/orders/{ORDER}/esim-code")).status_code == 405


@pytest.mark.parametrize("code", ["STEP_UP_REQUIRED", "ESIM_CODE_NOT_READY", "ESIM_CODE_ALREADY_SHOWN"])
async def test_a_code_that_is_not_shown_says_why(portal, browser, code):
    portal.bus.reply(provisioning.RevealEsimCode, Refused(code))
    assert (await browser.post(f"/orders/{ORDER}/esim-code")).json()["code"] == code


async def test_orders_being_away_is_no_answer(portal, browser):
    portal.bus.reply(provisioning_requests.RecheckOrder, TryLater("SERVICE_UNAVAILABLE"))
    answer = await browser.post(f"/orders/{ORDER}/recheck")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_a_cart_brings_a_number_along_and_names_its_day(portal, browser):  # R105, R164
    line = {"reference": "sim", "sku": "SIM-VOICE-10", "porting": PORTING}
    cart = {"lines": [line], "activateAt": "2026-12-01T09:00:00+09:00"}
    assert (await browser.post("/orders", json=cart)).is_success
    asked = portal.asked(orders.CheckOut)[0]
    assert asked.lines[0].porting.phone_number == "09000000000"
    assert asked.activate_at.isoformat() == "2026-12-01T09:00:00+09:00"
    spoilt = {**line, "porting": {**PORTING, "bornOn": "1990-13-01"}}
    answer = await browser.post("/orders", json={"lines": [spoilt], "activateAt": "soon"})
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/lines/0/porting/bornOn", "#/activateAt"}


@pytest.mark.parametrize("code", ["SCHEDULE_INVALID", "PORTING_TOO_SHORT", "PORTING_NOT_OFFERED"])
async def test_a_day_or_a_reservation_that_does_not_do_is_told(portal, browser, code):
    portal.bus.reply(orders.CheckOut, Refused(code, facts={"days": 2, "needed": 5}))
    answer = await browser.post("/orders", json={"lines": [{"reference": "sim", "sku": "SIM-VOICE-10"}]})
    assert answer.json()["code"] == code
