"""What the adapter makes of a faithful WHMCS: every kind of fault, every quirk (reference/whmcs.md 1–2, 6)."""

import time

import pytest

from portal_billing.order import DraftOrder, ServiceNotes, units_of
from portal_billing.ports import Unclear
from portal_contracts.billing import OrderLine
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.values import long_salesforce_id

CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
EID = "89049032000000000000000000000001"


def draft(order_id=ORDER, client=CLIENT, pid=202, **more):
    plan = {
        "sku": "PLAN",
        "whmcs_product_id": pid,
        "billing_cycle": "monthly",
        "quantity": 1,
        "unit_price": 2970,
        "service": True,
    }
    fee = {**plan, "sku": "FEE", "whmcs_product_id": 211, "billing_cycle": "one_time", "unit_price": 3300}
    lines = [OrderLine(**{**plan, **more}), OrderLine(**{**fee, "service": False})]
    return DraftOrder(order_id, client, units_of(lines), EID)


def soon():
    return time.monotonic() + 10


async def add(whmcs, **more):
    return await whmcs.orders.add(draft(**more), send_by=soon())


async def test_an_order_is_made_found_by_its_marker_and_read_back_to_the_yen(whmcs, sandbox_whmcs):
    number = await add(whmcs)
    (found,) = await whmcs.orders.search(CLIENT, ORDER)
    assert found == await whmcs.orders.read(CLIENT, number)
    assert (found.id, found.state, found.amount) == (number, "pending", 6270)
    assert [(one.ordinal, one.first_payment, one.recurring, one.cycle) for one in found.services] == [
        (1, 2970, 2970, "monthly"),
        (2, 3300, 0, "one_time"),
    ]
    invoice = await whmcs.orders.invoice(CLIENT, found.invoice_id)
    assert (invoice.charged, invoice.gross) == ({one.id: one.first_payment for one in found.services}, 6270)
    assert "whmcs.mail.sent" not in sandbox_whmcs.kinds()


async def test_another_client_does_not_see_the_order(whmcs):
    number = await add(whmcs)
    assert await whmcs.orders.read(5012, number) is None
    assert await whmcs.orders.search(5012, ORDER) == []


async def test_accepting_and_cancelling_work_from_pending_only(whmcs):
    number = await add(whmcs)
    assert await whmcs.orders.accept(number, send_by=soon())
    assert not await whmcs.orders.accept(number, send_by=soon())
    assert not await whmcs.orders.cancel(number, send_by=soon())
    found = await whmcs.orders.read(CLIENT, number)
    assert found.state == "active"
    assert {one.state for one in found.services} <= {"active", "completed"}


async def test_a_line_gets_its_numbers_and_a_note(whmcs):
    number = await add(whmcs)
    service = (await whmcs.orders.read(CLIENT, number)).services[0]
    notes = ServiceNotes(service.id, 202, "for people", phone_number="070-1234-5678", iccid="8981100000000000001")
    await whmcs.orders.annotate(notes)
    kept = (await whmcs.orders.read(CLIENT, number)).services[0]
    assert (kept.phone_number, kept.iccid) == ("070-1234-5678", "8981100000000000001")
    assert kept.order_id == ORDER


