"""Salesforce and everybody around the catalog.

Salesforce is the sandbox's, or a real org when PORTAL_TEST_REAL_SALESFORCE=1 and SF_… are set. Billing, orders and
changefeed are bus identities of the tests: two answer from the dataset, the other announces changes.
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
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_bus_admin.provisioning import apply
from portal_chassis.actor import Actor, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts.billing import BillingProduct, BillingProducts, ListBillingProducts
from portal_contracts.catalog import ListCatalog, ReadProduct
from portal_contracts.catalog_personal import ListPersonalCatalog
from portal_contracts.internet_standing import FindInternetStanding, InternetStanding
from portal_contracts.problems import PortalProblem, TryLater
from portal_contracts.topology import SERVICES
from portal_salesforce import Salesforce, SalesforceSettings
from portal_salesforce.soql import all_of, equals, select
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

REAL = os.environ.get("PORTAL_TEST_REAL_SALESFORCE") == "1"
"""Only the port's suite asks; the tests on the bus need staff and faults, so they keep to the sandbox."""
CYCLES = {"Monthly": "monthly", "Annually": "annually", "One-time": "one_time"}
SECONDS = 40.0


@pytest.fixture
def real_org():
    return REAL


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def dialect():
    """The org's wording and the profile the connector reads it by (C02)."""
    return "2025-12"


@pytest.fixture
def calls():
    """Paths of the REST calls Salesforce got."""
    return []


def counting(app, calls):
    async def count(scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith("/services/data"):
            calls.append(scope["path"])
        await app(scope, receive, send)

    return count


@pytest.fixture
async def sandbox(tmp_path, private_key, dialect, calls):
    public_key = tmp_path / "public.pem"
    public_key.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    ports = dict.fromkeys(("control_port", "salesforce_port", "salesforce_tls_port", "pubsub_port"), 0)
    settings = Settings(data_dir=tmp_path / "sandbox", salesforce_public_key_path=public_key, **ports)
    built = build_sandbox(settings, vendors=["salesforce"])
    built._apps["salesforce"] = counting(built._apps["salesforce"], calls)
    async with built.running():
        built.core.switches.update({"salesforce": {"dialect": dialect}})
        yield built.core


@pytest.fixture
def salesforce_environment(sandbox, private_key, tmp_path, dialect):
    """The environment a service finds the sandbox by, over TLS with its own authority."""
    key = tmp_path / "private.pem"
    key.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {
        "SF_DIALECT": dialect,
        "SF_LOGIN_URL": sandbox.addresses["salesforce_tls"],
        "SF_CLIENT_ID": "sandbox-client-id",
        "SF_USERNAME": "portal@sandbox.invalid",
        "SF_PRIVATE_KEY_PATH": str(key),
        "SF_CA_BUNDLE": str(sandbox.tls.authority),
        "PORTAL_PRICEBOOK_ID": PORTAL_PRICEBOOK_ID,
    }


@pytest.fixture
def salesforce_settings(request, monkeypatch):
    """As the service reads them."""
    if not REAL:
        for name, value in request.getfixturevalue("salesforce_environment").items():
            monkeypatch.setenv(name, value)
    return SalesforceSettings()


@pytest.fixture
async def staff(salesforce_settings):
    """Salesforce as staff see it: the integration user may not write products (R273)."""
    username = salesforce_settings.username if REAL else "staff@sandbox.invalid"
    connector = Salesforce(salesforce_settings.model_copy(update={"username": username}))
    yield connector
    await connector.close()


@pytest.fixture
async def salesforce(salesforce_settings):
    connector = Salesforce(salesforce_settings)
    yield connector
    await connector.close()


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

    account_id = "001000000000001AAA"

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
    customer = Actor("u", 5001, World.account_id, ("customer",), "s", datetime.now(UTC), "ja")
    actor = sign_actor(actor_key, "test", customer)
    yield World(buses["gateway"], buses["orders"], billing, feed, staff, sandbox, start, actor, knows)
    for bus in buses.values():
        await bus.stop(within=1)
