import io
import json

import fastavro
import pytest

from portal_sandbox.salesforce.change_capture import bitmap
from portal_sandbox.salesforce.event_bus import Topic
from portal_sandbox.salesforce.ids import PORTAL_USER_ID
from portal_sandbox.salesforce.seed import account_id, entry_id, product_id


@pytest.fixture
def published(org):
    """Decoded events of a topic."""

    def decode(kind, entity=None):
        found = []
        for event in org.bus.after(Topic(kind, entity), 0, 1000):
            schema = json.loads(org.bus.find_schema(event.schema_id))
            assert schema["uuid"] == event.schema_id
            found.append(fastavro.schemaless_reader(io.BytesIO(event.payload), fastavro.parse_schema(schema)))
        return found

    return decode


def changed_names(org, entity, event):
    names = [field["name"] for field in json.loads(_schema(org, entity))["fields"]]
    (first, *_) = event["ChangeEventHeader"]["changedFields"]
    bits = int(first, 16)
    return {name for position, name in enumerate(names) if bits >> position & 1}


def _schema(org, entity):
    (event, *_) = org.bus.after(Topic("change", entity), 0, 1)
    return org.bus.find_schema(event.schema_id)


@pytest.mark.parametrize(
    ("positions", "text"),
    [
        ([16, 22], "0x410000"),
        ([11, 22], "0x400800"),
        ([16], "0x010000"),
        ([23], "0x800000"),
        ([23, 68], "0x100000000000800000"),
        ([7, 8], "0x0180"),
        ([0], "0x01"),
    ],
)
def test_bitmaps_are_big_endian_whole_bytes(positions, text):
    assert bitmap(positions) == text


def test_an_approval_sets_activating_and_publishes_once(staff, published):
    order = staff.order(Status="Pending Review")
    staff.update("Order", order, Activation_Error__c="OLD: error", Activation_Status__c="Failed")
    staff.update("Order", order, Status="Approved")
    row = staff.read("Order", order)
    assert (row["Activation_Status__c"], row["Activation_Error__c"]) == ("Activating", None)
    (event,) = published("event")
    assert event["OrderId__c"] == order
    assert event["IdemKey__c"].startswith(f"{order}-")
    assert event["Version__c"] == 1.0
    assert event["RequestedBy__c"] == "staff@sandbox.invalid"


def test_a_retry_by_staff_publishes_again_with_another_key(staff, published):
    """R144, R176."""
    order = staff.order(Status="Pending Review")
    staff.update("Order", order, Status="Approved")
    staff.update("Order", order, Activation_Status__c="Failed")
    staff.update("Order", order, Activation_Status__c="Activating")
    first, second = published("event")
    assert first["IdemKey__c"] != second["IdemKey__c"]


def test_the_portals_own_write_fires_the_flow_only_with_self_trigger(staff, portal, switch, published):
    """C20: with the switch one approval yields two events with two keys."""
    order = staff.order(Status="Pending Review")
    portal.update("Order", order, Activation_Status__c="Activating")
    assert published("event") == []
    switch(flowSelfTrigger=True)
    other = staff.order(Status="Pending Review")
    staff.update("Order", other, Status="Approved")
    assert len({event["IdemKey__c"] for event in published("event")}) == 2
    portal.update("Order", other, Activation_Status__c="Pending Review")
    portal.update("Order", other, Activation_Status__c="Activating")
    assert len(published("event")) == 3


def test_a_disabled_flow_leaves_the_order_alone(staff, switch, published):
    switch(flowEnabled=False, flowShortIds=True)
    order = staff.order(Status="Pending Review")
    staff.update("Order", order, Status="Approved")
    assert staff.read("Order", order)["Activation_Status__c"] is None
    assert published("event") == []
    switch(flowEnabled=True)
    staff.update("Order", order, Activation_Status__c="Activating")
    assert published("event")[0]["OrderId__c"] == order[:15]


def test_a_transaction_yields_one_event_per_record(staff, published):
    order = staff.order(Status="Pending Review")
    before = len(published("change", "Order"))
    staff.update("Order", order, Status="Approved")
    events = published("change", "Order")
    assert len(events) == before + 1
    assert events[-1]["ChangeEventHeader"]["recordIds"] == [order]
    assert events[-1]["Status"] == "Approved"
    assert events[-1]["Activation_Status__c"] == "Activating"


def test_a_created_record_shows_all_fields_and_no_bitmaps(portal, published):
    portal.order(BillingCity="Tokyo", BillingPostalCode="100-0001")
    (event,) = published("change", "Order")
    header = event["ChangeEventHeader"]
    assert (header["changeType"], header["changedFields"], header["nulledFields"]) == ("CREATE", [], [])
    assert header["changeOrigin"] == "com/salesforce/api/rest/62.0;client=Portal"
    assert header["commitUser"] == PORTAL_USER_ID
    assert event["AccountId"] == account_id("SNX-10001")
    assert event["BillingAddress"]["City"] == "Tokyo"


