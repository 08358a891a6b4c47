"""The rules of a cart (C12, R081, R103-R106)."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import ValidationError

from portal_contracts.catalog import Choice, ChoiceValue, LocalizedText
from portal_contracts.orders import CartLine, CheckOut
from portal_contracts.problems import Refused
from portal_orders.cart import fingerprint, normalised_eid, split_cart
from portal_orders.porting import PortingCheck, PortingTerms
from portal_orders.testing import EID, PRICE_LIST

DAY = date(2026, 4, 1)
NUMBERS = PortingCheck(PortingTerms(), DAY)
BY_SKU = {product.sku: product for product in PRICE_LIST}


def line(reference, sku, **facts):
    return CartLine(reference=reference, sku=sku, **facts)


def refusal(*lines, products=PRICE_LIST, confirmed=True, numbers=NUMBERS):
    with pytest.raises(Refused) as caught:
        split_cart(CheckOut(lines=lines, address_confirmed=confirmed), products, numbers)
    return caught.value


def faults(*lines, **facts):
    return {(fault.field, fault.code) for fault in refusal(*lines, **facts).fields}


def test_an_empty_cart_is_refused():
    assert refusal().code == "CART_EMPTY"


def test_every_fault_of_a_cart_is_told_at_once_with_its_place():
    found = faults(
        line("sim", "SIM-VOICE-ESIM-20G", eid="123"),
        line("voicemail", "SIM-VOICEMAIL"),
        line("gone", "SIM-LEGACY"),
        line("fee", "VPN-ACTIVATION", parent="sim"),
        line("internet", "INT-HOME-1G"),
        confirmed=False,
    )
    assert found == {
        ("lines[0]", "ACTIVATION_FEE_MISSING"),
        ("lines[0].eid", "EID_MISSING"),
        ("lines[1].parent", "SERVICE_MISSING"),
        ("lines[2].sku", "PRODUCT_NOT_ORDERABLE"),
        ("lines[3].parent", "ITEM_NOT_FITTING"),
        ("addressConfirmed", "ADDRESS_NOT_CONFIRMED"),
    }


def test_several_kinds_of_faults_make_an_invalid_cart():
    assert refusal(line("sim", "SIM-DATA-PHYS-5G"), line("x", "NO-SUCH")).code == "CART_INVALID"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([line("fee", "SIM-ACTIVATION")], ("lines[0].parent", "SERVICE_MISSING")),
        ([line("fee", "SIM-ACTIVATION", parent="nobody")], ("lines[0].parent", "SERVICE_MISSING")),
        ([line("vpn", "VPN-US")], ("lines[0]", "ACTIVATION_FEE_MISSING")),
        ([line("sim", "SIM-DATA-PHYS-5G")], ("lines[0]", "ACTIVATION_FEE_MISSING")),
        ([line("i", "INT-HOME-1G", quantity=2)], ("lines[0].quantity", "FIELD_INVALID")),
        ([line("i", "INT-HOME-1G"), line("i", "INT-INSTALL-SINGLE")], ("lines[1].reference", "FIELD_INVALID")),
        (
            [line("i", "INT-HOME-1G"), line("v", "VPN-US", parent="i"), line("f", "VPN-ACTIVATION", parent="v")],
            ("lines[1].parent", "ITEM_NOT_FITTING"),
        ),
    ],
)
def test_a_cart_that_breaks_a_rule_names_the_line(lines, fault):
    assert fault in faults(*lines)


def test_a_second_activation_fee_does_not_fit():
    fees = [line(f"fee{number}", "VPN-ACTIVATION", parent="vpn") for number in range(2)]
    assert faults(line("vpn", "VPN-US"), *fees) == {("lines[2]", "ITEM_NOT_FITTING")}


def test_an_unpriced_or_unmapped_or_unapproved_product_cannot_be_ordered():
    """R081."""
    for change in ({"price": None}, {"whmcs_product_id": None}, {"orderable": False}, {"pricebook_entry_id": None}):
        broken = [BY_SKU["INT-HOME-1G"].model_copy(update=change)]
        assert refusal(line("i", "INT-HOME-1G"), products=broken).fields[0].code == "PRODUCT_NOT_ORDERABLE"


def test_the_address_alone_unconfirmed_has_a_refusal_of_its_own():
    """R055."""
    assert refusal(line("i", "INT-HOME-1G"), confirmed=False).code == "ADDRESS_NOT_CONFIRMED"


def test_two_internet_lines_in_one_cart_are_one_too_many():
    """C14."""
    problem = refusal(line("a", "INT-HOME-1G"), line("b", "INT-APT-1G"))
    assert (problem.code, problem.fields[0].field) == ("INTERNET_ALREADY_ORDERED", "lines[1]")


@pytest.mark.parametrize(
    "typed", [EID, f" {EID[:16]} {EID[16:]} ", "-".join(EID[at : at + 4] for at in range(0, 32, 4))]
)
def test_an_eid_may_be_typed_with_spaces_and_hyphens(typed):
    assert normalised_eid(typed) == EID


def test_a_full_width_eid_is_one_too():
    assert normalised_eid("".join(chr(ord(digit) + 0xFEE0) for digit in EID)) == EID


def test_a_service_without_esim_keeps_no_eid():
    """Nobody's EID is stored without need."""
    lines = [line("sim", "SIM-DATA-PHYS-5G", eid=EID), line("fee", "SIM-ACTIVATION", parent="sim")]
    assert split_cart(CheckOut(lines=lines), PRICE_LIST, NUMBERS)[0].eid is None


