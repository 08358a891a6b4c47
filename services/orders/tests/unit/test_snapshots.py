"""What was ordered stays as it was ordered: names, prices and chosen options of each item (C30, R089, R094)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from portal_contracts.catalog import Choice, ChoiceValue, LocalizedText
from portal_orders.order import KeptItem, SalesItem, keep_items
from portal_orders.testing import PRICE_LIST

KIND = Choice(
    name="kind",
    label=LocalizedText(en="Kind", ja="種類"),
    values=[
        ChoiceValue(value="short", label=LocalizedText(en="10 days", ja="10日間")),
        ChoiceValue(value="long", label=LocalizedText(en="30 days", ja="30日間")),
    ],
)
VOICEMAIL = next(product for product in PRICE_LIST if product.sku == "SIM-VOICEMAIL")


@pytest.fixture
async def order_id(world, carts):
    """A line with two add-ons of one product, of another kind each."""
    chosen = VOICEMAIL.model_copy(update={"choices": [KIND]})
    world.products.products = [chosen if one.sku == chosen.sku else one for one in PRICE_LIST]
    add_ons = [carts.line(kind, "SIM-VOICEMAIL", parent="sim", options={"kind": kind}) for kind in ("short", "long")]
    return await world.place_one(*carts.sim(), *add_ons)


def kinds(items):
    return [item.options["kind"] for item in items if item.sku == "SIM-VOICEMAIL"]


async def test_chosen_options_are_shown_to_customer_and_staff_and_in_mails(world, order_id):
    """R089, R094."""
    read = world.orders.use.read_orders
    shown = [await world.detail(order_id), await read.mail(order_id), await read.file(order_id)]
    assert [kinds(one.items) for one in shown] == [["short", "long"]] * 3
    assert [item.options for item in shown[0].items if item.sku == "SIM-ACTIVATION"] == [{}]


async def test_what_was_chosen_is_told_in_the_catalogs_words_of_that_day(world, order_id):
    """R089, C30: words that change later are another product's; a value of staff's own has none."""
    world.products.products = list(PRICE_LIST)
    added = SalesItem(VOICEMAIL.product_id, 1, Decimal(330), options={"kind": "staff"})
    await world.change(order_id, "TotalAmount", items=(*world.sales.orders[order_id].items, added))
    items = (await world.orders.use.read_orders.mail(order_id)).items
    assert [item.option_labels for item in items if item.options] == [
        {"kind": LocalizedText(en="10 days", ja="10日間")},
        {"kind": LocalizedText(en="30 days", ja="30日間")},
        {},
    ]


async def test_two_items_of_one_product_stay_apart_whatever_staff_change(world, order_id):
    """C30: each keeps its own choice, price and place."""
    first, second = (item for item in world.sales.orders[order_id].items if item.product_id == VOICEMAIL.product_id)
    others = [item for item in world.sales.orders[order_id].items if item not in (first, second)]
    dearer = replace(first, unit_price=Decimal(550))
    await world.change(order_id, "TotalAmount", items=(second, *others, dearer))
    items = (await world.detail(order_id)).items
    assert [(item.options["kind"], item.unit_price) for item in items if item.options] == [
        ("short", 550),
        ("long", 330),
    ]
    await world.change(order_id, "TotalAmount", items=(*others, second), message_id="change-2")
    assert kinds((await world.detail(order_id)).items) == ["long"]


async def test_an_item_that_staff_add_has_its_own_options(world, order_id):
    added = SalesItem(VOICEMAIL.product_id, 1, Decimal(330), options={"kind": "staff"})
    await world.change(order_id, "TotalAmount", items=(*world.sales.orders[order_id].items, added))
    assert kinds((await world.detail(order_id)).items) == ["short", "long", "staff"]
    await world.change(order_id, "TotalAmount", message_id="change-2")
    assert kinds((await world.detail(order_id)).items) == ["short", "long", "staff"]


def test_rows_from_before_items_had_keys_are_found_by_their_product():
    """Nothing is told as a change because of it."""
    row = KeptItem(
        product_id=VOICEMAIL.product_id,
        sku="SIM-VOICEMAIL",
        name=VOICEMAIL.name,
        category="sim",
        item_class="add_on",
        billing_cycle="monthly",
        quantity=1,
        unit_price=330,
    )
    found = SalesItem(VOICEMAIL.product_id, 1, Decimal(330), options={"kind": "long"}, key="checkout-1-1")
    assert keep_items((found,), (row,), [VOICEMAIL]) == (row,)
