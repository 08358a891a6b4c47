"""What each of Salesforce's events becomes on our bus."""

from datetime import UTC, datetime

import pytest

from portal_changefeed.bitmaps import WrongSchemaError
from portal_changefeed.decoding import UndecodableError, decode, parse_schema
from portal_changefeed.translation import Context, translate
from portal_contracts.changefeed import EventsMissed, OrderChanged, ProductChanged, ProvisionEventReceived

NOW = datetime(2026, 11, 21, tzinfo=UTC)
NOON = datetime.fromtimestamp(1795168800, UTC)
CONTEXT = Context("/data/OrderChangeEvent", "event-1", "005Sd0000000001IAA", NOW)


@pytest.fixture
def changed(events):
    def changed(entity="Order", **header):
        schema = events.change_schema(entity)
        return translate(schema, decode(schema, events.encode(schema, events.change(entity, **header))), CONTEXT)

    return changed


@pytest.fixture
def provisioned(events):
    def provisioned(**fields):
        schema = events.provision_schema()
        return translate(schema, decode(schema, events.encode(schema, events.provision(**fields))), CONTEXT)[0]

    return provisioned


def test_a_change_becomes_a_hint_without_values(changed, events):
    assert changed() == [
        OrderChanged(record_id=events.ORDER_ID, change="updated", fields=("Status",), by_us=False, committed_at=NOON)
    ]


def test_a_creation_names_no_fields(changed):
    (hint,) = changed(changeType="CREATE", changedFields=[])
    assert (hint.change, tuple(hint.fields)) == ("created", ())


def test_every_record_of_a_merged_event_gets_its_hint(changed):
    hints = changed("Product2", recordIds=["01tSd0000000001", "01tSd0000000002", "01tSd0000000001"])
    assert [type(hint) for hint in hints] == [ProductChanged, ProductChanged]
    assert all(len(hint.record_id) == 18 for hint in hints)


@pytest.mark.parametrize(
    ("origin", "user", "by_us"),
    [
        ("com/salesforce/api/rest/66.0;client=CustomerPortal", "005Sd0000000002", True),
        ("com/salesforce/api/rest/66.0; client=CustomerPortal ", "005Sd0000000002", True),
        ("", "005Sd0000000001", True),
        ("", "005Sd0000000001IAA", True),
        ("com/salesforce/api/soap/66.0;client=SfdcInternalAPI/", "005Sd0000000002", False),
        ("com/salesforce/api/rest/66.0;client=CustomerPortalBackup", "005Sd0000000002", False),
        ("", "", False),
    ],
)
def test_we_know_our_own_changes(changed, origin, user, by_us):
    assert changed(changeOrigin=origin, commitUser=user)[0].by_us is by_us


@pytest.mark.parametrize(
    ("kind", "change"),
    [("GAP_CREATE", "created"), ("GAP_UPDATE", "updated"), ("GAP_DELETE", "deleted"), ("GAP_UNDELETE", "undeleted")],
)
def test_a_gap_is_announced_and_its_records_are_hinted_at(changed, kind, change):
    hint, missed = changed(changeType=kind, changedFields=[])
    assert hint.change == change
    assert missed == EventsMissed(topic=CONTEXT.topic, reason="gap_event", detected_at=NOW)


def test_an_overflow_and_a_wildcard_name_no_records(changed):
    for header in ({"changeType": "GAP_OVERFLOW", "recordIds": []}, {"recordIds": ["801*"]}):
        assert [type(event) for event in changed(**header)] == [EventsMissed]


def test_a_snapshot_is_a_change_of_unknown_kind(changed):
    assert changed(changeType="SNAPSHOT")[0].change == "unknown"


def test_an_object_we_do_not_follow_is_not_understood(changed):
    with pytest.raises(UndecodableError, match="'Lead'"):
        changed("Lead")


def test_bits_beyond_the_schema_are_not_guessed_at(changed):
    with pytest.raises(WrongSchemaError):
        changed(changedFields=["0x80"])


def test_the_platform_event_passes_on_what_it_says(provisioned, events):
    """R146–R150: orders decides about all of it."""
    fields = {"IdemKey__c": "k", "CorrelationId__c": "c", "RequestedBy__c": "r", "Version__c": 1.0}
    assert provisioned(**fields) == ProvisionEventReceived(
        order_id=events.ORDER_ID,
        event_id="event-1",
        idempotency_key="k",
        correlation_id="c",
        requested_by="r",
        version=1,
        occurred_at=NOON,
    )


@pytest.mark.parametrize(("sent", "version"), [(None, None), (1.0, 1), (99.0, 99), (1.5, 0)])
def test_an_unknown_version_is_passed_on(provisioned, sent, version):
    assert provisioned(Version__c=sent).version == version


@pytest.mark.parametrize("sent", [None, "", "801Sd0000000001", "nonsense"])
def test_the_order_id_comes_as_it_came(provisioned, sent):
    assert provisioned(OrderId__c=sent).order_id == (sent or "")


def test_a_time_in_seconds_is_understood(provisioned):
    """Reference 4.8: official samples send seconds, the live bus milliseconds."""
    assert provisioned(CreatedDate=1795168800).occurred_at == NOON
    assert provisioned(CreatedDate=0).occurred_at == NOW


def test_the_documented_bytes_are_read():
    """Reference 4.12: encoding check."""
    fields = [
        {"name": "CreatedDate", "type": "long"},
        {"name": "CreatedById", "type": "string"},
        {"name": "OrderId__c", "type": ["null", "string"]},
        {"name": "Version__c", "type": ["null", "double"]},
    ]
    schema = parse_schema(
        __import__("json").dumps({"type": "record", "name": "OrderProvisionRequested__e", "fields": fields})
    )
    order = b"801000000000001AAA"
    payload = bytes.fromhex("80b4b086bf6824") + b"005000000000001AAA" + bytes.fromhex("0224") + order + b"\x00"
    assert decode(schema, payload) == {
        "CreatedDate": 1795168800000,
        "CreatedById": "005000000000001AAA",
        "OrderId__c": "801000000000001AAA",
        "Version__c": None,
    }


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff" * 64, b"noise" * 20])
def test_noise_is_not_an_event(events, payload):
    with pytest.raises(UndecodableError):
        decode(events.change_schema(), payload)


def test_a_payload_with_more_than_its_schema_is_not_an_event(events):
    schema = events.provision_schema()
    with pytest.raises(UndecodableError, match="longer"):
        decode(schema, events.encode(schema, events.provision()) + b"\x00")


@pytest.mark.parametrize("text", ["", "{", "[]", '"string"', '{"type": "record"}'])
def test_what_is_no_schema_of_a_record_is_refused(text):
    with pytest.raises(UndecodableError):
        parse_schema(text)
