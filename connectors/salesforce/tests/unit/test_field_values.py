from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal_salesforce.field_values import Reference, day, foreign_id, incoming, moment, outgoing, whole_number


def test_fields_are_written_in_salesforce_forms():
    fields = {
        "A__c": "x",
        "B__c": True,
        "C__c": 5500,
        "D__c": None,
        "E__c": date(2026, 11, 20),
        "F__c": datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9))),
        "G__c": Decimal("5500.00"),
        "H__c": Reference("order"),
        "Account": {"SF_Account_No__c": "SNX-10001"},
    }
    assert outgoing(fields) == {
        "A__c": "x",
        "B__c": True,
        "C__c": 5500,
        "D__c": None,
        "E__c": "2026-11-20",
        "F__c": "2026-11-20T01:00:00.123Z",
        "G__c": 5500,
        "H__c": "@{order.id}",
        "Account": {"SF_Account_No__c": "SNX-10001"},
    }


def test_a_typed_text_never_becomes_a_reference():
    assert outgoing({"Description": "see @{order.id}"}) == {"Description": "see @ {order.id}"}


@pytest.mark.parametrize("reference", ["", "a.b", "a}", "1a", "a b", "x" * 41])
def test_a_reference_has_the_shape_salesforce_takes(reference):
    with pytest.raises(ValueError, match="sub-request"):
        outgoing({"AccountId": Reference(reference)})


@pytest.mark.parametrize("fields", [{"a b": 1}, {"A__c": 1.5}, {"A__c": [1]}, {"A__c": datetime(2026, 1, 1)}])  # noqa: DTZ001 - that is the point
def test_what_cannot_be_sent_is_refused_here(fields):
    with pytest.raises(ValueError, match=r"not an API name|cannot be sent"):
        outgoing(fields)


def test_records_arrive_without_their_wrapping():
    raw = {
        "attributes": {"type": "Order"},
        "Id": "801",
        "Account": {"attributes": {}, "Name": "n", "Owner": {"attributes": {}, "Name": "o"}},
        "OrderItems": {"totalSize": 1, "done": True, "records": [{"attributes": {}, "Id": "802"}]},
        "Cases": None,
    }
    assert incoming(raw, ("OrderItems", "Cases")) == {
        "Id": "801",
        "Account": {"Name": "n", "Owner": {"Name": "o"}},
        "OrderItems": [{"Id": "802"}],
        "Cases": [],
    }


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (None, None),
        (Decimal("12345678901234567.0"), "12345678901234567"),
        (Decimal("1E+3"), "1000"),
        (201, "201"),
        ("201", "201"),
        (" 201 ", "201"),
        ("201.0", "201"),
        ("W-1.0", "W-1.0"),
    ],
)
def test_an_id_of_another_system_is_a_text_without_point_or_exponent(wire, text):
    """C05, C06."""
    assert foreign_id(wire) == text


@given(st.integers(min_value=0, max_value=10**18))
def test_large_ids_survive_a_number_field(number):
    """C06: Number(18,0)."""
    assert foreign_id(Decimal(f"{number}.0")) == str(number)


@pytest.mark.parametrize("wire", [Decimal("1.5"), Decimal("NaN"), Decimal("Infinity")])
def test_a_number_with_a_fraction_is_no_id_and_no_amount(wire):
    with pytest.raises(ValueError, match="whole"):
        foreign_id(wire)
    with pytest.raises(ValueError, match="whole"):
        whole_number(wire)


@pytest.mark.parametrize("wire", ["abc", True])
def test_what_is_no_number_is_refused(wire):
    with pytest.raises(ValueError, match="not a number"):
        whole_number(wire)


def test_moments_and_days_are_read():
    assert moment("2026-11-20T10:00:00.000+0000") == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert moment("2026-11-20T10:00:00Z") == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert day("2026-11-20") == date(2026, 11, 20)
    assert moment(None) is day("") is whole_number("") is None
    with pytest.raises(ValueError, match="zone"):
        moment("2026-11-20T10:00:00")
