"""Whatever a customer can send gets an answer from the catalogue (R254)."""

import httpx
import pytest

from portal_local.demo.customer import Problem
from portal_local.demo.journey import ADDRESS, PASSWORD
from portal_testing.stack import PortalStack

SIM = {"reference": "sim", "sku": "SIM-VOICE-ESIM-20G", "eid": "89049032000000000000000000000163"}
VPN = {"reference": "vpn", "sku": "VPN-US"}
VPN_FEE = {"reference": "fee", "sku": "VPN-ACTIVATION", "parent": "vpn"}


@pytest.mark.parametrize(
    ("lines", "status", "codes"),
    [
        ([], 422, {"CART_EMPTY"}),
        ([SIM], 422, {"ACTIVATION_FEE_MISSING"}),  # R104
        ([VPN], 422, {"ACTIVATION_FEE_MISSING"}),  # R106
        ([{"reference": "fee", "sku": "SIM-ACTIVATION"}], 422, {"SERVICE_MISSING"}),  # R103
        ([{"reference": "x", "sku": "VPN-UNPRICED"}], 422, {"PRODUCT_NOT_ORDERABLE"}),  # R081
        ([{"reference": "x", "sku": "NO-SUCH-THING"}], 422, {"PRODUCT_NOT_ORDERABLE"}),
        ([{**SIM, "eid": "123"}, {"reference": "fee", "sku": "SIM-ACTIVATION", "parent": "sim"}], 422, {"EID_MISSING"}),
    ],
)
async def test_a_cart_that_cannot_be_ordered_names_its_faults(shopper, lines, status, codes) -> None:
    with pytest.raises(Problem) as caught:
        await shopper.customer.post("/orders", {"addressConfirmed": True, "lines": lines})
    found = {caught.value.code, *(error["code"] for error in caught.value.body.get("errors", []))}
    assert caught.value.status == status
    assert codes <= found


async def test_a_second_internet_line_is_refused_with_the_way_to_manage_the_first(shopper) -> None:  # R107, R258
    await shopper.order({"reference": "net", "sku": "INT-HOME-1G"})
    with pytest.raises(Problem) as caught:
        await shopper.order({"reference": "net", "sku": "INT-HOME-1G"})
    assert (caught.value.status, caught.value.code) == (409, "INTERNET_ALREADY_ORDERED")


async def test_an_internet_plan_needs_a_confirmed_address_and_a_fitting_one(shopper) -> None:  # R055, R080
    line = {"reference": "net", "sku": "INT-HOME-1G"}
    with pytest.raises(Problem) as caught:
        await shopper.customer.post("/orders", {"lines": [line]})
    codes = {caught.value.code, *(error["code"] for error in caught.value.body.get("errors", []))}
    assert "ADDRESS_NOT_CONFIRMED" in codes
    with pytest.raises(Problem) as caught:
        await shopper.order({"reference": "net", "sku": "INT-APT-1G"})
    assert caught.value.code == "NOT_ELIGIBLE"


async def test_somebody_elses_order_and_invoice_do_not_exist(shoppers) -> None:  # R098
    owner, stranger = await shoppers.somebody(), await shoppers.somebody()
    order_id = await owner.order_vpn()
    for path in (f"/orders/{order_id}", f"/orders/{order_id}/timeline", "/orders/801000000000001AAA"):
        with pytest.raises(Problem) as caught:
            await stranger.customer.get(path)
        assert (caught.value.status, caught.value.code) == (404, "NOT_FOUND")


async def test_a_weak_password_is_named_as_a_field(portal_http: httpx.AsyncClient) -> None:
    form = {
        "email": "weak@example.jp",
        "confirmEmail": "weak@example.jp",
        "password": "passwordpassword",
        "confirmPassword": "passwordpassword",
        "customerNumber": "SNX-10001",
        "name": {"familyName": "山田", "givenName": "花子"},
        "address": {"postcode": "1500001", "prefecture": "東京都", "city": "渋谷区", "street": "1-2-3"},
    }
    answer = await portal_http.post("/auth/signup", json=form)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == "PASSWORD_TOO_WEAK"


async def test_malformed_json_and_a_missing_number_name_the_field(portal_http: httpx.AsyncClient) -> None:  # R019
    broken = await portal_http.post("/auth/signup", content=b"{broken", headers={"content-type": "application/json"})
    assert broken.status_code == 422
    assert broken.json()["errors"]
    mostly_empty = await portal_http.post("/auth/signup", json={"email": "a@example.jp"})
    assert mostly_empty.status_code == 422
    faults = {error["field"] for error in mostly_empty.json()["errors"]}
    assert faults >= {"confirmEmail", "password", "confirmPassword", "name", "address"}
    form = {
        "email": "a@example.jp",
        "confirmEmail": "a@example.jp",
        "password": PASSWORD,
        "confirmPassword": PASSWORD,
        "name": {"familyName": "見本", "givenName": "花子"},
        "address": ADDRESS,
    }
    missing = await portal_http.post("/auth/signup", json=form)
    assert missing.status_code == 422
    assert [error["field"] for error in missing.json()["errors"]] == ["customerNumber"]


async def test_without_a_session_and_after_log_out_there_is_a_clear_401(shopper, portal_http) -> None:
    answer = await portal_http.get("/orders")
    assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_REQUIRED")
    await shopper.customer.post("/auth/logout", {})
    with pytest.raises(Problem) as caught:
        await shopper.customer.get("/me")
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("vendor", "path"), [("whmcs", "/billing/invoices"), ("whmcs", "/subscriptions"), ("salesforce", "/support/cases")]
)
async def test_a_vendor_that_is_down_is_a_503_with_a_time_to_come_back(
    shopper, portal_stack: PortalStack, vendor, path
) -> None:  # R255
    await portal_stack.sandbox.arm_fault(vendor, "*", "status", times=None, params={"status": 503, "body": "down"})
    with pytest.raises(Problem) as caught:
        await shopper.customer.get(path)
    await portal_stack.sandbox.clear_faults()
    assert (caught.value.status, caught.value.code) == (503, f"{vendor.upper()}_UNAVAILABLE")
    assert caught.value.retry_after > 0
