"""Writing for WHMCS: PHP arrays and PHP's serialize() (reference/whmcs.md 1.1, 1.2)."""

import base64

import phpserialize
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal_billing.whmcs_wire import form_fields, php_serialized, values_by_id


@pytest.mark.parametrize(
    ("values", "serialized", "encoded"),
    [
        ({1: "Google"}, 'a:1:{i:1;s:6:"Google";}', "YToxOntpOjE7czo2OiJHb29nbGUiO30="),
        ({198: "9883"}, 'a:1:{i:198;s:4:"9883";}', "YToxOntpOjE5ODtzOjQ6Ijk4ODMiO30="),
        ({12: "田中"}, 'a:1:{i:12;s:6:"田中";}', "YToxOntpOjEyO3M6Njoi55Sw5LitIjt9"),
    ],
)
def test_custom_fields_match_the_reference_vectors(values, serialized, encoded):
    assert php_serialized(values).decode() == serialized
    assert values_by_id(values) == encoded


def test_a_quantity_option_keeps_its_words_as_keys():
    assert php_serialized({"optionid": 9, "qty": 2}) == b'a:2:{s:8:"optionid";i:9;s:3:"qty";i:2;}'


@pytest.mark.parametrize(
    ("key", "written"), [("1", b"i:1;"), ("01", b's:2:"01";'), ("-3", b"i:-3;"), ("²", b's:2:"\xc2\xb2";')]
)
def test_a_key_that_reads_as_a_whole_number_is_one_as_in_php(key, written):
    assert php_serialized({key: "x"}) == b"a:1:{" + written + b's:1:"x";}'


@given(st.dictionaries(st.integers(1, 2**31), st.text(max_size=60), min_size=1, max_size=6))
def test_an_independent_decoder_reads_back_what_was_written(values):
    encoded = values_by_id(values)
    assert encoded is not None
    decoded = phpserialize.loads(base64.b64decode(encoded), decode_strings=True)
    assert decoded == values


def test_no_custom_fields_leave_the_field_out():
    assert values_by_id({}) is None
    assert form_fields({"customfields": None}) == {}


def test_booleans_are_one_or_nothing_because_php_takes_false_for_true():
    assert form_fields({"noemail": True, "autosetup": False, "address2": ""}) == {"noemail": "1", "address2": ""}


def test_lists_keep_their_index_over_a_gap_and_maps_their_keys():
    assert form_fields({"pid": [5, 6], "customfields": [None, "x"], "email_preferences": {"invoice": 1}}) == {
        "pid[0]": "5",
        "pid[1]": "6",
        "customfields[1]": "x",
        "email_preferences[invoice]": "1",
    }
