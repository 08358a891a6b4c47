"""What the price guard of the catalog hears of a WHMCS product (R092, I8)."""

from portal_billing.product import SoldProduct, described


def test_a_recurring_price_with_a_set_up_fee_is_no_single_price() -> None:
    product = SoldProduct(301, True, {"monthly": 2000, "annually": 20000}, {"monthly": 500, "annually": 0})
    assert described(301, product).prices == {"annually": 20000}


def test_a_one_time_price_is_paid_with_its_set_up_fee() -> None:
    assert described(311, SoldProduct(311, True, {"one_time": 3000}, {"one_time": 300})).prices == {"one_time": 3300}


def test_an_unknown_product_has_no_price() -> None:
    found = described(7, None)
    assert (found.exists, found.prices) == (False, {})