def test_an_update_shows_what_changed_and_what_was_emptied(portal, org, published):
    account = account_id("SNX-10001")
    portal.update("Account", account, WH_Account__c="5001", BillingCity="港区", Internet_Eligibility__c=None)
    (event,) = published("change", "Account")
    header = event["ChangeEventHeader"]
    assert changed_names(org, "Account", event) == {"WH_Account__c", "Internet_Eligibility__c", "LastModifiedDate"} | {
        "LastModifiedById"
    }
    assert len(header["nulledFields"]) == 1
    (compound,) = [part for part in header["changedFields"] if "-" in part]
    position, bits = compound.split("-")
    fields = json.loads(_schema(org, "Account"))["fields"]
    assert (fields[int(position)]["name"], bits) == ("BillingAddress", "0x02")
    assert event["BillingAddress"] == {
        **dict.fromkeys(event["BillingAddress"]),
        "City": "港区",
    }
    assert event["Name"] is None


def test_an_update_without_a_difference_is_no_event(portal, published):
    portal.update("Account", account_id("SNX-10001"), SF_Account_No__c="SNX-10001")
    assert published("change") == []


def test_records_of_one_transaction_share_its_key_in_sequence(portal, published):
    def both(transaction):
        item = transaction.schema.objects["Product2"]
        for sku in ("VPN-US", "VPN-UK"):
            transaction.update(item, product_id(sku), {"Portal_Visible__c": False})

    portal.run(both)
    first, second = (event["ChangeEventHeader"] for event in published("change"))
    assert first["transactionKey"] == second["transactionKey"]
    assert first["commitNumber"] == second["commitNumber"]
    assert (first["sequenceNumber"], second["sequenceNumber"]) == (1, 2)


def test_equal_changes_merge_when_the_switch_says_so(portal, switch, published):
    switch(changeMerge=True)

    def both(transaction):
        item = transaction.schema.objects["Product2"]
        for sku in ("VPN-US", "VPN-UK"):
            transaction.update(item, product_id(sku), {"Portal_Visible__c": False})

    portal.run(both)
    (event,) = published("change")
    assert event["ChangeEventHeader"]["recordIds"] == [product_id("VPN-US"), product_id("VPN-UK")]


def test_gap_events_carry_a_header_only(portal, switch, published):
    switch(changeGap="GAP_UPDATE")
    portal.update("PricebookEntry", entry_id("VPN-US"), UnitPrice=2600)
    (event,) = published("change")
    assert event["ChangeEventHeader"]["changeType"] == "GAP_UPDATE"
    assert event["UnitPrice"] is None


def test_only_selected_objects_have_change_events(portal, switch, published):
    portal.create("Case", Subject="silent")
    assert published("change") == []
    switch(changeEntities="Case")
    portal.create("Case", Subject="loud")
    portal.update("Account", account_id("SNX-10001"), WH_Account__c="1")
    assert [event["ChangeEventHeader"]["entityName"] for event in published("change")] == ["Case"]


def test_a_deleted_record_shows_nothing_but_its_id(portal, published):
    order = portal.order()
    portal.delete("Order", order)
    header = published("change", "Order")[-1]["ChangeEventHeader"]
    assert (header["changeType"], header["recordIds"]) == ("DELETE", [order])


def test_a_long_text_arrives_as_a_difference(portal, published):
    order = portal.order(Description="first\n" + "x" * 1200)
    portal.update("Order", order, Description="second\n" + "x" * 1200)
    event = published("change", "Order")[-1]
    assert event["ChangeEventHeader"]["diffFields"]
    assert event["Description"].startswith("--- ")


def test_events_may_leave_before_a_commit_that_never_comes(staff, switch, published):
    switch(publishBeforeCommit=True, commitLagSeconds=0)
    order = staff.order(Status="Pending Review")

    def approve_and_fail(transaction):
        transaction.update(transaction.schema.objects["Order"], order, {"Status": "Approved"})
        raise LookupError(order)

    with pytest.raises(LookupError):
        staff.run(approve_and_fail)
    assert staff.read("Order", order)["Status"] == "Pending Review"
    assert len(published("event")) == 1
    staff.update("Order", order, Status="Approved")
    assert staff.read("Order", order)["Status"] == "Approved"
    assert len(published("event")) == 2


def test_the_ledger_keeps_effects_and_nothing_that_was_rolled_back(portal, core):
    order = portal.order()
    with pytest.raises(LookupError):
        portal.run(lambda t: [t.update(t.schema.objects["Order"], order, {"Description": "x"}), {}["gone"]])
    (entry,) = core.ledger.entries(vendor="salesforce", key=order)
    assert entry.kind == "salesforce.order.created"


def test_replay_ids_are_opaque_positions_that_age(org, portal, core, switch):
    portal.order()
    (event,) = org.bus.after(Topic("change", "Order"), 0, 10)
    replay = org.bus.encode(event.position)
    assert len(replay) == 10
    assert org.bus.decode(replay) == org.bus.decode(replay[:8]) == event.position
    assert org.bus.decode((event.position + 1).to_bytes(8, "big")) is None
    switch(replayGeneration=1)
    assert org.bus.decode(replay) is None
    assert org.bus.decode(org.bus.encode(event.position)) == event.position
    core.clock.advance(72 * 3600 + 60)
    assert org.bus.decode(org.bus.encode(event.position)) is None
    assert org.bus.after(Topic("change", "Order"), 0, 10) == []


def test_an_idle_bus_moves_on_so_that_a_waiting_position_stays_valid(org, portal, core):
    portal.order()
    first = org.bus.latest_mark()
    core.clock.advance(71 * 3600)
    second = org.bus.latest_mark()
    assert second > first
    core.clock.advance(2 * 3600)
    assert org.bus.decode(org.bus.encode(first)) is None
    assert org.bus.decode(org.bus.encode(second)) == second
