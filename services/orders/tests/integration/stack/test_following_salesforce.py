"""What happens in Salesforce shows in the portal, and what is approved is asked to be provisioned, whoever says so."""

import asyncio
from time import monotonic

import pytest

from portal_contracts.orders import MarkActivating, ReadOrderForProvisioning, RecordOutcome
from portal_contracts.problems import Refused

REQUESTED = "orders.order.provision_requested.v1"


async def place(stack, carts):
    return (await stack.check_out(*carts.vpn)).orders[0]


async def requests_for(stack, order_id):
    return [event for event in await stack.recorded(REQUESTED) if event["orderId"] == order_id]


async def test_a_staff_edit_shows_within_about_a_second_of_its_event(stack, staff, carts, eventually):
    order = await place(stack, carts)
    await staff.change("Order", order.order_id, BillingCity="港区", Activation_Type__c="Scheduled")
    begun = monotonic()
    await stack.changed(order.order_id, "BillingCity")

    async def shown():
        return (await stack.order(order.order_id)).address.city == "港区"

    await eventually(shown)
    assert monotonic() - begun < 5, "generous: the machine may be busy"
    assert await requests_for(stack, order.order_id) == []
    assert await stack.kinds(order.order_id) == ["order.placed", "order.rescheduled", "order.changed"]


async def test_an_edited_item_shows_too(stack, staff, carts, eventually):
    order = await place(stack, carts)
    item = next(
        one
        for one in await staff.children("OrderItem", "OrderId", order.order_id)
        if one["Billing_Cycle__c"] == "Monthly"
    )
    await staff.change("OrderItem", item["Id"], UnitPrice=2000)
    await stack.item_changed(item["Id"])

    async def shown():
        return (await stack.order(order.order_id)).monthly == 2000

    await eventually(shown)
    assert await stack.kinds(order.order_id) == ["order.placed", "order.changed"]


async def test_every_source_of_an_approval_asks_for_provisioning(stack, staff, carts, eventually):
    """C01: many are harmless; fulfillment decides."""
    order = await place(stack, carts)
    await staff.change("Order", order.order_id, Status="Approved")
    await stack.provision_event(order.order_id[:15])
    await stack.provision_event(order.order_id)
    await stack.changed(order.order_id, "Status", "Activation_Status__c")
    await stack.events_missed()

    async def three():
        return len(await requests_for(stack, order.order_id)) >= 3

    await eventually(three)
    sources = [event["source"] for event in await requests_for(stack, order.order_id)]
    assert sources.count("platform_event") == 2
    assert sources.count("change_event") == 1
    assert await stack.kinds(order.order_id) == ["order.placed", "order.approved"]


async def test_an_event_ahead_of_its_commit_is_waited_for(stack, staff, carts, eventually):
    order = await place(stack, carts)
    await stack.provision_event(order.order_id)
    await asyncio.sleep(0.3)
    assert await requests_for(stack, order.order_id) == []
    await staff.change("Order", order.order_id, Status="Approved")
    await eventually(lambda: requests_for(stack, order.order_id))


async def test_an_event_nobody_can_read_is_a_dead_letter(stack, carts, eventually):
    """R146, R150."""
    order = await place(stack, carts)
    await stack.provision_event("")
    await stack.provision_event(order.order_id, version=99)

    async def both():
        return len(await stack.rows("portal_dead_letter")) == 2

    await eventually(both)


@pytest.mark.parametrize("stack_settings", [{"PORTAL_SWEEP_SECONDS": "1"}])
async def test_the_sweeper_alone_finds_an_approved_order(stack, staff, carts, eventually):
    """No event ever comes (C01); and it asks once, not with every round."""
    order = await place(stack, carts)
    await staff.change("Order", order.order_id, Status="Approved")
    await eventually(lambda: requests_for(stack, order.order_id))
    assert (await stack.order(order.order_id)).state == "approved"
    await asyncio.sleep(2.5)
    assert [event["source"] for event in await requests_for(stack, order.order_id)] == ["sweeper"]


async def test_a_rejection_voids_the_opportunity_and_frees_the_internet_line(stack, staff, carts, eventually):
    """R129, C36, C40: the customer reads our words, not staff's."""
    order = (await stack.check_out(*carts.internet, key="request-0001")).orders[0]
    await staff.change("Order", order.order_id, Status="Cancelled", Description="Rejected: no fibre, rude customer")
    await stack.changed(order.order_id, "Status", "Description")
    assert await eventually(lambda: stack.recorded("orders.order.rejected.v1"))
    mail = await stack.mail(order.order_id)
    assert "rude" not in mail.rejection.en

    async def void():
        record = await staff.record("Opportunity", order.opportunity_id)
        return record["StageName"] == "Void" and "no fibre" in record["Description"]

    await eventually(void)
    assert await stack.kinds(order.order_id) == ["order.placed", "order.rejected"]
    again = await stack.check_out(*carts.internet, key="request-0002")
    assert again.orders[0].opportunity_id != order.opportunity_id


