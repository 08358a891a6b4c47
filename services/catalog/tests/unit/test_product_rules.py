from decimal import Decimal

import pytest

from portal_catalog.product import Defect, JudgedProduct, judge
from portal_catalog.testing import VPN, VPN_AT_BILLING, vpn


def judged(**changes) -> JudgedProduct:
    found = judge(vpn(**changes), VPN_AT_BILLING, verified=True)
    assert isinstance(found, JudgedProduct)
    return found


def test_a_whole_product_is_shown_and_sold() -> None:
    found = judge(VPN, VPN_AT_BILLING, verified=True)
    assert isinstance(found, JudgedProduct)
    assert found.shown is not None
    assert (found.shown.price, found.shown.orderable, found.defects) == (2500, True, ())
    assert (found.shown.name.ja, found.shown.description.ja) == ("VPN アメリカ", "An address in the USA.")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"sku": None}, "R083"),
        ({"item_class": "Gadget"}, "R086"),
        ({"billing_cycle": "Weekly"}, "R085"),
        ({"billing_cycle": None}, "R085"),
        ({"category": "Television"}, "category"),
    ],
)
def test_a_product_that_cannot_be_described_is_a_defect_and_no_crash(change, rule) -> None:
    found = judge(vpn(**change), VPN_AT_BILLING, verified=True)
    assert isinstance(found, Defect)
    assert rule in found.reasons[0]


@pytest.mark.parametrize("change", [{"active": False}, {"visible": False}, {"price": None, "entry_id": None}])
def test_what_is_inactive_unapproved_or_unpriced_is_neither_shown_nor_sold(change) -> None:  # R074, R076, R081
    found = judged(**change)
    assert found.shown is None
    assert (found.sold.orderable, found.sold.problem) == (False, "PRODUCT_NOT_ORDERABLE")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"whmcs_product_ids": ()}, "PRODUCT_UNMAPPED"),
        ({"whmcs_product_ids": ("301", "302")}, "PRODUCT_UNMAPPED"),  # C05
        ({"whmcs_product_ids": ("3e2",)}, "PRODUCT_UNMAPPED"),  # C06
        ({"options_json": "{broken"}, "PRODUCT_NOT_ORDERABLE"),  # R087
        ({"options_json": "[1]"}, "PRODUCT_NOT_ORDERABLE"),
        ({"price": Decimal("2500.5")}, "PRODUCT_NOT_ORDERABLE"),
    ],
)
def test_a_malformed_field_is_reported_and_the_product_unorderable(change, problem) -> None:
    found = judged(**change)
    assert (found.sold.orderable, found.sold.problem) == (False, problem)
    assert found.defects


@pytest.mark.parametrize("ids", [("301",), ("301", "301"), ("301.0", "301"), (" 301 ",)])
def test_two_aliases_that_agree_are_one_id(ids) -> None:  # C05, C06
    assert judged(whmcs_product_ids=ids).sold.whmcs_product_id == 301


@pytest.mark.parametrize(
    ("at_billing", "problem"),
    [
        (VPN_AT_BILLING.model_copy(update={"marker_mapped": False}), "MARKER_UNMAPPED"),
        (VPN_AT_BILLING.model_copy(update={"exists": False}), "PRODUCT_UNMAPPED"),
        (VPN_AT_BILLING.model_copy(update={"prices": {"monthly": 2600}}), "PRICE_MISMATCH"),
        (VPN_AT_BILLING.model_copy(update={"prices": {"annually": 2500}}), "PRICE_MISMATCH"),
    ],
)
def test_what_billing_cannot_bill_rightly_is_shown_but_not_sold(at_billing, problem) -> None:
    found = judge(VPN, at_billing, verified=True)
    assert isinstance(found, JudgedProduct)
    assert found.shown is not None
    assert (found.shown.orderable, found.shown.problem) == (False, problem)


def test_what_billing_never_verified_is_not_sold() -> None:
    found = judge(VPN, None, verified=False)
    assert isinstance(found, JudgedProduct)
    assert not found.sold.orderable


@pytest.mark.parametrize("text", ["One-time", "One Time", "onetime", "ONE-TIME"])
def test_a_cycle_is_read_whatever_its_hyphens(text) -> None:
    assert judged(billing_cycle=text).sold.billing_cycle == "one_time"


def test_an_esim_and_its_voice_are_told_by_its_options() -> None:
    sold = judged(category="SIM", options_json='{"simType":"eSIM","voice":true}').sold
    assert (sold.esim, sold.voice) == (True, True)
    assert not judged(category="SIM", options_json='{"simType":"eSIM"}').sold.voice
