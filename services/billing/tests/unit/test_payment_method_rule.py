"""Whether a card can be charged (whmcs.md 5.1, R063)."""

from datetime import date

import pytest

from portal_billing.payment_method import usable

TODAY = date(2026, 4, 15)


@pytest.mark.parametrize("expires", [None, "", "04/26", "05/26", "01/27", "12/26", "0426", "04/2026"])
def test_a_card_is_good_to_the_end_of_its_month_and_without_one_for_ever(expires):
    assert usable("card", expires, TODAY)


@pytest.mark.parametrize("expires", ["03/26", "12/25", "00/30", "13/30", "soon", "0000-00-00"])
def test_an_expired_or_unreadable_card_is_not_usable(expires):
    assert not usable("card", expires, TODAY)


def test_december_ends_with_the_year():
    assert usable("card", "12/26", date(2026, 12, 31))
    assert not usable("card", "12/26", date(2027, 1, 1))


def test_a_method_of_an_unknown_kind_is_not_counted_on():
    assert not usable("unknown", None, TODAY)
    assert usable("bank_account", None, TODAY)
