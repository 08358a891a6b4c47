"""What customers type about their billing: kept as typed, or refused by field, never half taken (D16)."""

from datetime import date

import pytest

from portal_contracts import billing, billing_profile, billing_subscriptions

KEY = {"Idempotency-Key": "wish-0000001"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"company": "例示 & 株式会社 🏢"}, ("例示 & 株式会社 🏢", None)),
        ({"company": "ﾚｲｼﾞ ＫＫ"}, ("ﾚｲｼﾞ ＫＫ", None)),
        ({"company": "  x  "}, ("x", None)),
        ({"company": ""}, ("", None)),
        ({"company": "あ" * 80}, ("あ" * 80, None)),
        ({"phone": "０３－１２３４－５６７８".replace("－", "-")}, (None, "03-1234-5678")),
        ({"company": None, "phone": None}, (None, None)),
        ({}, (None, None)),
        ({"company": "x", "whmcsClientId": 7, "credit": 10**6, "email": "x@evil.example"}, ("x", None)),
    ],
)
async def test_company_and_phone_are_kept_as_typed_and_nothing_else_is(portal, browser, typed, kept):
    answer = await browser.put("/billing/profile", json=typed, headers=KEY)
    assert answer.status_code == 200
    (asked,) = portal.asked(billing_profile.ChangeOwnProfile)
    assert (asked.company, asked.phone) == kept
    assert set(asked.model_dump()) == {"requestId", "company", "phone"}


@pytest.mark.parametrize(
    ("typed", "pointer"),
    [
        ({"company": "あ" * 81}, "#/company"),
        ({"company": "x" * 60_000}, "#/company"),
        ({"company": "a\x00b"}, "#/company"),
        ({"company": "a\u202eb"}, "#/company"),
        ({"company": "\x1b[31mx"}, "#/company"),
        ({"company": ["x"]}, "#/company"),
        ({"company": 7}, "#/company"),
        ({"phone": "call me"}, "#/phone"),
        ({"phone": "1" * 40}, "#/phone"),
        ({"phone": ""}, "#/phone"),
        ({"phone": "03-1234-5678\r\nX: y"}, "#/phone"),
    ],
)
async def test_what_is_no_company_or_phone_is_refused_by_field(portal, browser, typed, pointer):
    answer = await browser.put("/billing/profile", json=typed, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert portal.asked(billing_profile.ChangeOwnProfile) == []


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"company":"\xe3\x81"}', b'{"company":"\\ud800"}', b"[]", b""])
async def test_a_body_in_a_wrong_encoding_is_refused(portal, browser, body):
    headers = {**KEY, "Content-Type": "application/json"}
    answer = await browser.put("/billing/profile", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert portal.asked(billing_profile.ChangeOwnProfile) == []


async def test_filters_of_invoices_are_passed_on(portal, browser):
    query = "state=overdue&onlyOpen=true&issuedFrom=2026-01-01&issuedUntil=2026-12-31&offset=2&limit=3&fresh=true"
    assert (await browser.get(f"/billing/invoices?{query}")).status_code == 200
    (asked,) = portal.asked(billing.ListInvoices)
    assert (asked.state, asked.only_open, asked.offset, asked.limit, asked.fresh) == ("overdue", True, 2, 3, True)
    assert (asked.issued_from, asked.issued_until) == (date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    "query",
    [
        "state=draft",
        "state=",
        "onlyOpen=perhaps",
        "issuedFrom=yesterday",
        "issuedFrom=2026-02-30",
        "issuedUntil=0000-00-00",
        "limit=0",
        "limit=201",
        "offset=-1",
        "offset=1.5",
        "fresh=2",
        "fresh=true&fresh=true",
    ],
)
async def test_a_filter_that_means_nothing_is_refused(portal, browser, query):
    answer = await browser.get(f"/billing/invoices?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert portal.asked(billing.ListInvoices) == []


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "2147483648", "1%00", "1;2", "%E3%81%82"])
async def test_an_id_nothing_can_have_is_not_found(portal, browser, number):
    for path in ("/billing/invoices/{}", "/subscriptions/{}", "/subscriptions/{}/invoices"):
        answer = await browser.get(path.format(number))
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
    for message in (billing.ReadInvoice, billing.ReadSubscription, billing_subscriptions.ListSubscriptionInvoices):
        assert portal.asked(message) == []