EXTRAS = {"internet": "INT-INSTALL-SINGLE", "sim": "SIM-ACTIVATION", "vpn": "VPN-ACTIVATION"}


@some.composite
def valid_carts(draw):
    """Carts of any services with their extras, lines in any order."""
    plans = draw(
        some.lists(some.sampled_from(["SIM-VOICE-ESIM-20G", "SIM-DATA-PHYS-5G", "VPN-US"]), min_size=0, max_size=6)
    )
    if draw(some.booleans()) or not plans:
        plans.append("INT-HOME-1G")
    lines = []
    for number, sku in enumerate(plans):
        product = BY_SKU[sku]
        lines.append(line(f"s{number}", sku, eid=EID if product.esim else None))
        if product.category != "internet" or draw(some.booleans()):
            lines.append(line(f"f{number}", EXTRAS[product.category], parent=f"s{number}"))
        if product.category == "sim":
            quantities = draw(some.lists(some.integers(1, 5), max_size=3))
            for extra, quantity in enumerate(quantities):
                lines.append(line(f"v{number}-{extra}", "SIM-VOICEMAIL", parent=f"s{number}", quantity=quantity))
    return draw(some.permutations(lines))


@settings(max_examples=300, deadline=None)
@given(valid_carts())
def test_every_order_has_exactly_one_service_and_the_orders_make_up_the_cart(lines):
    """C12."""
    orders = split_cart(CheckOut(lines=lines, address_confirmed=True), PRICE_LIST, NUMBERS)
    for order in orders:
        assert [one.product.item_class for one in order.items].count("service") == 1
        assert {one.product.category for one in order.items} == {order.service.product.category}
    split = [one.line for order in orders for one in order.items]
    assert sorted(entry.reference for entry in split) == sorted(entry.reference for entry in lines)
    amounts = [sum(BY_SKU[entry.sku].price * entry.quantity for entry in entries) for entries in (split, lines)]
    assert amounts[0] == amounts[1]


@settings(max_examples=100, deadline=None)
@given(valid_carts(), some.randoms())
def test_a_cart_is_recognised_whatever_its_lines_are_called_and_however_they_stand(lines, random):
    """C16: the normalised cart."""
    names = {entry.reference: f"n{number}" for number, entry in enumerate(random.sample(lines, len(lines)))}
    renamed = [
        entry.model_copy(update={"reference": names[entry.reference], "parent": names.get(entry.parent)})
        for entry in lines
    ]
    random.shuffle(renamed)
    assert fingerprint(CheckOut(lines=lines)) == fingerprint(CheckOut(lines=renamed))


