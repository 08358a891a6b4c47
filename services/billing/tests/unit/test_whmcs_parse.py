"""The quirks of reference/whmcs.md section 2, one by one (D06)."""

from datetime import UTC, date, datetime

import pytest

from portal_billing import whmcs_parse as parse
from portal_billing.whmcs_parse import BadAnswer

ROW = {"id": 1}


@pytest.mark.parametrize(
    "empty", [[], {}, "", None, {"invoice": []}, {"invoice": {}}, {"invoice": ""}, {"invoice": None}]
)
def test_every_empty_list_is_empty(empty):
    assert parse.rows({"invoices": empty}, "invoices", "invoice") == []
    assert parse.rows({}, "invoices", "invoice") == []


@pytest.mark.parametrize(
    ("held", "count"),
    [
        ({"invoice": [ROW, ROW]}, 2),
        ({"invoice": ROW}, 1),
        ({"invoice": {"0": ROW, "1": ROW}}, 2),
        ({"0": ROW, "1": ROW}, 2),
    ],
)
def test_lists_bare_objects_and_numbered_objects_are_lists(held, count):
    assert len(parse.rows({"invoices": held}, "invoices", "invoice")) == count


def test_numbered_objects_keep_their_order():
    held = {"10": {"id": 3}, "2": {"id": 2}, "0": {"id": 1}}
    assert [row["id"] for row in parse.rows({"users": held}, "users")] == [1, 2, 3]


@pytest.mark.parametrize("held", ["text", 5, [1], {"invoice": "text"}, {"invoice": [None]}, {"bill": [ROW]}])
def test_anything_else_is_no_empty_list(held):
    with pytest.raises(BadAnswer):
        parse.rows({"invoices": held}, "invoices", "invoice")


@pytest.mark.parametrize(("value", "number"), [(7, 7), ("7", 7), ("7.00", 7), (" 7 ", 7), (2**40, 2**40)])
def test_numbers_come_as_numbers_and_as_text(value, number):
    assert parse.whole({"id": value}, "id") == number


@pytest.mark.parametrize("value", ["", None, "x", "7.5", True, "NaN", "Infinity", []])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(BadAnswer):
        parse.whole({"id": value}, "id")


@pytest.mark.parametrize(
    ("value", "yen"), [("1500.00", 1500), (1500, 1500), ("-20.00", -20), ("0.50", 1), ("15.49", 15)]
)
def test_amounts_are_whole_yen(value, yen):
    assert parse.yen({"total": value}, "total") == yen


@pytest.mark.parametrize("value", ["", None, "¥1,500 JPY", "NaN"])
def test_an_unreadable_amount_is_never_zero(value):
    with pytest.raises(BadAnswer):
        parse.yen({"total": value}, "total")


@pytest.mark.parametrize(("value", "truth"), [(True, True), (1, True), ("1", True), ("on", True), ("true", True)])
def test_true_has_many_forms(value, truth):
    assert parse.flag(value) is truth


@pytest.mark.parametrize("value", [False, 0, "0", "", "false", "off", None])
def test_false_has_many_forms(value):
    assert parse.flag(value) is False


@pytest.mark.parametrize("value", ["0000-00-00", "0000-00-00 00:00:00", "", None, "31/12/2025"])
def test_zero_dates_are_none(value):
    assert parse.day(value) is None
    assert parse.moment(value) is None


def test_times_are_local_to_tokyo():
    assert parse.day("2026-01-31 23:59:00") == date(2026, 1, 31)
    assert parse.moment("2026-01-31 08:00:00") == datetime(2026, 1, 30, 23, tzinfo=UTC)


def test_text_is_unescaped_once_and_stripped_of_tags():
    assert parse.text({"name": " O&#039;Brien &amp;amp; Co "}, "name") == "O'Brien &amp; Co"
    assert parse.plain_text({"d": "Plan<br>fast &amp; <b>good</b>"}, "d") == "Plan fast & good"


@pytest.mark.parametrize(
    "held",
    [
        [{"id": "1201", "value": "x"}],
        {"customfield": [{"id": 1201, "value": "x"}]},
        {"customfield": {"id": 1201, "value": "x"}},
    ],
)
def test_custom_fields_are_read_by_id_flat_or_nested(held):
    assert parse.custom_values({"customfields": held}) == {1201: "x"}


@pytest.mark.parametrize("name", ["One Time", "One-Time", "onetime", "one_time"])
def test_cycles_have_one_spelling(name):
    assert parse.cycle(name) == "onetime"


def test_comma_lists_of_ids_may_be_single_or_empty():
    assert [parse.ids(value) for value in ("1,2", "7", 7, "", None)] == [(1, 2), (7,), (7,), (), ()]


def test_an_answer_about_another_client_is_refused():
    parse.check_client("5", 5)
    parse.check_client(None, 5, optional=True)
    for value in (6, None, ""):
        with pytest.raises(BadAnswer):
            parse.check_client(value, 5)
