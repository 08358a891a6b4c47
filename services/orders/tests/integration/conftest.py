"""Orgs behind the port: the fake, and the sandbox's Salesforce with staff who work in it; and the tables."""

from base64 import b64encode
from datetime import UTC, date, datetime
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts.catalog import LocalizedText
from portal_contracts.values import Address
from portal_orders.comparison_in_memory import InMemoryDifferences
from portal_orders.comparison_store import PostgresDifferences
from portal_orders.order import KeptItem, KeptOrder
from portal_orders.ports import NewItem, NewOrder
from portal_orders.projection import PostgresOrderBook
from portal_orders.rows_in_memory import (
    InMemoryBook,
    InMemoryCheckouts,
    InMemoryCommandLog,
    InMemoryHints,
    InMemorySignedCalls,
)
from portal_orders.salesforce import SalesforceOrders
from portal_orders.store import PostgresCheckouts, PostgresCommandLog, PostgresHints, PostgresSignedCalls
from portal_orders.testing import ACCOUNT, PRICE_LIST, InMemorySales
from portal_salesforce import Salesforce, SalesforceSettings
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, STAFF_USER_ID
from portal_sandbox.salesforce.seed import account_id, entry_id, product_id
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

INTERNET = "Personal SonixNet Home Internet"
HOME = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3", building="見本ビル 401")
BY_SKU = {product.sku: product for product in PRICE_LIST}


@pytest.fixture
def kept_order():
    """Make a finished order for a VPN, as the portal keeps it."""
    return _kept_order


def _kept_order(order_id, placed_at, **facts):
    item = KeptItem(
        product_id="01t000000000301AAA",
        sku="VPN-US",
        name=LocalizedText(en="VPN", ja="VPN"),
        category="vpn",
        item_class="service",
        billing_cycle="monthly",
        quantity=1,
        unit_price=2500,
    )
    usual = {
        "account_id": ACCOUNT,
        "order_number": "00000101",
        "key": None,
        "opportunity_id": None,
        "state": "completed",
        "activation": "activated",
        "changed_at": placed_at,
        "placed_at": placed_at,
        "items": (item,),
    }
    return KeptOrder(order_id=order_id, **{**usual, **facts})


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def sandbox(tmp_path, private_key):
    public_key = tmp_path / "public.pem"
    public_key.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    ports = dict.fromkeys(("control_port", "salesforce_port", "salesforce_tls_port", "pubsub_port"), 0)
    settings = Settings(data_dir=tmp_path / "sandbox", salesforce_public_key_path=public_key, **ports)
    built = build_sandbox(settings, vendors=["salesforce"])
    async with built.running():
        yield built.core


@pytest.fixture
def salesforce_environment(private_key):
    """SF_… of a sandbox's core, as a service finds them."""
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def make(core, **changes):
        return {
            "SF_LOGIN_URL": core.addresses["salesforce_tls"],
            "SF_CLIENT_ID": "sandbox-client-id",
            "SF_USERNAME": "portal@sandbox.invalid",
            "SF_PRIVATE_KEY_BASE64": b64encode(pem).decode(),
            "SF_CA_BUNDLE": str(core.tls.authority),
            "PORTAL_PRICEBOOK_ID": PORTAL_PRICEBOOK_ID,
            **changes,
        }

    return make


@pytest.fixture
async def connected(salesforce_environment):
    """Connectors to a sandbox: `await connected(core, SF_DIALECT=…)`."""
    opened = []

    def connect(core, **changes):
        salesforce = Salesforce(SalesforceSettings(**salesforce_environment(core, **changes)))
        opened.append(salesforce)
        return salesforce

    yield connect
    for salesforce in opened:
        await salesforce.close()


class Staff:
    """What people do in the org, below the wire, so that no fault touches them."""

    def __init__(self, core):
        self._core = core
        self._org = org_of(core)

    async def change(self, entity, record_id, **values):
        def work(transaction):
            transaction.update(transaction.schema.objects[entity], record_id, values)

        await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def create(self, entity, **values):
        def work(transaction):
            return transaction.create(transaction.schema.objects[entity], values)["Id"]

        return await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def record(self, entity, record_id):
        def work(transaction):
            return dict(transaction.require(transaction.schema.objects[entity], record_id))

        return await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    async def children(self, entity, field, parent_id):
        def work(transaction):
            return [dict(record) for record in transaction.children(entity, field, parent_id)]

        return await self._org.execute(self._org.caller(STAFF_USER_ID), work)

    def switch(self, **values):
        self._core.switches.update({"salesforce": values})

    def fault(self, call, kind, **facts):
        self._core.faults.arm({"vendor": "salesforce", "call": call, "kind": kind, **facts})

    async def control(self, method, path, body=None):
        async with httpx.AsyncClient(base_url=self._core.addresses["control"], timeout=20) as client:
            answer = await client.request(method, path, json=body, headers={"accept": "application/json"})
            answer.raise_for_status()
            return answer.json() if answer.content else None


@pytest.fixture
def staff(sandbox):
    return Staff(sandbox)


@pytest.fixture
def sales(connected, sandbox):
    return SalesforceOrders(connected(sandbox), internet_commodity=INTERNET)