async def test_an_order_of_the_account_that_the_portal_did_not_make_shows(stack, staff, account, eventually):
    pricebook = stack.environment["PORTAL_PRICEBOOK_ID"]
    order_id = await staff.create(
        "Order", AccountId=account, Status="Draft", EffectiveDate="2026-11-21", Pricebook2Id=pricebook
    )
    vpn = next(one for one in stack.others.products if one.sku == "VPN-US")
    await staff.create("OrderItem", OrderId=order_id, PricebookEntryId=vpn.pricebook_entry_id, Quantity=1)
    await staff.change("Order", order_id, Status="Pending Review")
    await stack.changed(order_id, "Status")

    async def listed():
        return [order.name.en for order in await stack.list() if order.order_id == order_id]

    assert await eventually(listed) == [vpn.name.en]


async def test_provisioning_reads_marks_and_records(stack, staff, carts, eventually):
    """The whole of what fulfillment asks for, once with a failure on the way (C04, C20, C37)."""
    order = (await stack.check_out(*carts.sim, key="request-0001")).orders[0]
    staff.switch(flowEnabled=False)
    await staff.change("Order", order.order_id, Status="Approved")
    await stack.changed(order.order_id, "Status")
    ask = stack.fulfillment.ask
    live = await ask(ReadOrderForProvisioning(order_id=order.order_id))
    assert (live.state, live.activation, live.whmcs_client_id) == ("approved", "not_started", 42)
    assert [line.service for line in live.lines].count(True) == 1
    assert (live.esim, live.voice, live.sim_plan) == (True, True, "SIM-VOICE-ESIM-20G")
    assert live.voice_options == ["SIM-VOICEMAIL"]
    assert live.eid
    key = {"order_id": order.order_id, "attempt": 1}
    await ask(MarkActivating(**key))
    before = await staff.record("Order", order.order_id)
    await ask(MarkActivating(**key))
    assert (await staff.record("Order", order.order_id))["SystemModstamp"] == before["SystemModstamp"], "C20"
    await ask(RecordOutcome(**key, outcome="blocked", code="PAYMENT_METHOD_MISSING"))
    record = await staff.record("Order", order.order_id)
    assert record["Activation_Status__c"] == "Failed"
    assert record["Activation_Error__c"].startswith("PAYMENT_METHOD_MISSING: ")
    assert record["Activation_Error_DateTime__c"]
    shown = await stack.order(order.order_id)
    assert (shown.activation, shown.status.en) == ("awaiting_payment_method", "Awaiting payment method")
    assert (shown.who_acts.owner, shown.who_acts.action) == ("customer", "/billing/payment-methods")
    await ask(MarkActivating(**key))
    done = RecordOutcome(**key, outcome="activated", whmcs_order_id=77, whmcs_service_id=88)
    await ask(done)
    await ask(done)
    await ask(RecordOutcome(**key, outcome="failed", code="SIM_REFUSED"))
    record = await staff.record("Order", order.order_id)
    kept = ("Status", "Activation_Status__c", "WHMCS_Order_Id__c", "Activation_Error__c")
    assert [record[name] for name in kept] == ["Activated", "Provisioned", 77, None]
    opportunity = await staff.record("Opportunity", order.opportunity_id)
    assert (opportunity["StageName"], opportunity["WHMCS_Service_ID__c"]) == ("Active", 88)
    shown = await stack.order(order.order_id)
    assert (shown.state, shown.activation, shown.service_id) == ("completed", "activated", 88)
    with pytest.raises(Refused):
        await ask(MarkActivating(**key))


@pytest.mark.parametrize("call", ["mark", "record"])
async def test_a_lost_answer_to_a_write_back_is_made_good(stack, staff, carts, call):
    order = await place(stack, carts)
    staff.switch(flowEnabled=False)
    await staff.change("Order", order.order_id, Status="Approved")
    await stack.fulfillment.ask(ReadOrderForProvisioning(order_id=order.order_id))
    staff.fault("composite", "after_effect", times=1)
    key = {"order_id": order.order_id, "attempt": 1}
    if call == "mark":
        await stack.fulfillment.ask(MarkActivating(**key))
        assert (await staff.record("Order", order.order_id))["Activation_Status__c"] == "Activating"
    else:
        await stack.fulfillment.ask(RecordOutcome(**key, outcome="activated", whmcs_order_id=7, whmcs_service_id=8))
        assert (await staff.record("Order", order.order_id))["Status"] == "Activated"


async def test_an_account_without_a_customer_is_not_provisioned(stack, staff, carts):
    order = await place(stack, carts)
    stack.others.linked.clear()
    with pytest.raises(Refused) as caught:
        await stack.fulfillment.ask(ReadOrderForProvisioning(order_id=order.order_id))
    assert caught.value.code == "CUSTOMER_NOT_LINKED"
