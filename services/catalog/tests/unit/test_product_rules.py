from datetime import UTC, datetime
from decimal import Decimal

import pytest

from portal_catalog.product import Defect, JudgedProduct, judge, shared_skus
from portal_catalog.related_products import with_related
from portal_catalog.snapshot import Snapshot
from portal_catalog.testing import VPN, VPN_AT_BILLING, vpn
from portal_contracts.catalog import LocalizedText

READ_AT = datetime(2026, 11, 20, tzinfo=UTC)


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
        ({"sku": "SIM 20 GB"}, "SIM 20 GB"),
        ({"sku": "x" * 101}, "R083"),
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
        ({"options_json": '{"simType":"esim"}'}, "PRODUCT_NOT_ORDERABLE"),
        ({"options_json": '{"voice":"yes"}'}, "PRODUCT_NOT_ORDERABLE"),
        ({"options_json": '{"installments":1}'}, "PRODUCT_NOT_ORDERABLE"),
        ({"options_json": '{"region":7}'}, "PRODUCT_NOT_ORDERABLE"),
        ({"options_json": '{"plans":"SIM-A"}'}, "PRODUCT_NOT_ORDERABLE"),
        ({"options_json": '{"choices":[{"name":"region","label":"Region","values":[]}]}'}, "PRODUCT_NOT_ORDERABLE"),
        ({"options_json": '{"choices":[{"name":"a","label":"A","values":["x","x"]}]}'}, "PRODUCT_NOT_ORDERABLE"),
        ({"options_json": "[" * 100_000}, "PRODUCT_NOT_ORDERABLE"),
        ({"whmcs_product_ids": ("9" * 30,)}, "PRODUCT_UNMAPPED"),
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
    assert (found.sold.orderable, found.sold.problem) == (False, "PRICE_NOT_VERIFIED")


def test_two_active_products_with_one_sku_are_both_reported_and_not_sold() -> None:  # R083
    twin, old = vpn(product_id="01t000000000002AAA"), vpn(product_id="01t000000000003AAA", active=False)
    assert shared_skus([VPN, twin, old]) == {"VPN-US"}
    assert shared_skus([VPN, old]) == frozenset()
    found = judge(VPN, VPN_AT_BILLING, verified=True, shared=True)
    assert isinstance(found, JudgedProduct)
    assert (found.sold.orderable, len(found.defects)) == (False, 1)


def test_an_order_finds_the_product_that_is_sold_and_not_its_inactive_twin() -> None:
    old = judge(vpn(product_id="01t000000000003AAA", active=False), VPN_AT_BILLING, verified=True)
    now = judge(VPN, VPN_AT_BILLING, verified=True)
    for pair in ([old, now], [now, old]):
        catalog = Snapshot.of(pair, READ_AT)
        assert [one.product_id for one in catalog.find(["VPN-US", "VPN-US", "NONE"], [])] == [VPN.product_id]
        assert [one.orderable for one in catalog.find([], ["01t000000000003AAA"])] == [False]


CHOICES = """{"region": {"en": "Germany", "ja": "ドイツ"}, "choices": [
  {"name": "speed", "label": {"en": "Speed", "ja": "速度"}, "values": ["100M", {"value": "1G", "label": "1 Gbps"}]},
  {"name": "gift", "label": "Gift", "required": false, "values": ["yes"]}], "colour": "red"}"""


def test_what_an_order_settles_is_told_to_customers_and_to_orders_in_both_languages() -> None:  # R078, R087, R089
    found = judged(options_json=CHOICES)
    assert found.shown is not None
    speed, gift = found.shown.choices
    assert (speed.label.ja, gift.label.ja, speed.required, gift.required) == ("速度", "Gift", True, False)
    assert [(one.value, one.label.ja) for one in speed.values] == [("100M", "100M"), ("1G", "1 Gbps")]
    assert found.sold.choices == found.shown.choices
    assert found.shown.region == LocalizedText(en="Germany", ja="ドイツ")
    assert found.shown.options["colour"] == "red"