async def test_more_orders_than_one_page_holds_are_all_searched(connected):
    whmcs = connected(page_rows=10)
    await add(whmcs)
    for number in range(2, 30):
        await add(whmcs, order_id=long_salesforce_id(f"8010000000000{number:02d}"))
    (found,) = await whmcs.orders.search(CLIENT, ORDER)
    assert found.amount == 6270


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("after_effect", {}),
        ("before_effect", {"seconds": 0.2}),
        ("late", {"seconds": 0.2}),
        ("slow", {"seconds": 3}),
        ("drip", {"interval": 1}),
        ("malformed", {}),
        ("html", {}),
        ("empty", {}),
        ("status", {"status": 502, "body": "Bad Gateway"}),
        ("status", {"status": 504, "body": "Gateway Timeout", "effect": True}),
        ("status", {"status": 200, "body": '{"result":"success"}', "effect": True}),
        ("status", {"status": 200, "body": '{"result":"error","message":"Deadlock found"}', "effect": True}),
        ("status", {"status": 302, "body": "", "headers": {"Location": "/login"}}),
        ("status", {"status": 200, "body": "[]"}),
        ("late", {"businessSeconds": 600}),
        ("nonsense", {}),
        ("nonsense", {"shape": "ill_typed"}),
        ("error", {"meaning": "transient"}),
        ("error", {"meaning": "ambiguous", "effect": True}),
        ("error", {"meaning": "permanent", "effect": True}),
    ],
)
async def test_whatever_hides_the_outcome_of_a_write_is_unclear_and_not_repeated(
    connected, sandbox_whmcs, kind, params
):
    whmcs = connected(order_seconds=1)
    sandbox_whmcs.fault("AddOrder", kind, params=params)
    with pytest.raises(Unclear):
        await add(whmcs)
    assert sandbox_whmcs.core.faults.all()[0].hits == 1


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"status": 429, "body": "", "headers": {"Retry-After": "7"}}, TryLater),
        ({"status": 403, "body": '{"result":"error","message":"Invalid IP 203.0.113.7"}'}, Misconfigured),
        ({"status": 200, "body": '{"result":"error","message":"Authentication Failed"}'}, Misconfigured),
        ({"status": 404, "body": "<html>"}, Misconfigured),
        ({"status": 200, "body": '{"result":"error","message":"Client ID Not Found"}'}, Refused),
    ],
)
async def test_a_clear_no_is_not_unclear(whmcs, sandbox_whmcs, params, problem):
    sandbox_whmcs.fault("AddOrder", "status", params=params)
    with pytest.raises(problem):
        await add(whmcs)


@pytest.mark.parametrize(("kind", "problem"), [("quota", TryLater), ("auth", Misconfigured)])
async def test_a_call_that_was_not_let_in_is_not_unclear(whmcs, sandbox_whmcs, kind, problem):
    sandbox_whmcs.fault("AddOrder", kind)
    with pytest.raises(problem):
        await add(whmcs)
    assert await whmcs.orders.search(CLIENT, ORDER) == []


@pytest.mark.parametrize("call", ["AcceptOrder", "CancelOrder"])
@pytest.mark.parametrize("kind", ["after_effect", "html", "empty", "malformed"])
async def test_an_acceptance_or_cancellation_without_a_clear_answer_is_unclear(connected, sandbox_whmcs, call, kind):
    whmcs = connected(order_seconds=1)
    number = await add(whmcs)
    sandbox_whmcs.fault(call, kind)
    move = whmcs.orders.accept if call == "AcceptOrder" else whmcs.orders.cancel
    with pytest.raises(Unclear):
        await move(number, send_by=soon())
    assert sandbox_whmcs.core.faults.all()[0].hits == 1


async def test_services_that_an_old_list_lacks_are_found_through_their_orders(whmcs, sandbox_whmcs):
    sandbox_whmcs.fault("GetClientsProducts", "stale")
    number = await add(whmcs)
    (found,) = await whmcs.orders.search(CLIENT, ORDER)
    assert (found.id, len(found.services)) == (number, 2)


async def test_a_list_of_orders_older_than_the_services_is_no_answer(whmcs, sandbox_whmcs):
    sandbox_whmcs.fault("GetOrders", "stale")
    await add(whmcs)
    with pytest.raises(TryLater):
        await whmcs.orders.search(CLIENT, ORDER)


async def test_a_service_that_moved_to_another_client_is_no_difference(whmcs, sandbox_whmcs):
    await add(whmcs)
    with sandbox_whmcs.core.store.transaction() as db:
        db.execute("UPDATE whmcs_service SET client_id = 5012 WHERE client_id = ?", (CLIENT,))
    assert await whmcs.orders.search(CLIENT, ORDER) == []


async def test_a_host_that_is_not_there_was_not_written_to(connected):
    whmcs = connected(api_url="http://127.0.0.1:9/includes/api.php")
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await add(whmcs)


