"""Checkout, sign-up, cases and links over HTTP."""

import pytest

from portal_contracts import billing, identity, orders, support
from portal_contracts.examples import example_of
from portal_contracts.problems import Refused

CART = {"lines": [{"reference": "vpn", "sku": "VPN-US"}], "addressConfirmed": True}
PLACED = orders.Checkout(checkout_id="c-7", state="placed")
WORKING = orders.Checkout(checkout_id="c-7", state="working")


async def test_a_placed_order_is_201_with_its_place(portal, browser):
    portal.bus.reply(orders.CheckOut, PLACED)
    answer = await browser.post("/orders", json=CART, headers={"Idempotency-Key": "key-00001"})
    assert (answer.status_code, answer.headers["location"]) == (201, "/checkouts/c-7")
    assert answer.json() == {"checkoutId": "c-7", "state": "placed", "orders": []}
    asked = portal.asked(orders.CheckOut)[0]
    assert asked.idempotency_key == "key-00001"
    assert (asked.lines[0].sku, asked.address_confirmed) == ("VPN-US", True)


async def test_an_order_still_worked_on_is_202_with_a_place_to_look(portal, browser):
    portal.bus.reply(orders.CheckOut, WORKING)
    answer = await browser.post("/orders", json=CART)
    assert (answer.status_code, answer.headers["location"]) == (202, "/checkouts/c-7")
    assert answer.headers["retry-after"] == "2"
    portal.bus.reply(orders.ReadCheckout, PLACED)
    assert (await browser.get(answer.headers["location"])).json()["state"] == "placed"


async def test_without_a_key_the_cart_itself_is_one(portal, browser):  # C16: orders hashes it
    await browser.post("/orders", json=CART)
    assert portal.asked(orders.CheckOut)[0].idempotency_key is None


@pytest.mark.parametrize("key", ["short", "x" * 256, "with space", "schlüssel-1"])
async def test_a_key_of_a_wrong_form_is_named(portal, browser, key):
    answer = await browser.post("/orders", json=CART, headers=[(b"idempotency-key", key.encode())])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert portal.asked(orders.CheckOut) == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("PAYMENT_METHOD_MISSING", 409), ("IDEMPOTENCY_KEY_REUSED", 422), ("INTERNET_ALREADY_ORDERED", 409)],
)
async def test_a_refused_order_names_the_fix(portal, browser, code, status):  # R254
    portal.bus.reply(orders.CheckOut, Refused(code))
    answer = await browser.post("/orders", json=CART)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_link_into_whmcs_is_told_once_and_kept_by_nobody(portal, browser):  # R069, D03
    portal.bus.reply(billing.MintSsoLink, billing.SsoLink(url="https://whmcs.example/once"))
    answer = await browser.post("/auth/sso-link", json={"destination": "invoice", "invoiceId": 7})
    assert answer.json() == {"url": "https://whmcs.example/once", "expiresIn": 60}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    first, second = (
        portal.asked(billing.MintSsoLink)[0],
        (await browser.post("/auth/sso-link", json={"destination": "home"})) and portal.asked(billing.MintSsoLink)[1],
    )
    assert (first.destination, first.invoice_id) == ("invoice", 7)
    assert first.request_id != second.request_id


@pytest.mark.parametrize(
    "destination",
    [
        "//evil",
        "\\\\evil",
        "%2f%2fevil",
        "javascript:alert(1)",
        "home@evil",
        "home\r\nX: y",
        "https://evil",
        "",
        None,
        7,
    ],
)
async def test_a_link_leads_to_known_places_only(portal, browser, destination):
    answer = await browser.post("/auth/sso-link", json={"destination": destination, "url": "//evil"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "destination")
    assert portal.asked(billing.MintSsoLink) == []


async def test_a_case_is_opened_with_its_place(portal, browser):
    answer = await browser.post("/support/cases", json={"title": "遅い", "description": "夜だけ遅くなります"})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/support/cases/{answer.json()['caseId']}"
    assert portal.asked(support.OpenCase)[0].title == "遅い"


async def test_a_comment_goes_to_the_case_in_the_path_and_no_other(portal, browser):
    answer = await browser.post(
        "/support/cases/500000000000001AAA/comments", json={"text": "まだ遅い", "caseId": "500000000000002AAA"}
    )
    assert answer.status_code == 201
    asked = portal.asked(support.AddComment)[0]
    assert (asked.case_id, asked.text) == ("500000000000001AAA", "まだ遅い")
    answer = await browser.post("/support/cases/no-case/comments", json={"text": "まだ遅い"})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_an_address_is_written_and_what_whmcs_has_is_told(portal, browser):  # R007, R057
    address = {"postcode": "1500001", "prefecture": "東京都", "city": "渋谷区", "street": "神宮前1-2-3"}
    key = {"Idempotency-Key": "request-0001"}
    answer = await browser.put("/billing/profile/address", json={"address": address}, headers=key)
    assert (answer.status_code, set(answer.json())) == (200, set(example_of(billing.ClientProfile)))
    asked = portal.asked(billing.ChangeOwnAddress)[0]
    assert (asked.address.postcode, asked.request_id) == ("150-0001", "request-0001")
    answer = await browser.put("/billing/profile/address", json={"address": {**address, "postcode": "15"}})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/address/postcode"]


async def test_a_sign_up_is_told_the_clients_address_for_its_limits(new_portal):  # D18
    portal = new_portal(trusted_proxies="192.0.2.0/24")
    form = {
        "email": "hanako@example.jp",
        "confirmEmail": "hanako@example.jp",
        "password": "a-long-and-fake-passphrase",
        "confirmPassword": "a-long-and-fake-passphrase",
        "customerNumber": "snx-10001",
        "name": {"familyName": "山田", "givenName": "花子"},
        "address": {"postcode": "150-0001", "prefecture": "東京都", "city": "渋谷区", "street": "神宮前1-2-3"},
    }
    async with portal.visitor() as client:
        answer = await client.post("/auth/signup", json=form, headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.9"})
    assert (answer.status_code, answer.json()) == (202, {"message": "text"})
    assert portal.asked(identity.RequestSignup)[0].client_address == "203.0.113.9"


async def test_using_the_mailed_link_says_how_far_it_is(portal, visitor):
    for state, status in (("working", 202), ("done", 200)):
        portal.bus.reply(identity.ConfirmSignup, identity.Signup(state=state, customer_number="SNX-10001"))
        answer = await visitor.post("/auth/signup/confirm", json={"token": "example-token-0000000000000000"})
        assert (answer.status_code, answer.json()["state"]) == (status, state)


async def test_opening_the_mailed_link_changes_nothing(portal, visitor):  # mail scanners open links
    answer = await visitor.get("/auth/signup/confirm?token=example-token-0000000000000000")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "example-token" not in answer.text
    assert '<span>確認する</span> <span lang="en">Confirm</span>' in answer.text
    assert portal.bus.asked == []
