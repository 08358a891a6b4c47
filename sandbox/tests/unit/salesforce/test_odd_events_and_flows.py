"""Events no healthy org would send, and the two optional automations of the org."""

import io
import json

import fastavro
import pytest

from portal_sandbox.salesforce.errors import SalesforceError
from portal_sandbox.salesforce.event_bus import Topic
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, PORTAL_USER_ID
from portal_sandbox.salesforce.seed import account_id
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

EVENT = "OrderProvisionRequested__e"


@pytest.fixture
def delivered(org):
    def read():
        found = []
        for event in org.bus.after(Topic("event", EVENT), 0, 1000):
            schema = fastavro.parse_schema(json.loads(org.bus.find_schema(event.schema_id)))
            found.append(fastavro.schemaless_reader(io.BytesIO(event.payload), schema))
        return found

    return read


def approved(staff, **fields):
    order = staff.order(Status="Pending Review", **fields)
    staff.update("Order", order, Status="Approved")
    return order


def test_an_approval_that_is_undone_has_told_everybody(staff, switch, delivered):
    """Publish Immediately: the event of a transaction that never was (reliability.md finding 5)."""
    order = staff.order(Status="Pending Review")
    switch(approvalRollsBack=True, commitLagSeconds=0)
    with pytest.raises(SalesforceError):
        staff.update("Order", order, Status="Approved")
    assert [event["OrderId__c"] for event in delivered()] == [order]
    assert staff.read("Order", order)["Status"] == "Pending Review"


def test_an_event_can_leave_before_its_commit(staff, switch, delivered):
    switch(publishBeforeCommit=True, commitLagSeconds=0)
    order = approved(staff)
    assert [event["OrderId__c"] for event in delivered()] == [order]
    assert staff.read("Order", order)["Status"] == "Approved"


def test_the_flow_can_lose_the_order_and_speak_another_version(staff, switch, delivered):
    """R146, R150."""
    switch(flowOmitsOrderId=True, flowEventVersion=9)
    approved(staff)
    (event,) = delivered()
    assert (event["OrderId__c"], event["Version__c"]) == (None, 9.0)


@pytest.mark.parametrize(("differ", "different"), [(False, 1), (True, 3)])
def test_the_flow_can_publish_several_times(staff, switch, delivered, differ, different):
    """R147, C20."""
    switch(flowCopies=3, flowCopiesDiffer=differ)
    approved(staff)
    events = delivered()
    assert len(events) == 3
    assert len({event["IdemKey__c"] for event in events}) == different


def test_the_trace_and_the_approver_travel_with_the_event(staff, delivered):
    """R148, R149."""
    approved(staff, Trace_Id__c="trace-1")
    (event,) = delivered()
    assert (event["CorrelationId__c"], event["RequestedBy__c"]) == ("trace-1", "staff@sandbox.invalid")


@pytest.mark.parametrize(("form", "length"), [("long", 18), ("short", 15), ("none", None)])
async def test_the_control_port_publishes_what_is_asked_for(whole, form, length):
    asked = {"orderId": "801Sn0000000001IAA", "copies": 5, "idForm": form, "differentKeys": True, "version": 2}
    reply = await whole.control("/salesforce/events", {**asked, "correlationId": "c", "requestedBy": "r"})
    assert reply.status_code == 201
    assert len(set(reply.json()["eventIds"])) == 5
    entries = whole.entries("salesforce.event.published")
    assert len(entries) == len({entry.detail["IdemKey__c"] for entry in entries}) == 5
    told = entries[0].detail
    assert (told["CorrelationId__c"], told["RequestedBy__c"], told["Version__c"]) == ("c", "r", 2)
    assert (told["OrderId__c"] and len(told["OrderId__c"])) == length
    assert len(whole.org.bus.after(Topic("event", EVENT), 0, 100)) == 5


async def test_an_event_older_than_the_retention_is_never_delivered(whole):
    for age, number in ((73 * 3600, 0), (71 * 3600, 1)):
        await whole.control("/salesforce/events", {"orderId": "801Sn0000000001IAA", "ageSeconds": age})
        assert len(whole.org.bus.after(Topic("event", EVENT), 0, 100)) == number


