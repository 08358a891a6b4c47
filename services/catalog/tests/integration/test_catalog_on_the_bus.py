"""The service as it is deployed: a process on a real NATS, Postgres and the sandbox's Salesforce.

Billing and changefeed are bus identities of the test: one answers from the dataset, the other announces changes.
"""

import asyncio
import json
import os
import sys
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_bus_admin.provisioning import apply
from portal_chassis.actor import Actor, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts.billing import BillingProduct, BillingProducts, ListBillingProducts
from portal_contracts.catalog import FindProducts, ListCatalog, ReadProduct
from portal_contracts.catalog_personal import ListPersonalCatalog
from portal_contracts.changefeed import AccountChanged, PriceChanged, ProductChanged
from portal_contracts.internet_standing import FindInternetStanding, InternetStanding
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
SECONDS = 40.0
ACCOUNT = "001000000000001AAA"


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


class Orders:
    """What orders knows of an account; counts how often it is asked."""

    def __init__(self):
        self.asked = 0
        self.standing = InternetStanding(eligibility="eligible", types=["Home 1G"])

    def register(self, bus):
        @bus.answers(FindInternetStanding)
        async def find(query, _):
            self.asked += 1
            assert 101 in query.internet_products
            return self.standing


class World:
    """Everybody around the catalog."""

    def __init__(self, gateway, orders, billing, feed, salesforce, sandbox, start, actor, knows):
        self.gateway = gateway
        self.orders = orders
        self.actor = actor
        self.knows = knows
        self.billing = billing
        self.salesforce = salesforce
        self.sandbox = sandbox
        self.running = start
        self._feed = feed

    async def catalog(self):
        return await self.gateway.ask(ListCatalog())

    async def internet(self):
        """Gives what the signed-in customer finds under Internet."""
        found = await self.gateway.ask(ListPersonalCatalog(), actor=self.actor)
        return next(group for group in found.groups if group.category == "internet")

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

    def set_up(self, **switches):
        self.sandbox.switches.update({"salesforce": switches})

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


@pytest.fixture(scope="session")
def actor_key():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def start(nats_url, database_url, redis_url, salesforce_environment, tmp_path, actor_key):
    """Runs the service for a block, and ends it as a deployment does. `check_seconds`: the version check."""

    public = actor_key.public_key().public_bytes_raw()
    keys = tmp_path / "actors.json"
    keys.write_text(json.dumps({"test": b64encode(public).decode()}))

    @asynccontextmanager
    async def running(check_seconds=3600):
        environment = {
            **os.environ,
            **salesforce_environment,
            "PORTAL_ENVIRONMENT": "development",
            "PORTAL_NATS_URL": nats_url,
            "PORTAL_DATABASE_URL": database_url,
            "PORTAL_REDIS_URL": redis_url,
            "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(keys),
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
async def world(nats_url, database_url, sandbox, staff, feed, start, actor_key):
    client = await nats.connect(nats_url)
    await apply(client.jetstream())
    await client.close()
    billing = Billing(sandbox.dataset)
    offline = {"database": False, "watches": (), "consumes": (), "records": (), "serves": ()}
    topologies = {name: replace(SERVICES[name], **offline) for name in ("gateway", "orders", "billing")}
    topologies["billing"] = replace(topologies["billing"], serves=(ListBillingProducts,))
    topologies["orders"] = replace(topologies["orders"], serves=(FindInternetStanding,))
    buses = {name: Bus(name, BusAddress(nats_url), topology=found) for name, found in topologies.items()}
    buses["changefeed"] = Bus("changefeed", BusAddress(nats_url), database=feed)
    for bus in buses.values():
        await bus.connect()
    billing.register(buses["billing"])
    knows = Orders()
    knows.register(buses["orders"])
    await buses["billing"].start()
    await buses["orders"].start()
    await buses["changefeed"].start()
    actor = sign_actor(actor_key, "test", Actor("u", 5001, ACCOUNT, ("customer",), "s", datetime.now(UTC), "ja"))
    yield World(buses["gateway"], buses["orders"], billing, feed, staff, sandbox, start, actor, knows)
    for bus in buses.values():
        await bus.stop(within=1)


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
        await world.announce(AccountChanged, ACCOUNT)
        await world.until(world.internet, lambda group: group.notice is not None)
        assert world.knows.asked == 2


async def test_a_customer_finds_the_line_at_their_address_and_the_link_to_the_one_they_have(world) -> None:
    async with world.running():  # R077, R082
        await world.until_sold()
        found = {product.sku for product in (await world.internet()).products if product.item_class == "service"}
        assert found == {"INT-HOME-1G"}
        world.knows.standing = world.knows.standing.model_copy(update={"service_id": 12})
        await world.announce(AccountChanged, ACCOUNT)
        group = await world.until(world.internet, lambda group: group.notice is not None)
        assert (group.notice.code, group.notice.action) == ("INTERNET_ALREADY_ORDERED", "/subscriptions/12")


async def test_a_used_up_quota_leaves_the_catalog_on_sale_and_salesforce_alone(world, calls) -> None:
    async with world.running():
        await world.until_sold()
        world.sandbox.faults.arm({"vendor": "salesforce", "call": "query", "kind": "quota", "times": None})
        await world.announce(ProductChanged, ACCOUNT)
        await asyncio.sleep(0.5)
        refused = len(calls)
        for _ in range(3):
            await world.announce(ProductChanged, ACCOUNT)
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
