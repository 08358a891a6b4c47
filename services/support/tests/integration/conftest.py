"""Support on a real NATS and Postgres.

The sandbox's Salesforce is started here, or it is a real org when PORTAL_TEST_REAL_SALESFORCE=1 and SF_… are set.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import nats
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_bus_admin.provisioning import apply
from portal_chassis.actor import Actor, ActorVerifier, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.clocks import RealClock
from portal_chassis.health import Health
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.service import Service
from portal_chassis.settings import ChassisSettings
from portal_contracts.topology import SERVICES
from portal_salesforce import Salesforce, SalesforceSettings
from portal_salesforce.soql import equals, select
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings
from portal_support.main import wire

REAL = os.environ.get("PORTAL_TEST_REAL_SALESFORCE") == "1"
"""Only the port's suite asks; the tests on the bus need faults, so they keep to the sandbox."""


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def dialect():
    """The wording of the org; the port's suite says which."""
    return "2025-12"


@pytest.fixture
def heard():
    """Every REST call: its method, path, and headers by lower-case name."""
    return []


def listening(app, heard):
    async def listen(scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith("/services/data/"):
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            heard.append((scope["method"], scope["path"], headers))
        await app(scope, receive, send)

    return listen


@pytest.fixture
async def sandbox(tmp_path, private_key, heard, dialect):
    public_key = tmp_path / "public.pem"
    public_key.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    ports = dict.fromkeys(("control_port", "salesforce_port", "salesforce_tls_port", "pubsub_port"), 0)
    settings = Settings(data_dir=tmp_path / "sandbox", salesforce_public_key_path=public_key, **ports)
    built = build_sandbox(settings, vendors=["salesforce"])
    built._apps["salesforce"] = listening(built._apps["salesforce"], heard)
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
    """Salesforce as staff see it."""
    username = salesforce_settings.username if REAL else "staff@sandbox.invalid"
    connector = Salesforce(salesforce_settings.model_copy(update={"username": username}))
    yield connector
    await connector.close()


@pytest.fixture
async def salesforce(salesforce_settings):
    connector = Salesforce(salesforce_settings)
    yield connector
    await connector.close()


SIGNING_KEY = Ed25519PrivateKey.generate()


class Customer:
    """Somebody signed in at the gateway."""

    def __init__(self, bus, user_id, account_id):
        self._bus = bus
        self.account_id = account_id
        instant = datetime(2026, 11, 20, tzinfo=UTC)
        self._actor = Actor(user_id, 42, account_id, ("customer",), "session-example", instant, "ja")

    async def ask(self, message, timeout=5.0):  # noqa: ASYNC109 - it travels as a deadline
        return await self._bus.ask(message, timeout=timeout, actor=sign_actor(SIGNING_KEY, "k1", self._actor))


@pytest.fixture
async def database(database_url):
    opened = Database(database_url, name="support-tests")
    await migrate(opened, "portal_chassis", "portal_support")
    await opened.connect()
    yield opened
    await opened.close()


@pytest.fixture
async def service(nats_url, database, salesforce_environment, monkeypatch):
    """Support, answering; its processes run when a test lets them."""
    for name, value in salesforce_environment.items():
        monkeypatch.setenv(name, value)
    client = await nats.connect(nats_url)
    await apply(client.jetstream())
    await client.close()
    verifier = ActorVerifier({"k1": SIGNING_KEY.public_key()})
    answering = Bus("support", BusAddress(nats_url), database=database, verifier=verifier)
    built = Service("support", ChassisSettings(nats_url=nats_url), answering, RealClock(), Health())
    store = PostgresProcessStore(database, timedelta(seconds=30))
    built.keep_in(database, ProcessEngine(store, built.clock, built.machine))
    await answering.connect()
    await wire(built)
    await answering.start()
    yield built
    await answering.stop()
    await built.close()


@pytest.fixture
async def gateway(nats_url, service):
    """The gateway's place on the bus."""
    asking = Bus("gateway", BusAddress(nats_url), topology=replace(SERVICES["gateway"], watches=()))
    await asking.connect()
    yield asking
    await asking.stop()


@pytest.fixture
async def customers(gateway, salesforce):
    found = []
    for number in (1, 2):
        condition = equals("SF_Account_No__c", f"SNX-1000{number}")
        account = await salesforce.query_one(select("Account", "Id").where(condition))
        found.append(Customer(gateway, f"7b6f5c7e-0000-4000-8000-00000000000{number}", account["Id"]))
    return found