async def test_nothing_leaves_after_the_send_deadline(whmcs, sandbox_whmcs):
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await whmcs.orders.add(draft(), send_by=time.monotonic() - 0.001)
    assert sandbox_whmcs.core.faults.calls == {}


async def test_a_closed_client_and_an_unknown_product_are_refused(whmcs):
    with pytest.raises(Refused, match="MARKER_UNMAPPED"):
        await add(whmcs, pid=299)
    with pytest.raises(Refused, match="WHMCS_ORDER_REFUSED"):
        await add(whmcs, client=99999)


async def test_an_unknown_gateway_is_our_set_up(connected):
    with pytest.raises(Misconfigured):
        await add(connected(payment_method="barter"))


@pytest.mark.parametrize("kind", ["refused", "after_effect", "html", "malformed", "empty"])
async def test_a_search_that_fails_is_never_an_empty_one(whmcs, sandbox_whmcs, kind):
    sandbox_whmcs.fault("GetClientsProducts", kind, times=None)
    with pytest.raises(TryLater):
        await whmcs.orders.search(CLIENT, ORDER)


async def test_a_read_is_repeated_after_a_hiccup(whmcs, sandbox_whmcs):
    await add(whmcs)
    sandbox_whmcs.fault("GetOrders", "refused", times=2)
    assert len(await whmcs.orders.search(CLIENT, ORDER)) == 1


@pytest.mark.parametrize("empty", ["string", "list", "object", "null", "missing"])
@pytest.mark.parametrize("shape", ["list", "single", "numbered"])
@pytest.mark.parametrize("ids", ["strings", "numbers"])
async def test_quirks_end_in_the_adapter(whmcs, sandbox_whmcs, empty, shape, ids):
    sandbox_whmcs.switch(emptyLists=empty, listShape=shape, ids=ids, entityText=True, zeroDates="zero")
    assert await whmcs.orders.search(5001, ORDER) == []
    number = await add(whmcs)
    (found,) = await whmcs.orders.search(CLIENT, ORDER)
    assert (found.id, len(found.services), found.amount) == (number, 2, 6270)
    for client in (CLIENT, 5012, 5013, 5001):
        await whmcs.reads.invoices(client)
        await whmcs.reads.subscriptions(client)
    assert (await whmcs.products.read([202, 211]))[211].prices == {"one_time": 3300}
    assert await whmcs.orders.failed_set_ups(found.services[0].id) == []


async def test_a_missing_permission_for_the_module_queue_is_not_a_failed_set_up(whmcs, sandbox_whmcs):
    params = {"status": 403, "body": '{"result":"error","message":"Invalid Permissions: API action \\"x\\""}'}
    sandbox_whmcs.fault("GetModuleQueue", "status", params=params)
    assert await whmcs.orders.failed_set_ups(1) == ()


async def test_notes_find_an_order_whose_services_lost_their_marker(whmcs, sandbox_whmcs):
    sandbox_whmcs.switch(keepNotes=True)
    number = await add(whmcs)
    with sandbox_whmcs.core.store.transaction() as db:
        db.execute("DELETE FROM whmcs_custom_value")
    assert [found.id for found in await whmcs.orders.search(CLIENT, ORDER)] == [number]


async def test_configurable_options_are_ordered_by_id_for_the_product_they_belong_to(whmcs, sandbox_whmcs):  # R087
    sandbox_whmcs.switch(configOptions="202:12=34,202:12=35,202:13=7")
    assert (await whmcs.products.read([202, 211]))[202].options == {12: {34, 35}, 13: {7}}
    for chosen, kept in (({12: 35, 13: 7}, {12: 35, 13: 7}), ({}, {12: 34, 13: 7})):  # WHMCS takes its first value
        number = await add(whmcs, order_id=long_salesforce_id(f"80100000000{len(chosen):04d}"), config_options=chosen)
        main_service, fee = (await whmcs.orders.read(CLIENT, number)).services
        assert sandbox_whmcs.options_of(main_service.id) == kept
        assert sandbox_whmcs.options_of(fee.id) == {}
        assert main_service.ordinal == 1  # the marker travels beside them
