"""The `SalesOrders` port: one suite for the fake and for the adapter on the sandbox's Salesforce, in both wordings."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from portal_contracts.porting import NumberPorting
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address, long_salesforce_id
from portal_orders.order import SalesItem
from portal_orders.porting import porting_of
from portal_orders.salesforce import SalesforceOrders
from portal_orders.testing import EID
from portal_sandbox.salesforce.seed import entry_id

INTERNET = "Personal SonixNet Home Internet"
HOME = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3", building="見本ビル 401")

PORTING = NumberPorting(
    phone_number="09000000000",
    reservation_number="1100000000",
    reservation_expires_on=date(2026, 12, 5),
    family_name="見本",
    given_name="花子",
    family_name_kana="ミホン",
    given_name_kana="ハナコ",
    gender="female",
    born_on=date(1990, 1, 1),
)
SIM = {"sku": "SIM-VOICE-ESIM-20G", "fee": "SIM-ACTIVATION", "eid": EID, "esim": True}


async def test_a_placed_order_waits_for_review_with_its_items_and_address(org):
    """R093-R096, R109."""
    order = await org.placed()
    assert (order.state, order.activation, order.key) == ("pending_review", "not_started", "checkout-1")
    assert order.account_id == org.account
    assert order.order_number
    assert order.address == HOME
    assert set(order.items) == {
        SalesItem(org.product("VPN-US"), 1, 2500),
        SalesItem(org.product("VPN-ACTIVATION"), 1, 3000),
    }
    assert await org.read(order.order_id) == order
    assert await org.stage(order.opportunity_id) == "post_processing"


async def test_placing_twice_places_once(org):
    first = await org.placed()
    again = await org.port.place(org.new_order(), None)
    assert (again.order_id, again.opportunity_id) == (first.order_id, first.opportunity_id)
    assert len(await org.port.of_account(org.account)) == 1


async def test_a_placed_order_is_found_by_its_key(org):
    order = await org.placed()
    assert (await org.port.prospects(org.new_order())).placed.order_id == order.order_id
    assert (await org.port.prospects(org.new_order(key="checkout-2"))).placed is None


async def test_open_opportunities_of_the_same_commodity_are_offered_once(org):
    """C13."""
    sim = await org.open_opportunity("introduction", "sim")
    older = await org.open_opportunity("ready", "vpn")
    await org.open_opportunity("active", "vpn")
    wanted = org.new_order()
    assert older in (await org.port.prospects(wanted)).opportunities
    assert sim not in (await org.port.prospects(wanted)).opportunities
    order = await org.port.place(wanted, older)
    assert order.opportunity_id == older
    assert await org.stage(older) == "post_processing"
    assert older not in (await org.port.prospects(org.new_order(key="checkout-2"))).opportunities


async def test_an_esim_order_keeps_its_eid(org):
    order = await org.placed(sku="SIM-VOICE-ESIM-20G", fee="SIM-ACTIVATION", eid=EID, esim=True)
    assert order.eid == EID


async def test_a_withdrawn_order_is_cancelled_with_its_opportunity(org):
    order = await org.placed()
    await org.port.withdraw("checkout-1", "The checkout could not be finished")
    assert (await org.read(order.order_id)).state == "cancelled"
    assert await org.stage(order.opportunity_id) == "void"
    await org.port.withdraw("no-such-order", "nothing happens")


async def test_an_approved_order_is_not_withdrawn(org):
    order = await org.placed()
    await org.set_status(order.order_id, "approved")
    await org.port.withdraw("checkout-1", "too late")
    assert (await org.read(order.order_id)).state == "approved"


async def test_approved_orders_are_found_until_they_are_completed(org):
    order = await org.placed()
    await org.placed(key="checkout-2")
    assert await org.port.approved() == []
    await org.set_status(order.order_id, "approved")
    assert await org.port.approved() == [order.order_id]


async def test_changed_orders_are_found_by_the_time_of_their_change(org):
    order = await org.placed()
    assert order.order_id in await org.port.changed_since(order.changed_at - timedelta(seconds=2))
    assert await org.port.changed_since(order.changed_at + timedelta(minutes=5)) == []


async def test_an_item_leads_to_its_order(org):
    order = await org.placed()
    item = long_salesforce_id((await org.item(order.order_id))[:15])
    found = await org.port.orders_of_items([item])
    assert list(found.values()) == [order.order_id]


async def test_activation_is_written_read_and_cleared_of_errors(org):
    """C03, C04, R144."""
    order = await org.placed()
    await org.set_status(order.order_id, "approved")
    at = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    failed = await org.port.write_failure(
        await org.read(order.order_id),
        "PAYMENT_METHOD_MISSING",
        "PAYMENT_METHOD_MISSING: The customer has no card.",
        at,
    )
    assert (failed.activation, failed.error_code) == ("failed", "PAYMENT_METHOD_MISSING")
    assert (failed.error_text, failed.error_at) == ("PAYMENT_METHOD_MISSING: The customer has no card.", at)
    running = await org.port.write_activating(failed)
    assert (running.activation, running.error_code) == ("activating", None)
    waiting = await org.port.write_not_started(running)
    assert (waiting.activation, waiting.error_text, waiting.error_at) == ("not_started", None, None)
    assert await org.read(order.order_id) == waiting


async def test_success_is_written_to_order_and_opportunity(org):
    """R126, R161, R162, C06."""
    order = await org.placed()
    await org.set_status(order.order_id, "approved")
    ids = (2_000_000_123, 987_654_321)
    done = await org.port.write_activated(await org.read(order.order_id), *ids)
    assert (done.state, done.activation, done.whmcs_order_id, done.whmcs_service_id) == ("completed", "activated", *ids)
    assert await org.stage(done.opportunity_id) == "active"
    again = await org.port.write_activated(done, *ids)
    assert replace(again, changed_at=done.changed_at) == done


async def test_ids_alone_are_written_to_order_and_opportunity(org):
    """D14: a repair fills what is missing and moves nothing."""
    order = await org.placed()
    await org.set_status(order.order_id, "approved")
    written = await org.port.write_service(await org.read(order.order_id), 7, 8)
    assert (written.whmcs_order_id, written.whmcs_service_id, written.state) == (7, 8, "approved")
    assert await org.stage(order.opportunity_id) == "post_processing"


async def test_a_wanted_time_stands_in_the_order(org):
    """C17, R164."""
    at = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
    order = await org.placed(activate_at=at)
    assert (order.keeps_schedule, order.scheduled, order.scheduled_at) == (True, True, at)
    assert not (await org.placed(key="checkout-2")).scheduled


async def test_a_number_is_brought_along_as_it_was_ordered_and_as_it_was_changed(org):
    """R105, D09."""
    order = await org.placed(**SIM, porting=PORTING)
    assert order.porting.wanted
    assert porting_of(order.porting, None) == PORTING
    without = {"one_stop": True, "reservation_number": None, "reservation_expires_on": None, "gender": "company"}
    one_stop = PORTING.model_copy(update=without)
    changed = await org.port.write_porting(order, one_stop)
    assert porting_of(changed.porting, PORTING) == one_stop, "what was emptied is not taken from the snapshot"
    assert porting_of((await org.placed(key="checkout-2", **SIM)).porting, None) is None


async def test_a_rejected_orders_opportunity_is_void_with_staffs_reason(org):
    """C36, C40."""
    order = await org.placed()
    await org.reject(order.order_id, "Fibre is not available there")
    assert (await org.read(order.order_id)).rejection_reason == "Fibre is not available there"
    for _ in range(2):
        await org.port.void_opportunity(order.order_id)
    assert await org.stage(order.opportunity_id) == "void"
    assert (await org.reason(order.opportunity_id)).count("Fibre is not available there") == 1


@pytest.mark.parametrize("written", ["IDENTITY another person", "Rejected: IDENTITY another person"])
async def test_an_orgs_own_field_for_the_reason_comes_before_the_mark_in_the_description(
    sales, sandbox_org, staff, written
):
    """R129, C36: staff who have the field need no mark."""
    org = sandbox_org(sales)
    order = await org.placed()
    await staff.change("Order", order.order_id, Rejection_Reason__c=written)
    await org.reject(order.order_id, "ADDRESS unknown street")
    assert (await org.read(order.order_id)).rejection_reason == "IDENTITY another person"
    await staff.change("Order", order.order_id, Rejection_Reason__c=None)
    assert (await org.read(order.order_id)).rejection_reason == "ADDRESS unknown street"


async def test_an_org_without_a_field_for_the_reason_has_the_mark(sandbox, connected, sandbox_org, staff):
    """C36."""
    staff.switch(optionalOrderFields=False)
    org = sandbox_org(SalesforceOrders(connected(sandbox), internet_commodity="Personal SonixNet Home Internet"))
    order = await org.placed()
    await org.reject(order.order_id, "ADDRESS unknown street")
    assert (await org.read(order.order_id)).rejection_reason == "ADDRESS unknown street"


async def test_an_order_nobody_knows_is_left_out(org):
    order = await org.placed()
    assert set(await org.port.read([order.order_id, "801000000000009AAA"])) == {order.order_id}


async def test_a_change_concerns_provisioning_or_what_it_waits_for_or_neither(org):
    """C15, §2.1: what an approved order waits for wakes it; what staff write besides does not."""
    concern = org.port.concern_of
    assert concern(["Status"]) == concern(["LastModifiedDate", "Activation_Status__c"]) == concern([]) == "approval"
    assert concern(["Activation_Scheduled_At__c"]) == concern(["SIM_Card_Number__c", "Description"]) == "data"
    assert concern(["Description"]) == "nothing"


@pytest.mark.parametrize("kind", ["after_effect", "late"])
async def test_a_lost_answer_leaves_one_order_however_late_it_took_effect(sales, staff, sandbox_org, kind):
    """A first try that arrives after the second is refused by the key: nothing is set back to Draft."""
    org = sandbox_org(sales)
    await sales.prospects(org.new_order())
    staff.fault("composite", kind, contains="OpportunityId", params={"seconds": 0.5} if kind == "late" else {})
    with pytest.raises(TryLater):
        await org.placed()
    order = await org.port.place(org.new_order(), None)
    if kind == "late":
        await asyncio.sleep(0.8)  # the first try arrives
    now = await org.read(order.order_id)
    assert now.state == "pending_review"
    assert len(now.items) == 2
    assert len(await org.port.of_account(org.account)) == 1
    assert len(await staff.children("Opportunity", "AccountId", org.account)) == 1


async def test_the_refusal_of_the_org_names_what_cannot_be_ordered(sales, staff, sandbox_org):
    """An entry of another price book: nothing of the order is kept."""
    org = sandbox_org(sales)
    wanted = org.new_order()
    broken = replace(wanted, items=[replace(wanted.items[0], entry_id=entry_id("VPN-US", standard=True))])
    with pytest.raises(Refused) as caught:
        await sales.place(broken, None)
    assert caught.value.code == "PRODUCT_NOT_ORDERABLE"
    assert await staff.children("Opportunity", "AccountId", org.account) == []


async def test_an_org_without_the_optional_fields_serves_too(connected, sandbox, staff, sandbox_org):
    """C17, C30, C37: the code stands before the error's text, the mark of a changed address in Description."""
    staff.switch(optionalOrderFields=False, snapshotFields=False, commodityField="CommodityType__c", flowEnabled=False)
    org = sandbox_org(SalesforceOrders(connected(sandbox), internet_commodity=INTERNET))
    order = await org.port.place(
        replace(
            org.new_order(eid=EID, esim=True, porting=PORTING, activate_at=datetime(2026, 12, 1, tzinfo=UTC)),
            category="internet",
            address_changed=True,
        ),
        None,
    )
    assert (order.eid, order.scheduled, order.keeps_schedule, order.porting) == (None, False, False, None)
    assert await org.port.write_porting(order, PORTING) == order
    assert (await staff.record("Order", order.order_id))["Description"] == "Address changed at checkout."
    assert (await staff.record("Opportunity", order.opportunity_id))["CommodityType__c"] == INTERNET
    await org.set_status(order.order_id, "approved")
    at = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    failed = await org.port.write_failure(await org.read(order.order_id), "SIM_IN_USE", "SIM_IN_USE: busy", at)
    assert failed.error_code == "SIM_IN_USE"
    assert (await org.port.write_activated(failed, 7, 8)).state == "completed"


async def test_all_that_is_known_at_checkout_stands_in_salesforce(sales, staff, sandbox_org):
    """R094, R232-R235, C09, C30, architecture §10."""
    org = sandbox_org(sales)
    order = await sales.place(org.new_order(address_changed=True, trace_id="a" * 32, eid=EID, esim=True), None)
    record = await staff.record("Order", order.order_id)
    kept = ("Trace_Id__c", "EID__c", "SIM_Type__c", "Address_Changed__c", "BillingStreet", "EffectiveDate")
    assert [record[name] for name in kept] == [
        "a" * 32,
        EID,
        "eSIM",
        True,
        "神宮前1-2-3\n見本ビル 401",
        "2026-11-21",
    ]
    opportunity = await staff.record("Opportunity", order.opportunity_id)
    kept = ("CommodityType", "Portal_Source__c", "StageName", "CloseDate")
    assert [opportunity[name] for name in kept] == ["VPN", "Portal - Order Placement", "Post Processing", "2026-11-21"]
    items = await staff.children("OrderItem", "OrderId", order.order_id)
    assert [item["Billing_Cycle__c"] for item in items] == ["Monthly", "One-time"]
    assert items[1]["Config_Options__c"] == '{"colour": "black"}'
