"""What the price guard of the catalog hears of a WHMCS product (R092, I8)."""

from typing import Any

import pytest

from portal_billing.product import SoldProduct, check_line, described
from portal_contracts.billing import OrderLine
from portal_contracts.problems import Refused


def test_a_recurring_price_with_a_set_up_fee_is_no_single_price() -> None:
    product = SoldProduct(301, True, {"monthly": 2000, "annually": 20000}, {"monthly": 500, "annually": 0})
    assert described(301, product).prices == {"annually": 20000}


def test_a_one_time_price_is_paid_with_its_set_up_fee() -> None:
    assert described(311, SoldProduct(311, True, {"one_time": 3000}, {"one_time": 300})).prices == {"one_time": 3300}


def test_an_unknown_product_has_no_price() -> None:
    found = described(7, None)
    assert (found.exists, found.prices) == (False, {})


def ordered(**facts: Any) -> OrderLine:
    usual = {"sku": "X", "whmcs_product_id": 1, "billing_cycle": "monthly", "quantity": 1, "unit_price": 1000}
    return OrderLine.model_validate({**usual, "service": True, **facts})


@pytest.mark.parametrize("price", [1000, 1300])
def test_a_recurring_price_with_a_set_up_fee_agrees_with_no_order(price: int) -> None:  # I8
    """Whatever the order says, WHMCS would bill another amount at first or later: nothing is made."""
    with pytest.raises(Refused, match="PRICE_MISMATCH"):
        check_line(ordered(unit_price=price), SoldProduct(1, True, {"monthly": 1000}, {"monthly": 300}))


def test_an_option_that_whmcs_does_not_have_is_refused_before_anything_is_made() -> None:  # R087
    product = SoldProduct(1, True, {"monthly": 1000}, {}, {12: frozenset({34, 35})})
    check_line(ordered(config_options={12: 35}), product)
    check_line(ordered(), product)
    for wrong in ({12: 99}, {13: 34}):
        with pytest.raises(Refused, match="PRODUCT_UNMAPPED"):
            check_line(ordered(config_options=wrong), product)


def test_a_line_without_options_reads_and_writes_as_before_there_were_any() -> None:
    before = {name: value for name, value in ordered().model_dump().items() if name != "config_options"}
    assert OrderLine.model_validate(before) == ordered()
    again = OrderLine.model_validate_json(ordered(config_options={12: 34}).model_dump_json())
    assert again.config_options == {12: 34}