def plan_and_extras():
    extras = {
        "FEE": ("Activation", None),
        "FEE-12": ("Activation", '{"installments":12}'),
        "VOICEMAIL": ("Add-on", '{"plans":["PLAN"]}'),
        "OTHERS": ("Add-on", '{"plans":["ANOTHER"]}'),
        "HIDDEN": ("Add-on", None),
    }
    rows = [vpn(sku="PLAN", product_id="01t000000000010AAA", category="SIM")]
    rows += [
        vpn(
            sku=sku,
            product_id=f"01t00000000002{number}AAA",
            category="SIM",
            item_class=item_class,
            options_json=options,
            visible=sku != "HIDDEN",
        )
        for number, (sku, (item_class, options)) in enumerate(extras.items())
    ]
    found = [judge(row, VPN_AT_BILLING, verified=True) for row in [*rows, VPN]]
    return {one.sku: one for one in with_related([one for one in found if isinstance(one, JudgedProduct)])}


def test_a_plan_names_the_fees_and_add_ons_that_fit_it() -> None:  # R088, R104, R106
    shown = plan_and_extras()
    plan = shown["PLAN"]
    assert (set(plan.fees), plan.fee_required, tuple(plan.add_ons)) == ({"FEE", "FEE-12"}, True, ("VOICEMAIL",))
    assert (shown["VPN-US"].fees, shown["VPN-US"].add_ons) == ((), ())
    assert shown["FEE-12"].installments == 12
    assert (shown["FEE"].fees, shown["FEE"].fee_required) == ((), False)


@pytest.mark.parametrize("text", ["One-time", "One Time", "onetime", "ONE-TIME"])
def test_a_cycle_is_read_whatever_its_hyphens(text) -> None:
    assert judged(billing_cycle=text).sold.billing_cycle == "one_time"


def test_an_esim_and_its_voice_are_told_by_its_options() -> None:
    sold = judged(category="SIM", options_json='{"simType":"eSIM","voice":true}').sold
    assert (sold.esim, sold.voice) == (True, True)
    assert not judged(category="SIM", options_json='{"simType":"eSIM"}').sold.voice


WHMCS_OPTIONS = """{"whmcsOptions": {"7": 1}, "choices": [
    {"name": "speed", "label": "Speed", "whmcsOption": 12,
     "values": [{"value": "1G", "label": "1 Gbps", "whmcsValue": 34}, {"value": "2G", "label": "2", "whmcsValue": 35}]},
    {"name": "gift", "label": "Gift", "required": false, "values": ["towel"]}]}"""


def test_options_say_which_of_whmcss_configurable_options_an_order_sets() -> None:  # R087
    found = judged(options_json=WHMCS_OPTIONS)
    assert found.sold.orderable
    fixed, chosen = found.sold.config_options
    assert (fixed.option_id, fixed.value_id, fixed.choice) == (7, 1, None)
    assert (chosen.option_id, chosen.choice, chosen.values) == (12, "speed", {"1G": 34, "2G": 35})


@pytest.mark.parametrize(
    "wrong",
    [
        '{"whmcsOptions": {"x": 1}}',
        '{"whmcsOptions": {"7": "1"}}',
        '{"whmcsOptions": {"0": 1}}',
        '{"choices": [{"name": "a", "label": "A", "whmcsOption": 1, "values": ["x"]}]}',
        '{"choices": [{"name": "a", "label": "A", "values": [{"value": "x", "label": "X", "whmcsValue": 1}]}]}',
        (
            '{"whmcsOptions": {"1": 2}, "choices": [{"name": "a", "label": "A", "whmcsOption": 1,'
            ' "values": [{"value": "x", "label": "X", "whmcsValue": 1}]}]}'
        ),
    ],
)
def test_a_mapping_to_whmcs_that_says_nothing_definite_is_a_defect(wrong) -> None:  # R087
    found = judged(options_json=wrong)
    assert (found.sold.orderable, found.sold.problem) == (False, "PRODUCT_NOT_ORDERABLE")
    assert "R087" in found.defects[0]