@pytest.fixture
async def postgres_rows(database_url):
    database = Database(database_url)
    await migrate(database, "portal_chassis", "portal_orders")
    await database.connect()
    yield SimpleNamespace(
        database=database,
        transaction=database.transaction,
        book=PostgresOrderBook(database),
        checkouts=PostgresCheckouts(database),
        hints=PostgresHints(database),
        signed_calls=PostgresSignedCalls(),
        commands=PostgresCommandLog(),
        differences=PostgresDifferences(database),
    )
    await database.close()


@pytest.fixture(params=["memory", "postgres"])
def rows(request):
    """The tables behind their ports, as fakes and in Postgres."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_rows")
    return SimpleNamespace(
        transaction=InMemoryDatabase().transaction,
        book=InMemoryBook(),
        checkouts=InMemoryCheckouts(),
        hints=InMemoryHints(),
        signed_calls=InMemorySignedCalls(),
        commands=InMemoryCommandLog(),
        differences=InMemoryDifferences(),
    )


class RealClock:
    def now(self):
        return datetime.now(UTC)

    def today(self):
        return self.now().date()


class Org:
    """An org behind the port, and what staff do in it."""

    def new_order(self, key="checkout-1", sku="VPN-US", fee="VPN-ACTIVATION", **facts):
        items = [
            NewItem(f"{key}-1", self.entry(sku), 1, BY_SKU[sku].price, "monthly"),
            NewItem(f"{key}-2", self.entry(fee), 1, BY_SKU[fee].price, "one_time", {"colour": "black"}),
        ]
        category = BY_SKU[sku].category
        return NewOrder(key, self.account, category, sku, date(2026, 11, 21), items, address=HOME, **facts)

    async def placed(self, **facts):
        return await self.port.place(self.new_order(**facts), None)

    async def read(self, order_id):
        return (await self.port.read([order_id]))[order_id]


class FakeOrg(Org):
    """The fake."""

    def __init__(self):
        self.port = InMemorySales(RealClock())
        self.account = ACCOUNT

    def entry(self, sku):
        return BY_SKU[sku].pricebook_entry_id

    def product(self, sku):
        return BY_SKU[sku].product_id

    async def set_status(self, order_id, state):
        self.port.change(order_id, state=state)

    async def set_activation(self, order_id, activation):
        self.port.change(order_id, activation=activation)

    async def open_opportunity(self, stage, category):
        return self.port.open_opportunity(stage, category)

    async def stage(self, opportunity_id):
        return self.port.opportunities[opportunity_id].stage

    async def reject(self, order_id, reason):
        self.port.change(order_id, state="cancelled", rejection_reason=reason)

    async def reason(self, opportunity_id):
        return self.port.opportunities[opportunity_id].reason

    async def item(self, order_id):
        return f"802{order_id[3:15]}"


class SandboxOrg(Org):
    """The sandbox's org in one wording."""

    def __init__(self, port, staff, dialect):
        self.port = port
        self.staff = staff
        self.account = account_id("SNX-10001")
        completed, done = ("Activated", "Provisioned") if dialect == "2025-12" else ("Completed", "Activated")
        self.statuses = {"approved": "Approved", "completed": completed, "cancelled": "Cancelled"}
        self.activations = {"activating": "Activating", "failed": "Failed", "activated": done}

    def entry(self, sku):
        return entry_id(sku)

    def product(self, sku):
        return product_id(sku)

    async def set_status(self, order_id, state):
        await self.staff.change("Order", order_id, Status=self.statuses[state])

    async def set_activation(self, order_id, activation):
        await self.staff.change("Order", order_id, Activation_Status__c=self.activations[activation])

    async def open_opportunity(self, stage, category):
        return await self.staff.create(
            "Opportunity",
            Name="An enquiry",
            AccountId=self.account,
            StageName=stage.replace("_", " ").title(),
            CloseDate="2026-12-01",
            CommodityType=INTERNET if category == "internet" else category.upper(),
        )

    async def stage(self, opportunity_id):
        text = (await self.staff.record("Opportunity", opportunity_id))["StageName"]
        return text.lower().replace(" ", "_")

    async def reject(self, order_id, reason):
        await self.staff.change("Order", order_id, Status="Cancelled", Description=f"Please hurry.\nRejected: {reason}")

    async def reason(self, opportunity_id):
        return (await self.staff.record("Opportunity", opportunity_id))["Description"]

    async def item(self, order_id):
        return (await self.staff.children("OrderItem", "OrderId", order_id))[0]["Id"]


@pytest.fixture(params=["fake", "2025-12", "2025-08"])
def org(request):
    if request.param == "fake":
        return FakeOrg()
    sandbox, staff = request.getfixturevalue("sandbox"), request.getfixturevalue("staff")
    staff.switch(dialect=request.param, flowEnabled=False)
    salesforce = request.getfixturevalue("connected")(sandbox, SF_DIALECT=request.param)
    port = SalesforceOrders(salesforce, internet_commodity=INTERNET)
    return SandboxOrg(port, staff, request.param)


@pytest.fixture
def sandbox_org(staff):
    """The sandbox's org in its usual wording behind a port of the test's own: `sandbox_org(port)`."""
    return lambda port: SandboxOrg(port, staff, "2025-12")
