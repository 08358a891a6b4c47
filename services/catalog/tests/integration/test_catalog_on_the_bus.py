"""The service as it is deployed: a process on a real NATS, Postgres and the sandbox's Salesforce."""

import asyncio

import pytest

from portal_contracts.catalog import FindProducts
from portal_contracts.changefeed import AccountChanged, PriceChanged, ProductChanged
from portal_contracts.internet_standing import InternetStanding
from portal_contracts.problems import TryLater

DEFECTS = {
    "SIM-LEGACY": "PRODUCT_NOT_ORDERABLE",
    "VPN-UNPRICED": "PRODUCT_NOT_ORDERABLE",
    "SIM-NOMARKER": "MARKER_UNMAPPED",
}


@pytest.mark.parametrize("dialect", ["2025-12", "2025-08"])  # C02
async def test_the_whole_dataset_is_sold_but_for_the_documented_defects(world) -> None:  # R083-R087
    async with world.running():
        await world.until_sold()
        known = {product.sku: product for product in world.sandbox.dataset.products}
        found = (await world.orders.ask(FindProducts(skus=list(known)))).products
        assert {product.sku for product in found} == set(known)
        assert {product.sku: product.problem for product in found if not product.orderable} == DEFECTS
        for product in found:
            assert product.whmcs_product_id == known[product.sku].pid
            assert product.price == (None if product.sku == "VPN-UNPRICED" else known[product.sku].price)
        shown = [product for group in (await world.catalog()).groups for product in group.products]
        assert {product.sku for product in shown} == set(known) - {"SIM-LEGACY", "VPN-UNPRICED"}
        esims = {sku for sku, product in known.items() if '"simType":"eSIM"' in product.config_options}
        assert {product.sku for product in shown if product.esim} == esims
        assert all(product.name.en and product.name.ja and product.description.ja for product in shown)


async def test_an_edited_price_and_visibility_show_as_soon_as_they_are_announced(world) -> None:  # R237, C24
    async with world.running():
        await world.until_sold()
        before = (await world.catalog()).version
        world.billing.reprice(301, 2600)
        entry_id = await world.edit_price("VPN-US", 2600)
        await world.announce(PriceChanged, entry_id)
        await world.until(world.product, lambda product: (product.price, product.orderable) == (2600, True))
        product_id = await world.record("VPN-UK")
        await world.salesforce.update("Product2", product_id, {"Portal_Visible__c": False})
        await world.announce(ProductChanged, product_id)

        async def skus():
            return {product.sku for group in (await world.catalog()).groups for product in group.products}

        await world.until(skus, lambda found: "VPN-UK" not in found)
        assert "VPN-US" in await skus()
        assert (await world.catalog()).version != before


async def test_a_price_that_whmcs_does_not_have_is_shown_and_not_sold(world) -> None:  # R083
    async with world.running():
        await world.until_sold()
        await world.announce(PriceChanged, await world.edit_price("VPN-US", 2600))
        await world.until(world.product, lambda product: product.problem == "PRICE_MISMATCH")


async def test_an_edit_that_nobody_announced_shows_with_the_version_check(world) -> None:  # C24
    async with world.running(check_seconds=1):
        await world.until_sold()
        world.billing.reprice(301, 2700)
        await world.edit_price("VPN-US", 2700)
        await world.until(world.product, lambda product: product.price == 2700)


async def test_a_restart_while_salesforce_is_away_serves_the_stored_catalog_and_catches_up(world) -> None:
    async with world.running():
        stored = await world.until(world.catalog, lambda _: True)
        await world.until_sold()
        stored = await world.catalog()
    await world.edit_price("VPN-US", 2800)
    world.billing.reprice(301, 2800)
    world.take_salesforce_away()
    async with world.running():
        assert await world.until(world.catalog, lambda _: True) == stored
        assert (await world.product()).orderable
        world.sandbox.faults.disarm()
        await world.until(world.product, lambda product: (product.price, product.orderable) == (2800, True))


async def test_without_a_stored_catalog_and_without_salesforce_the_answer_is_later(world) -> None:  # R255
    world.take_salesforce_away()
    async with world.running():

        async def asked():
            try:
                return await world.catalog()
            except TryLater as later:
                return later.code

        await world.until(asked, lambda answer: answer == "SALESFORCE_UNAVAILABLE")
        world.sandbox.faults.disarm()
        await world.until_sold()


