"""The sandbox's Salesforce and WHMCS seen from orders, and staff who work in it."""

from base64 import b64encode
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_orders.comparison_in_memory import InMemoryDifferences
from portal_orders.comparison_store import PostgresDifferences
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
from portal_salesforce import Salesforce, SalesforceSettings
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, STAFF_USER_ID
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

INTERNET = "Personal SonixNet Home Internet"


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
