"""Replies pass through as they are; what the address says becomes the message."""

import pytest

from portal_contracts import billing, catalog, orders
from portal_contracts.examples import example_of
from portal_contracts.message import reply_type
from portal_contracts.problems import Refused, TryLater
from portal_gateway.routes import OPERATIONS

ORDER = "801000000000001AAA"
PLAIN = [one for one in OPERATIONS if one.method == "GET" and one.media_type == "application/json" and not one.reply]


def filled(path):
    for name, value in {
        "sku": "VPN-US",
        "checkoutId": "c-1",
        "orderId": ORDER,
        "invoiceId": "7",
        "changeId": f"{1:032x}",
        "serviceId": "8",
        "caseId": "500000000000001AAA",
        "service": "orders",
        "id": "7",
    }.items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.fixture
async def owner(portal, operation):
    """Give a page of whoever may read it."""
    async with portal.operator() if operation.audience == "operator" else portal.browser() as client:
        yield client


@pytest.mark.parametrize("operation", PLAIN, ids=lambda one: one.name)
async def test_a_reply_reaches_the_client_unchanged(owner, operation):
    answer = await owner.get(filled(operation.path))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == example_of(reply_type(operation.message))


@pytest.mark.parametrize("operation", PLAIN, ids=lambda one: one.name)
async def test_a_head_request_gets_the_same_headers(owner, operation):
    answer = await owner.head(filled(operation.path))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


async def test_path_and_query_become_the_message(portal, browser):
    await browser.get("/billing/invoices?state=unpaid&limit=20&offset=40&colour=red")
    await browser.get(f"/orders/{ORDER}/timeline?after=3")
    assert portal.asked(billing.ListInvoices) == [billing.ListInvoices(state="unpaid", limit=20, offset=40)]
    assert portal.asked(orders.ReadTimeline) == [orders.ReadTimeline(order_id=ORDER, after=3)]


async def test_a_short_salesforce_id_means_the_same_order(portal, browser):
    assert (await browser.get(f"/orders/{ORDER[:15]}")).status_code == 200
    assert portal.asked(orders.ReadOrder) == [orders.ReadOrder(order_id=ORDER)]


async def test_an_address_no_thing_can_have_is_not_found(portal, browser):
    for path in ("/orders/xyz", "/billing/invoices/-1", "/billing/invoices/abc", "/subscriptions/0", "/catalog/a%20b"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
    assert [ask.message.subject for ask in portal.bus.asked] == ["identity.actor.mint.v1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=1000", "limit"), ("limit=x", "limit"), ("state=gone", "state"), ("offset=1&offset=2", "offset")],
)
async def test_a_faulty_query_parameter_is_named(browser, query, field):
    answer = await browser.get(f"/billing/invoices?{query}")
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_a_query_string_that_is_no_text_is_refused(browser):
    answer = await browser.get("/billing/invoices?state=%ff")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query")


async def test_a_refusal_of_the_service_keeps_its_code_and_status(portal, browser):  # R098: foreign is missing
    portal.bus.reply(orders.ReadOrder, Refused("NOT_FOUND"))
    answer = await browser.get(f"/orders/{ORDER}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_vendor_that_is_away_means_try_later_and_when(portal, browser):  # R255
    portal.bus.reply(billing.ListInvoices, TryLater("WHMCS_UNAVAILABLE", retry_after=17))
    answer = await browser.get("/billing/invoices")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["retryAfter"]) == (503, "17", 17)
    assert answer.json()["detail"] == "This is not available right now. Please try again in a moment."


async def test_a_public_page_needs_no_session_and_keeps_one_in_use(portal, visitor):
    assert (await visitor.get("/catalog")).status_code == 200
    assert portal.identity.asked == 0
    visitor.cookies.set("portal_session", portal.identity.open())
    assert (await visitor.get("/catalog")).status_code == 200
    assert (await visitor.get("/me")).status_code == 200
    assert portal.identity.asked == 1
    assert len(portal.asked(catalog.ListCatalog)) == 1


async def test_private_answers_are_kept_by_nobody(browser):
    for path in ("/me", "/orders", "/billing/payment-methods", "/support/cases"):
        assert (await browser.get(path)).headers["cache-control"] == "no-store", path