async def test_a_restart_while_billing_is_away_keeps_on_selling(world) -> None:
    async with world.running():
        await world.until_sold()
    world.billing.away = True
    async with world.running(check_seconds=1):
        await world.until(world.catalog, lambda _: True)
        asked = world.billing.asked

        async def looks():
            return world.billing.asked - asked

        await world.until(looks, lambda found: found > 1)
        assert (await world.product()).orderable


async def test_pages_cost_the_vendors_nothing_however_many_are_asked_for(world, calls) -> None:  # R238, R239
    async with world.running():
        await world.until_sold()
        read, asked = len(calls), world.billing.asked
        for _ in range(20):
            await world.catalog()
            await world.product()
            await world.internet()
        assert (len(calls), world.billing.asked, world.knows.asked) == (read, asked, 1)
        world.knows.standing = InternetStanding(eligibility="pending")
        await world.announce(AccountChanged, world.account_id)
        await world.until(world.internet, lambda group: group.notice is not None)
        assert world.knows.asked == 2


async def test_a_customer_finds_the_line_at_their_address_and_the_link_to_the_one_they_have(world) -> None:
    async with world.running():  # R077, R082
        await world.until_sold()
        found = {product.sku for product in (await world.internet()).products if product.item_class == "service"}
        assert found == {"INT-HOME-1G"}
        world.knows.standing = world.knows.standing.model_copy(update={"service_id": 12})
        await world.announce(AccountChanged, world.account_id)
        group = await world.until(world.internet, lambda group: group.notice is not None)
        assert (group.notice.code, group.notice.action) == ("INTERNET_ALREADY_ORDERED", "/subscriptions/12")


async def test_a_used_up_quota_leaves_the_catalog_on_sale_and_salesforce_alone(world, calls) -> None:
    async with world.running():
        await world.until_sold()
        world.sandbox.faults.arm({"vendor": "salesforce", "call": "query", "kind": "quota", "times": None})
        await world.announce(ProductChanged, world.account_id)
        await asyncio.sleep(0.5)
        refused = len(calls)
        for _ in range(3):
            await world.announce(ProductChanged, world.account_id)
        await asyncio.sleep(0.5)
        assert len(calls) == refused
        assert (await world.product()).orderable


async def test_an_optional_field_that_is_taken_away_is_done_without(world) -> None:  # C17
    async with world.running():
        await world.until_sold()
        assert (await world.product()).name.ja != (await world.product()).name.en
        world.set_up(fieldMistakes="Product2.Portal_Name_JA__c:hidden")
        await world.announce(ProductChanged, await world.record("VPN-US"))
        await world.until(world.product, lambda product: product.name.ja == product.name.en and product.orderable)


async def test_a_needed_field_that_is_taken_away_stops_reading_and_not_selling(world) -> None:
    async with world.running():
        await world.until_sold()
        world.set_up(fieldMistakes="Product2.Portal_Category__c:hidden")
        await world.announce(ProductChanged, await world.record("VPN-US"))
        await asyncio.sleep(0.5)
        assert (await world.product()).orderable
        world.set_up(fieldMistakes="")
        world.billing.reprice(301, 3100)
        await world.announce(PriceChanged, await world.edit_price("VPN-US", 3100))
        await world.until(world.product, lambda product: (product.price, product.orderable) == (3100, True))


@pytest.mark.parametrize("spoiled", [{"Billing_Cycle__c": None}, {"StockKeepingUnit": "VPN UK/2"}])
async def test_a_spoiled_product_is_taken_off_and_no_other(world, spoiled) -> None:  # R083, R085
    async with world.running():
        await world.until_sold()
        product_id = await world.record("VPN-UK")
        await world.salesforce.update("Product2", product_id, spoiled)
        await world.announce(ProductChanged, product_id)

        async def skus():
            return {product.sku for group in (await world.catalog()).groups for product in group.products}

        await world.until(skus, lambda found: "VPN-UK" not in found)
        assert (await world.product()).orderable