@pytest.mark.parametrize("asked", [{"copies": 0}, {"idForm": "medium"}, {"copies": "many"}, {"colour": "red"}])
async def test_an_event_that_cannot_be_meant_is_refused(whole, asked):
    assert (await whole.control("/salesforce/events", asked)).status_code == 400
    assert whole.entries("salesforce.event.published") == []


async def test_a_changed_eligibility_writes_to_the_customer_once(whole):
    """R158, R196: off until the switch is on; other changes are no reason."""
    account = account_id("SNX-10009")
    change = {"Internet_Eligibility_Status__c": "Checked", "Internet_Eligibility__c": "Home 1G"}
    await whole.salesforce("PATCH", f"sobjects/Account/{account}", {"Internet_Eligibility__c": "Home 10G"})
    whole.switch("salesforce", eligibilityFlow=True)
    assert whole.entries("salesforce.flow.eligibility_updated") == []
    await whole.salesforce("PATCH", f"sobjects/Account/{account}", change)
    await whole.salesforce("PATCH", f"sobjects/Account/{account}", {**change, "Phone": "03-0000-0000"})
    (entry,) = whole.entries("salesforce.flow.eligibility_updated", key=account)
    (address,) = entry.detail["to"]
    async with whole.client("sendgrid") as http:
        (mail,) = (await http.get("/_sim/messages", params={"to": address})).json()["messages"]
    assert "Home 1G" in mail["text"]
    assert whole.entries("sendgrid.mail.accepted") == []


@pytest.fixture
def whole_org(tmp_path, work_as):
    """Billing and org together, without a running loop."""
    sandbox = build_sandbox(Settings(data_dir=tmp_path, in_memory=True), ["whmcs", "salesforce"])
    yield sandbox.core, work_as(org_of(sandbox.core), PORTAL_USER_ID)
    sandbox.core.store.close()


def with_line(portal, number):
    order = portal.order(number)
    portal.item(order, "INT-HOME-1G")
    return order


def test_a_second_internet_line_is_refused_by_whmcs_services(whole_org):
    """R108: the WHMCS clients of SNX-10017 and SNX-10020 have an active and a cancelled Internet service."""
    core, portal = whole_org
    for number, client in (("SNX-10017", "5017"), ("SNX-10020", "5020")):
        portal.update("Account", account_id(number), WH_Account__c=client)
    assert with_line(portal, "SNX-10017")
    core.switches.update({"salesforce": {"internetLineValidation": True}})
    with pytest.raises(SalesforceError) as refused:
        with_line(portal, "SNX-10017")
    assert refused.value.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    order = portal.order("SNX-10017")
    assert portal.item(order, "VPN-US")
    assert with_line(portal, "SNX-10020")


def test_a_second_internet_line_is_refused_by_an_approved_order(portal, staff, switch):
    """R108; also when both were drafts and the first was approved meanwhile."""
    first, second = with_line(portal, "SNX-10001"), with_line(portal, "SNX-10001")
    switch(internetLineValidation=True)
    staff.update("Order", first, Status="Approved")
    with pytest.raises(SalesforceError):
        staff.update("Order", second, Status="Pending Review")
    staff.update("Order", second, Status="Cancelled")
    staff.update("Order", first, Status="Activated")
    assert staff.create(
        "Order",
        AccountId=account_id("SNX-10001"),
        Status="Draft",
        EffectiveDate="2026-11-21",
        Pricebook2Id=PORTAL_PRICEBOOK_ID,
    )
    with pytest.raises(SalesforceError):
        with_line(portal, "SNX-10001")


def test_the_sim_fields_are_there_with_the_other_optional_ones(portal, switch):
    order = portal.order(SIM_Card_Number__c="AX0000000000001", MNP_One_Stop__c=True)
    assert portal.read("Order", order)["SIM_Card_Number__c"] == "AX0000000000001"
    with pytest.raises(SalesforceError):
        portal.update("Order", order, SIM_Card_Number__c="AX00000000000012")
    switch(optionalOrderFields=False)
    with pytest.raises(SalesforceError):
        portal.order(SIM_Card_Number__c="AX0000000000001")
