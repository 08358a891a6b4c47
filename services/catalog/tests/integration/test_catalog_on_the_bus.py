"""The service as it is deployed: a process on a real NATS, Postgres and the sandbox's Salesforce.

Billing and changefeed are bus identities of the test: one answers from the dataset, the other announces changes.
"""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import nats
import pytest

from portal_bus_admin.provisioning import apply
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts.billing import BillingProduct, BillingProducts, ListBillingProducts
from portal_contracts.catalog import FindProducts, ListCatalog, ReadProduct
from portal_contracts.changefeed import PriceChanged, ProductChanged
from portal_contracts.problems import PortalProblem, TryLater
from portal_contracts.topology import SERVICES
from portal_salesforce.soql import all_of, equals, select
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID

CYCLES = {"Monthly": "monthly", "Annually": "annually", "One-time": "one_time"}
DEFECTS = {
    "SIM-LEGACY": "PRODUCT_NOT_ORDERABLE",
    "VPN-UNPRICED": "PRODUCT_NOT_ORDERABLE",
    "SIM-NOMARKER": "MARKER_UNMAPPED",
}
SECONDS = 15.0


class Billing:
    """What WHMCS knows of products, as the dataset says; `away` makes it ask to come back."""

    def __init__(self, dataset):
        self.away = False
        self.asked = 0
        self.known = {
            product.pid: BillingProduct(
                whmcs_product_id=product.pid,
                exists=True,
                marker_mapped=product.marker_field,
                prices={CYCLES[product.billing_cycle]: product.price},
            )
            for product in dataset.products
        }

    def reprice(self, pid, yen):
        (cycle,) = self.known[pid].prices
        self.known[pid] = self.known[pid].model_copy(update={"prices": {cycle: yen}})

    def register(self, bus):
        @bus.answers(ListBillingProducts)
        async def list_products(query, _):
            self.asked += 1
            if self.away:
                raise TryLater("WHMCS_UNAVAILABLE")
            missing = {"exists": False, "marker_mapped": False, "prices": {}}
            return BillingProducts(
                products=[
                    self.known.get(pid) or BillingProduct(whmcs_product_id=pid, **missing)
                    for pid in query.whmcs_product_ids
                ]
            )


class World:
    """Everybody around the catalog."""

    def __init__(self, gateway, orders, billing, feed, salesforce, sandbox, start):
        self.gateway = gateway
        self.orders = orders
        self.billing = billing
        self.salesforce = salesforce
        self.sandbox = sandbox
        self.running = start
        self._feed = feed

    async def catalog(self):
        return await self.gateway.ask(ListCatalog())

    async def product(self, sku="VPN-US"):
        return await self.gateway.ask(ReadProduct(sku=sku))

    async def announce(self, event, record_id):
        """Records a change event in changefeed's outbox, whose relay publishes it."""
        hint = event(record_id=record_id, change="updated", by_us=False, committed_at=datetime.now(UTC))
        async with self._feed.transaction() as transaction:
            await transaction.record(hint)

    async def edit_price(self, sku, yen):
        """Staff write a price; changefeed is told of nothing here."""
        product = await self.record(sku)
        mine = all_of(equals("Product2Id", product), equals("Pricebook2Id", PORTAL_PRICEBOOK_ID))
        entry = await self.salesforce.query_one(select("PricebookEntry", "Id").where(mine))
        await self.salesforce.update("PricebookEntry", entry["Id"], {"UnitPrice": yen})
        return entry["Id"]

    async def record(self, sku):
        found = await self.salesforce.query_one(select("Product2", "Id").where(equals("StockKeepingUnit", sku)))
        return found["Id"]

    def take_salesforce_away(self):
        self.sandbox.faults.arm({"vendor": "salesforce", "call": "*", "kind": "refused", "times": None})

    async def until(self, ask, pleases):
        """Asks until the answer pleases; problems on the way are waited through."""
        answer = None
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    try:
                        answer = await ask()
                        if pleases(answer):
                            return answer
                    except PortalProblem as problem:
                        answer = problem
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not within {SECONDS} s; the last answer was {answer!r}")

    async def until_sold(self):
        return await self.until(self.product, lambda product: product.orderable)


@pytest.fixture
def start(nats_url, database_url, salesforce_environment, tmp_path):
    """Runs the service for a block, and ends it as a deployment does. `check_seconds`: the version check."""

    @asynccontextmanager
    async def running(check_seconds=3600):
        environment = {
            **os.environ,
            **salesforce_environment,
            "PORTAL_ENVIRONMENT": "development",
            "PORTAL_NATS_URL": nats_url,
            "PORTAL_DATABASE_URL": database_url,
            "PORTAL_CATALOG_CHECK_SECONDS": str(check_seconds),
        }
        log = tmp_path / "catalog.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "portal_catalog", env=environment, stdout=output, stderr=output
            )
        try:
            yield log
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 8) == 0, log.read_text()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return running


@pytest.fixture
async def feed(postgres_server):
    """Changefeed's own database."""
    name = f"feed_{os.getpid()}"
    opened = Database(postgres_server.create_database(name), name="changefeed-tests")
    await migrate(opened, "portal_chassis")
    await opened.connect()
    yield opened
    await opened.close()
    postgres_server.drop_database(name)


@pytest.fixture
async def world(nats_url, database_url, sandbox, staff, feed, start):
    client = await nats.connect(nats_url)
    await apply(client.jetstream())
    await client.close()
    billing = Billing(sandbox.dataset)
    offline = {"database": False, "watches": (), "consumes": (), "records": (), "serves": ()}
    topologies = {name: replace(SERVICES[name], **offline) for name in ("gateway", "orders", "billing")}
    topologies["billing"] = replace(topologies["billing"], serves=(ListBillingProducts,))
    buses = {name: Bus(name, BusAddress(nats_url), topology=found) for name, found in topologies.items()}
    buses["changefeed"] = Bus("changefeed", BusAddress(nats_url), database=feed)
    for bus in buses.values():
        await bus.connect()
    billing.register(buses["billing"])
    await buses["billing"].start()
    await buses["changefeed"].start()
    yield World(buses["gateway"], buses["orders"], billing, feed, staff, sandbox, start)
    for bus in buses.values():
        await bus.stop(within=1)


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
