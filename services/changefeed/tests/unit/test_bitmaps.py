"""Every vector of reference salesforce.md 4.11."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal_changefeed.bitmaps import WrongSchemaError, field_names, positions


@pytest.mark.parametrize(
    ("bitmap", "parent", "bits"),
    [
        ("0x410000", None, {16, 22}),
        ("0x400800", None, {11, 22}),
        ("0x010000", None, {16}),
        ("0x800000", None, {23}),
        ("0x100000000000800000", None, {23, 68}),
        ("6-0x01", 6, {0}),
        ("6-0x0180", 6, {7, 8}),
        ("0x0400000000000000", None, {58}),
        ("0x00", None, set()),
        ("0xff", None, set(range(8))),
    ],
)
def test_a_bitmap_says_which_bits_it_has(bitmap, parent, bits):
    assert positions(bitmap) == (parent, sorted(bits))


@given(st.sets(st.integers(min_value=0, max_value=200)))
def test_any_set_of_fields_comes_back(bits):
    """Encoded as the reference says: whole bytes, upper case, big-endian."""
    number = sum(1 << place for place in bits)
    text = f"{number:X}"
    assert positions("0x" + text.rjust((len(text) + 1) // 2 * 2, "0")) == (None, sorted(bits))


@pytest.mark.parametrize("bitmap", ["", "0x", "410000", "0xZZ", "-0x01", "a-0x01", "6-01", "0x01 ", "0x" + "F" * 600])
def test_what_is_no_bitmap_is_refused(bitmap):
    with pytest.raises(WrongSchemaError, match="not a bitmap"):
        positions(bitmap)


ADDRESS_PARTS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "StateCode",
    "CountryCode",
    "Latitude",
    "Longitude",
)
ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [
        {"name": name, "type": ["null", "string"]}
        for name in [
            "Street",
            "City",
            "State",
            "PostalCode",
            "Country",
            "StateCode",
            "CountryCode",
            "Latitude",
            "Longitude",
        ]
    ],
}
RECORD = {
    "type": "record",
    "name": "AccountChangeEvent",
    "fields": [
        {"name": "ChangeEventHeader", "type": {"type": "record", "name": "ChangeEventHeader", "fields": []}},
        {
            "name": "Name",
            "type": [
                "null",
                "string",
                {
                    "type": "record",
                    "name": "Switchable_PersonName",
                    "fields": [{"name": "FirstName", "type": "string"}, {"name": "LastName", "type": "string"}],
                },
            ],
        },
        {"name": "BillingAddress", "type": ["null", ADDRESS]},
        {"name": "ShippingAddress", "type": ["null", "Address"]},
        {"name": "OtherAddress", "type": ["null", "com.sforce.eventbus.Address"]},
        {"name": "Phone", "type": ["null", "string"]},
    ],
}


def test_names_come_from_the_schema_of_the_event():
    assert field_names(["0x22"], RECORD) == ["Name", "Phone"]
    assert field_names([], RECORD) == []


def test_children_of_a_compound_field_have_their_parents_name():
    assert field_names(["0x20", "1-0x02", "2-0x0180"], RECORD) == [
        "Phone",
        "Name.LastName",
        "BillingAddress.Latitude",
        "BillingAddress.Longitude",
    ]


def test_the_top_level_bitmap_may_be_missing():
    assert field_names(["2-0x01"], RECORD) == ["BillingAddress.Street"]


def test_a_compound_type_may_be_named_only():
    assert field_names(["3-0x02", "4-0x01"], RECORD) == ["ShippingAddress.City", "OtherAddress.Street"]


@pytest.mark.parametrize("bitmap", ["0x40", "9-0x01", "5-0x01", "2-0x0200"])
def test_a_bit_beyond_the_fields_means_the_wrong_schema(bitmap):
    with pytest.raises(WrongSchemaError):
        field_names([bitmap], RECORD)
