"""Carts of every kind against the rules in plain words: no illegal one passes, no legal one is refused (C12)."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from hypothesis import event, given, settings
from hypothesis import strategies as some

from portal_contracts.catalog import Choice, ChoiceValue, LocalizedText, SoldProduct
from portal_contracts.orders import CartLine, CheckOut
from portal_contracts.problems import Refused, customer_text
from portal_orders.cart import ServiceOrder, split_cart
from portal_orders.porting import PortingCheck, PortingTerms
from portal_orders.testing import EID, PRICE_LIST

UNPRICED = next(one for one in PRICE_LIST if one.sku == "VPN-US").model_copy(update={"sku": "VPN-UK", "price": None})
REGIONS = ["tokyo", "osaka"]
REGION = Choice(
    name="region",
    label=LocalizedText(en="Region", ja="地域"),
    values=[ChoiceValue(value=value, label=LocalizedText(en=value, ja=value)) for value in REGIONS],
)
REGIONAL = next(one for one in PRICE_LIST if one.sku == "VPN-US").model_copy(
    update={"sku": "VPN-JP", "choices": [REGION]}
)
FOR_SALE = [*PRICE_LIST, REGIONAL]
PRODUCTS = [*FOR_SALE, UNPRICED]
BY_SKU = {product.sku: product for product in PRODUCTS}
SOLD = [product.sku for product in FOR_SALE]
SERVICES = [sku for sku in SOLD if BY_SKU[sku].item_class == "service"]
FEES = {"sim": "SIM-ACTIVATION", "vpn": "VPN-ACTIVATION"}
EXTRAS = [sku for sku in SOLD if BY_SKU[sku].item_class not in ("service", "activation")]
NAMES = some.sampled_from(["s0", "s1", "s2", "s3", "f0", "x0-0", "nobody"])
FACTS = {
    "sku": some.sampled_from([*BY_SKU, "NO-SUCH-THING"]),
    "parent": some.none() | NAMES,
    "quantity": some.integers(1, 3),
    "eid": some.sampled_from([None, EID, "123"]),
    "reference": NAMES,
    "options": some.dictionaries(
        some.sampled_from(["region", "planCode", ""]), some.sampled_from([*REGIONS, "FREE"]), max_size=2
    ),
}
NUMBERS = PortingCheck(PortingTerms(), date(2026, 4, 1))


@some.composite
def legal_carts(draw) -> list[CartLine]:
    """Up to four services, one of them Internet at most, each with its fee and whatever extras fit."""
    lines = []
    plans = draw(some.lists(some.sampled_from(SERVICES), min_size=1, max_size=4))
    internet = [number for number, sku in enumerate(plans) if BY_SKU[sku].category == "internet"]
    for number, sku in enumerate(plans):
        if number in internet[1:]:
            continue
        plan, name = BY_SKU[sku], f"s{number}"
        options = {choice.name: draw(some.sampled_from(REGIONS)) for choice in plan.choices}
        lines.append(CartLine(reference=name, sku=sku, eid=EID if plan.esim else None, options=options))
        if plan.category in FEES:
            lines.append(CartLine(reference=f"f{number}", sku=FEES[plan.category], parent=name))
        fitting = [extra for extra in EXTRAS if BY_SKU[extra].category == plan.category]
        for place in range(draw(some.integers(0, 3)) if fitting else 0):
            extra, quantity = draw(some.sampled_from(fitting)), draw(some.integers(1, 3))
            lines.append(CartLine(reference=f"x{number}-{place}", sku=extra, parent=name, quantity=quantity))
    return list(draw(some.permutations(lines)))


@some.composite
def carts(draw) -> CheckOut:
    """A legal cart to which up to three things were done that may or may not break a rule."""
    lines = draw(legal_carts())
    for _ in range(draw(some.integers(0, 3))):
        lines = draw(changed(lines)) if lines else lines
    return CheckOut(lines=lines[:50], address_confirmed=draw(some.sampled_from([True, True, False])))


@some.composite
def changed(draw, lines: list[CartLine]) -> list[CartLine]:
    """The lines with one of them missing, there again, nineteen times more, or with another fact."""
    place = draw(some.integers(0, len(lines) - 1))
    one, before, after = lines[place], lines[:place], lines[place + 1 :]
    match draw(some.sampled_from(["missing", "again", "many", *FACTS])):
        case "missing":
            return before + after
        case "again":
            return [*lines, one.model_copy(update={"reference": draw(NAMES)})]
        case "many":
            return lines + [one.model_copy(update={"reference": f"m{number}"}) for number in range(19)]
        case fact:
            return [*before, one.model_copy(update={fact: draw(FACTS[fact])}), *after]


def is_legal(command: CheckOut) -> bool:
    """The rules as a customer would be told them, without the order in which our code looks."""
    lines = {line.reference: line for line in command.lines}
    products = [BY_SKU.get(line.sku) for line in command.lines]
    if not lines or len(lines) != len(command.lines) or any(one is None or not is_sold(one) for one in products):
        return False
    services = {name: line for name, line in lines.items() if BY_SKU[line.sku].item_class == "service"}
    internet = [line for line in services.values() if BY_SKU[line.sku].category == "internet"]
    return (
        all(chooses_what_is_offered(line) for line in lines.values())
        and all(is_plan_as_it_should(line) for line in services.values())
        and all(belongs(line, services) for name, line in lines.items() if name not in services)
        and all(has_its_fee(name, line, command.lines) for name, line in services.items())
        and (not internet or (len(internet) == 1 and command.address_confirmed))
    )


def is_sold(product: SoldProduct) -> bool:
    return product.orderable and None not in (product.price, product.pricebook_entry_id, product.whmcs_product_id)


def is_plan_as_it_should(line: CartLine) -> bool:
    return line.parent is None and line.quantity == 1 and (not BY_SKU[line.sku].esim or line.eid == EID)


def chooses_what_is_offered(line: CartLine) -> bool:
    if BY_SKU[line.sku].choices:
        return list(line.options) == ["region"] and line.options["region"] in REGIONS
    return not line.options


def belongs(line: CartLine, services: dict[str, CartLine]) -> bool:
    plan = services.get(line.parent or "")
    return plan is not None and BY_SKU[plan.sku].category == BY_SKU[line.sku].category


def has_its_fee(name: str, plan: CartLine, lines: Sequence[CartLine]) -> bool:
    own = [line for line in lines if line.parent == name]
    fees = [line.quantity for line in own if BY_SKU[line.sku].item_class == "activation"]
    needed = [[1]] if BY_SKU[plan.sku].category in FEES else [[], [1]]
    return fees in needed and len(own) + 1 <= 20


def taken(command: CheckOut) -> tuple[ServiceOrder, ...] | Refused:
    try:
        return split_cart(command, PRODUCTS, NUMBERS)
    except Refused as refused:
        return refused


@settings(max_examples=500, deadline=None)
@given(carts())
def test_a_cart_passes_exactly_when_no_rule_is_broken(command):
    outcome = taken(command)
    event("legal" if is_legal(command) else "illegal")
    assert is_legal(command) is not isinstance(outcome, Refused), outcome
    if isinstance(outcome, Refused):
        assert outcome.fields, "a refusal names its faults"
        for fault in outcome.fields:  # each with its fix, in both languages
            texts = [customer_text(fault.code, language, fault.facts) for language in ("en", "ja")]
            assert all(texts), fault.code
            assert texts[0] != texts[1], fault.code
            assert "–" not in "".join(texts), f"{fault.code} lacks a fact"


@settings(max_examples=300, deadline=None)
@given(legal_carts())
def test_a_legal_cart_becomes_orders_of_one_service_whose_items_and_yen_add_up(lines):
    orders = split_cart(CheckOut(lines=lines, address_confirmed=True), FOR_SALE, NUMBERS)
    assert all([item.product.item_class for item in order.items].count("service") == 1 for order in orders)
    items = Counter((item.line.sku, item.line.parent, item.line.quantity) for order in orders for item in order.items)
    assert items == Counter((line.sku, line.parent, line.quantity) for line in lines)
    for order in orders:
        own = [line for line in lines if order.service.line.reference in (line.reference, line.parent)]
        assert yen(item.line for item in order.items) == yen(own)
    assert yen(item.line for order in orders for item in order.items) == yen(lines)


def yen(lines) -> int:
    return sum((BY_SKU[line.sku].price or 0) * line.quantity for line in lines)