def test_another_quantity_parent_address_or_eid_is_another_cart():
    one = [line("a", "VPN-US"), line("b", "VPN-US"), line("f", "VPN-ACTIVATION", parent="a")]
    prints = {
        fingerprint(CheckOut(lines=one)),
        fingerprint(CheckOut(lines=one[:2])),
        fingerprint(CheckOut(lines=one, address_confirmed=True)),
        fingerprint(CheckOut(lines=[line("s", "SIM-DATA-ESIM-10G", eid=EID)])),
        fingerprint(CheckOut(lines=[line("s", "SIM-DATA-ESIM-10G", eid="1" * 32)])),
        fingerprint(CheckOut(lines=[line("v", "SIM-VOICEMAIL", quantity=2, parent="s")])),
    }
    assert len(prints) == 6


def voice(**facts):
    return line("sim", "SIM-VOICE-ESIM-20G", eid=EID, **facts), line("sim-fee", "SIM-ACTIVATION", parent="sim")


@pytest.mark.parametrize(("days", "needed"), [(0, 2), (1, 2), (-3, 2)])
def test_a_reservation_must_last_until_the_line_is_active(carts, days, needed):
    """D09: days count from the day of activation, that day included."""
    number = carts.porting(reservation_expires_on=DAY + timedelta(days=days - 1))
    refused = refusal(*voice(porting=number))
    fault = refused.fields[0]
    assert (fault.field, fault.code) == ("lines[0].porting", "PORTING_TOO_SHORT")
    assert dict(fault.facts) == {"days": max(days, 0), "needed": needed}


def test_a_reservation_of_just_enough_days_is_taken_and_kept_with_its_line(carts):
    number = carts.porting(reservation_expires_on=DAY + timedelta(days=1))
    order = split_cart(CheckOut(lines=voice(porting=number)), PRICE_LIST, NUMBERS)[0]
    assert order.service.line.porting == number


def test_a_number_without_a_reservation_needs_an_operator_that_takes_it(carts):
    number = carts.porting(one_stop=True, reservation_number=None, reservation_expires_on=None)
    lines = voice(porting=number)
    assert faults(*lines) == {("lines[0].porting", "PORTING_NOT_OFFERED")}
    offered = PortingCheck(PortingTerms(one_stop=True), DAY)
    assert split_cart(CheckOut(lines=lines), PRICE_LIST, offered)[0].service.line.porting == number


def test_only_a_voice_line_brings_a_number(carts):
    number = carts.porting()
    data = line("sim", "SIM-DATA-ESIM-10G", eid=EID, porting=number)
    fee = line("sim-fee", "SIM-ACTIVATION", parent="sim", porting=number)
    assert faults(data, fee) == {("lines[0].porting", "ITEM_NOT_FITTING"), ("lines[1].porting", "ITEM_NOT_FITTING")}


def test_another_number_or_another_time_is_another_cart(carts):
    """C16; a cart without either keeps the fingerprint it always had."""
    bare = CheckOut(lines=voice())
    number = CheckOut(lines=voice(porting=carts.porting()))
    other = CheckOut(lines=voice(porting=carts.porting(phone_number="09011111111")))
    later = CheckOut(lines=voice(), activate_at="2026-05-01T09:00:00+09:00")
    assert len({fingerprint(cart) for cart in (bare, number, other, later)}) == 4


BREAKS = (
    "no fee",
    "no parent",
    "stranger",
    "wrong parent",
    "no eid",
    "two fees",
    "twice the plan",
    "unsold",
    "second line",
)


