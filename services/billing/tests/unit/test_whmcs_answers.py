"""What an answer means, and what may still leave (reference/whmcs.md 1.3–1.5, rule 4)."""

import json
from pathlib import Path

import pytest

from portal_billing.whmcs_answer import Interrupted, WhmcsRefusal, understand
from portal_billing.whmcs_departure import Departure, TooLate
from portal_billing.whmcs_fields import load_fields
from portal_billing.whmcs_parse import BadAnswer
from portal_billing.whmcs_sign_on import target
from portal_chassis.deadline import Deadline
from portal_chassis.testing import ManualClock
from portal_contracts.problems import Misconfigured

SEND = "http11.send_request_headers.started"


def answer(body, status=200, retry_after=""):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return understand("GetInvoice", status, retry_after, content)


@pytest.mark.parametrize(
    "body", [{"result": "success"}, {"status": "Success"}, {"result": "success", "status": "Paid"}]
)
def test_success_stands_in_the_body(body):
    assert answer(body) == body


def test_a_business_error_with_status_200_is_a_refusal_with_single_spaces():
    refusal = answer({"result": "error", "message": "You did not enter your  address line 1"})
    assert isinstance(refusal, WhmcsRefusal)
    assert refusal.message == "You did not enter your address line 1"


@pytest.mark.parametrize(
    "message",
    [
        "Authentication Failed",
        "Invalid or missing credentials",
        "Invalid IP 203.0.113.7",
        "IP Banned",
        "Access Denied",
        'Invalid Permissions: API action "getinvoices" is not allowed',
        'Invalid API Action: "x" is not a valid API action',
    ],
)
@pytest.mark.parametrize("status", [200, 403])
def test_access_problems_are_our_set_up_whatever_the_status(message, status):
    with pytest.raises(Misconfigured, match="WHMCS_MISCONFIGURED"):
        answer({"result": "error", "message": message}, status)


@pytest.mark.parametrize("status", [401, 404, 405])
def test_a_wrong_address_is_our_set_up(status):
    with pytest.raises(Misconfigured):
        answer(b"<html>", status)


@pytest.mark.parametrize(
    "body", [b"", b"<html>maintenance", b'{"result":"succ', b"[]", b'"x"', b"{}", b'{"invoices":[]}']
)
def test_nonsense_is_never_an_answer(body):
    with pytest.raises(BadAnswer):
        answer(body)


@pytest.mark.parametrize("status", [301, 302, 400, 403, 418])
def test_another_status_without_words_is_nonsense(status):
    with pytest.raises(BadAnswer):
        answer(b"<html>", status)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_leaves_open_what_was_done(status):
    with pytest.raises(Interrupted) as told:
        answer({"result": "error", "message": "Client Not Found"}, status)
    assert not told.value.nothing_done


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("", None), ("soon", None), ("999999", 3600)])
def test_too_many_requests_were_certainly_not_carried_out(header, seconds):
    with pytest.raises(Interrupted) as told:
        answer(b"", 429, header)
    assert (told.value.nothing_done, told.value.retry_after) == (True, seconds)


async def test_a_write_leaves_before_its_time_is_up_and_not_after():
    clock = ManualClock()
    departure = Departure(clock, clock.monotonic() + 10, None)
    await departure("connection.connect_tcp.started", {})
    assert not departure.left
    clock.advance(9.9)
    await departure(SEND, {})
    assert departure.left
    clock.advance(0.1)
    late = Departure(clock, clock.monotonic(), None)
    with pytest.raises(TooLate):
        await late(SEND, {})
    assert not late.left


async def test_a_write_nobody_waits_for_does_not_leave():
    with pytest.raises(TooLate):
        await Departure(ManualClock(), None, Deadline.after(-1))(SEND, {})


def test_the_sandboxs_fields_are_the_documented_ones():
    fields = load_fields(Path(__file__).parents[2] / "whmcs_fields.sandbox.toml")
    assert fields.customer_number == 198
    assert (fields.product(202).marker, fields.product(202).eid) == (1202, 2202)
    assert fields.product(299).marker is None


@pytest.mark.parametrize(
    "text", ["", "customer_number = 1", "customer_number = 'x'\n[products]", "no toml", "[products"]
)
def test_a_wrong_fields_file_stops_the_service(tmp_path, text):
    path = tmp_path / "fields.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match="WHMCS_MISCONFIGURED"):
        load_fields(path)
    with pytest.raises(Misconfigured):
        load_fields(tmp_path / "none.toml")


def test_links_lead_to_fixed_places_with_whole_numbers_only():
    assert target("invoice", 7)["sso_redirect_path"] == "viewinvoice.php?id=7"
    assert target("payment_methods", None) == {
        "destination": "sso:custom_redirect",
        "sso_redirect_path": "index.php?rp=/account/paymentmethods",
    }
    assert target("service", 9) == {"destination": "clientarea:product_details", "service_id": 9}
    assert target("home", None) == {}
