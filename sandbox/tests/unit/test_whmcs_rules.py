from datetime import date

import pytest

from portal_sandbox.whmcs.answers import entity_escaped
from portal_sandbox.whmcs.billing_cycles import add_months, next_due, request_form
from portal_sandbox.whmcs.calls import money, parse_money
from portal_sandbox.whmcs.hooks import signature
from portal_sandbox.whmcs.new_orders import line_description


def test_the_reference_signature_vector_is_made():
    expected = "v1=c8600aa2cf57710fa3fc0c4942279b54d81df3b61a30f1f11c9a9d42fb44a735"
    assert signature("topsecret", 1767225600, b'{"event":"InvoicePaid"}') == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [("Monthly", "monthly"), ("Semi-Annually", "semiannually"), ("One Time", "onetime"), ("Free Account", "free")],
)
def test_the_three_spellings_of_a_cycle_are_one(text, form):
    assert request_form(text) == form


def test_due_dates_stay_in_their_month():
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert next_due(date(2026, 3, 15), "Annually") == date(2027, 3, 15)
    assert next_due(date(2026, 3, 15), "One Time") is None


def test_a_recurring_line_names_its_period():
    assert line_description("Plan", date(2026, 1, 1), "Monthly") == "Plan (2026/01/01 - 2026/01/31)"
    assert line_description("Fee", date(2026, 1, 1), "One Time") == "Fee"


def test_money_has_two_decimals_also_for_yen():
    assert [money(amount) for amount in (550000, 5, -150)] == ["5500.00", "0.05", "-1.50"]
    assert [parse_money(text) for text in ("5500", "12.5", "x", "Infinity")] == [550000, 1250, 0, 0]


def test_text_is_escaped_as_php_does():
    assert entity_escaped("""O'Brien & <b>"x\"""") == "O&#039;Brien &amp; &lt;b&gt;&quot;x&quot;"