@some.composite
def broken_carts(draw):
    """A legal cart with one rule broken."""
    lines = list(draw(valid_carts()))
    lines += [*voice(), line("second-vpn", "VPN-US"), line("second-fee", "VPN-ACTIVATION", parent="second-vpn")]
    how = draw(some.sampled_from(BREAKS))
    at = {entry.reference: place for place, entry in enumerate(lines)}
    match how:
        case "no fee":
            del lines[at["second-fee"]]
        case "no parent" | "stranger" | "wrong parent":
            parent = {"no parent": None, "stranger": "nobody", "wrong parent": "sim"}[how]
            lines[at["second-fee"]] = line("second-fee", "VPN-ACTIVATION", parent=parent)
        case "no eid":
            lines[at["sim"]] = line("sim", "SIM-VOICE-ESIM-20G")
        case "two fees":
            lines.append(line("third-fee", "VPN-ACTIVATION", parent="second-vpn"))
        case "twice the plan":
            lines[at["second-vpn"]] = line("second-vpn", "VPN-US", quantity=2)
        case "unsold":
            lines.append(line("unsold", "NO-SUCH-THING", parent="second-vpn"))
        case _:
            lines += [line("one-line", "INT-HOME-1G"), line("two-lines", "INT-APT-1G")]
    return how, draw(some.permutations(lines))


@settings(max_examples=200, deadline=None)
@given(broken_carts())
def test_no_illegal_cart_passes_whatever_else_is_in_it(broken):
    _, lines = broken
    assert refusal(*lines).fields


CHOOSE = Choice(
    name="region",
    label=LocalizedText(en="Region", ja="地域"),
    values=[ChoiceValue(value=value, label=LocalizedText(en=value, ja=value)) for value in ("us", "uk")],
)


@pytest.mark.parametrize(("options", "fits"), [({"region": "us"}, True), ({}, False), ({"region": "fr"}, False)])
def test_what_a_product_leaves_to_choose_is_chosen_from_what_it_offers(options, fits):
    """R078, R089."""
    products = [one.model_copy(update={"choices": [CHOOSE]}) if one.sku == "VPN-US" else one for one in PRICE_LIST]
    lines = [line("vpn", "VPN-US", options=options), line("fee", "VPN-ACTIVATION", parent="vpn")]
    if fits:
        assert split_cart(CheckOut(lines=lines), products, NUMBERS)
    else:
        assert faults(*lines, products=products) == {("lines[0].options.region", "FIELD_INVALID")}


@pytest.mark.parametrize(
    ("sku", "options", "field"),
    [
        ("VPN-US", {"region": "us", "planCode": "FREE"}, "planCode"),
        ("VPN-ACTIVATION", {"planCode": "FREE"}, "planCode"),
        ("VPN-ACTIVATION", {"": ""}, ""),
    ],
)
def test_an_option_that_is_no_choice_of_its_product_is_a_fault_of_its_own(sku, options, field):
    """C30: what is snapshotted and billed is what the catalog offers."""
    products = [one.model_copy(update={"choices": [CHOOSE]}) if one.sku == "VPN-US" else one for one in PRICE_LIST]
    given = {"VPN-US": {"region": "us"}, "VPN-ACTIVATION": {}} | {sku: options}
    vpn = line("vpn", "VPN-US", options=given["VPN-US"])
    fee = line("fee", "VPN-ACTIVATION", parent="vpn", options=given["VPN-ACTIVATION"])
    place = 0 if sku == "VPN-US" else 1
    assert faults(vpn, fee, products=products) == {(f"lines[{place}].options.{field}", "FIELD_INVALID")}


@pytest.mark.parametrize(
    "options", [{"x" * 81: "us"}, {"x" * 5_000: "us"}, {"region": "x" * 201}, {f"o{n}": "" for n in range(21)}]
)
def test_options_longer_than_a_catalogs_are_no_cart_at_all(options):
    with pytest.raises(ValidationError):
        line("vpn", "VPN-US", options=options)


def test_an_extra_of_another_plan_does_not_fit():
    fee = BY_SKU["VPN-ACTIVATION"].model_copy(update={"plans": ["VPN-UK"]})
    found = faults(line("vpn", "VPN-US"), line("fee", "VPN-ACTIVATION", parent="vpn"), products=[BY_SKU["VPN-US"], fee])
    assert ("lines[1].parent", "ITEM_NOT_FITTING") in found


def test_instructions_make_another_cart():
    """C16: a repeat is the same request."""
    lines = voice()
    assert fingerprint(CheckOut(lines=lines)) != fingerprint(CheckOut(lines=lines, instructions="Call first"))
