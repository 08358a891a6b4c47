"""The feed on a real Postgres and the sandbox's own REST and Pub/Sub servers, all on loopback."""

import asyncio
import json
import secrets
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_changefeed.election import Election
from portal_changefeed.feed import Feed
from portal_changefeed.follow_topic import Patience
from portal_changefeed.pubsub import Endpoint, GrpcPubSub
from portal_changefeed.watch_allocations import WatchAllocations
from portal_chassis.migrating import migrate
from portal_chassis.outbox import Outbox
from portal_chassis.postgres import Database
from portal_contracts.topology import SERVICES
from portal_salesforce import Salesforce, SalesforceSettings
from portal_salesforce.soql import select
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings


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
        built.core.switches.update({"salesforce": {"keepAliveSeconds": 0.3}})
        yield built.core


@pytest.fixture
def salesforce_settings(sandbox, private_key, tmp_path):
    key = tmp_path / "private.pem"
    key.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return SalesforceSettings(
        login_url=sandbox.addresses["salesforce_tls"],
        client_id="sandbox-client-id",
        username="portal@sandbox.invalid",
        private_key_path=key,
        ca_bundle=sandbox.tls.authority,
        pricebook_id=PORTAL_PRICEBOOK_ID,
        pubsub_endpoint=sandbox.addresses["pubsub"],
    )


@pytest.fixture
async def salesforce(salesforce_settings):
    connector = Salesforce(salesforce_settings)
    yield connector
    await connector.close()


@pytest.fixture
async def database(database_url):
    """The service's own database, as the service would open it."""
    database = Database(database_url, name="changefeed")
    await migrate(database, "portal_chassis", "portal_changefeed")
    await database.connect()
    database.record_with(Outbox("changefeed", SERVICES["changefeed"].records).record)
    yield database
    await database.close()


class World:
    """Salesforce on one side, our database on the other, and what tests do and ask there."""

    def __init__(self, sandbox, settings, salesforce, database):
        self.sandbox = sandbox
        self.settings = settings
        self.salesforce = salesforce
        self.database = database

    @asynccontextmanager
    async def feeding(self, watchdog=30.0):
        """Runs an instance for a block. Its pauses are short; `watchdog` is seconds."""
        connector = Salesforce(self.settings)
        endpoint = Endpoint(self.settings.pubsub_endpoint, self.settings.ca_bundle, 45.0, 15.0)

        async def hurry(seconds):
            await asyncio.sleep(min(seconds, 0.2))

        feed = Feed(
            database=self.database,
            pubsub=lambda: GrpcPubSub(endpoint, connector.tokens),
            now=lambda: datetime.now(UTC),
            patience=Patience(watchdog, hurry),
            election=Election(self.database, candidate_seconds=0.1),
            allocations=WatchAllocations(connector.limits),
        )
        running = asyncio.create_task(feed.run())
        try:
            yield running
            assert not running.done() or running.cancelled(), running.exception()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await connector.close()

    async def order(self):
        """Makes a draft order and gives its id."""
        account = await self.salesforce.query_one(select("Account", "Id"))
        header = {"AccountId": account["Id"], "EffectiveDate": date(2026, 11, 20), "Status": "Draft"}
        fields = {**header, "Pricebook2Id": PORTAL_PRICEBOOK_ID}
        return (await self.salesforce.upsert("Order", "Portal_Order_Key__c", secrets.token_hex(8), fields))[0]

    def switch(self, **values):
        self.sandbox.switches.update({"salesforce": values})

    def called(self, name):
        """How often Salesforce was called so."""
        return self.sandbox.faults.calls.get("salesforce", {}).get(name, 0)

    async def recorded(self, subject=None):
        """What was recorded so far: subject and body, in order; only bodies when a subject is named."""
        rows = await self.database.fetch("SELECT subject, body FROM portal_outbox ORDER BY id")
        found = [(row["subject"], json.loads(row["body"])) for row in rows]
        return found if subject is None else [body for name, body in found if name == subject]

    async def hints(self, subject="changefeed.order.changed.v1"):
        """The record ids that were hinted at, repeats included."""
        return [body["recordId"] for body in await self.recorded(subject)]

    async def position(self, topic="/data/OrderChangeEvent"):
        return await self.database.fetchval("SELECT replay_id FROM changefeed_position WHERE topic = $1", topic)

    async def all_positions(self):
        return await self.database.fetchval("SELECT count(*) FROM changefeed_position WHERE replay_id IS NOT NULL")

    @staticmethod
    async def eventually(ask, pleases=bool, within=30.0):
        """Asks until the answer pleases, and gives it."""
        answer = None
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not pleases(answer := await ask()):
                    await asyncio.sleep(0.05)
                return answer
        pytest.fail(f"not within {within} s; the last answer was {answer!r}")


@pytest.fixture
def world(sandbox, salesforce_settings, salesforce, database):
    return World(sandbox, salesforce_settings, salesforce, database)
