"""A running Salesforce stand-in, and the clients that real adapters use."""

import io
import json
import time

import fastavro
import httpx
import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce import Salesforce

from portal_sandbox.salesforce.event_bus import Topic
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.salesforce.seed import account_id, entry_id
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PORTAL = "portal@sandbox.invalid"
STAFF = "staff@sandbox.invalid"


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
    built = build_sandbox(
        Settings(data_dir=tmp_path / "data", salesforce_public_key_path=public_key, **ports), vendors=["salesforce"]
    )
    async with built.running():
        yield built


@pytest.fixture
def addresses(sandbox):
    return sandbox.core.addresses


@pytest.fixture
def switch(sandbox):
    def move(**values):
        sandbox.core.switches.update({"salesforce": values})

    return move


@pytest.fixture
def assertion(private_key):
    def make(key=None, **changes):
        claims = {
            "iss": "sandbox-client-id",
            "sub": PORTAL,
            "aud": "https://login.salesforce.com",
            "exp": int(time.time()) + 180,
            **changes,
        }
        return jwt.encode(claims, key or private_key, "RS256")

    return make


@pytest.fixture
async def http(addresses):
    async with httpx.AsyncClient(base_url=addresses["salesforce"], timeout=20) as client:
        yield client


@pytest.fixture
def log_in(http, assertion):
    async def log_in(username=PORTAL):
        form = {"grant_type": GRANT, "assertion": assertion(sub=username)}
        reply = await http.post("/services/oauth2/token", data=form)
        assert reply.status_code == 200, reply.text
        return reply.json()["access_token"]

    return log_in


@pytest.fixture
async def token(log_in):
    return await log_in()


class Rest:
    """REST calls as one user, below /services/data/v62.0."""

    def __init__(self, client, token):
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}", "Sforce-Call-Options": "client=PortalTest"}

    async def call(self, method, path, body=None, **params):
        return await self.client.request(
            method, f"/services/data/v62.0/{path}", json=body, params=params or None, headers=self.headers
        )

    async def create(self, entity, **fields):
        reply = await self.call("POST", f"sobjects/{entity}/", fields)
        assert reply.status_code == 201, reply.text
        return reply.json()["id"]

    async def read(self, entity, record_id):
        reply = await self.call("GET", f"sobjects/{entity}/{record_id}")
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def change(self, entity, record_id, **fields):
        reply = await self.call("PATCH", f"sobjects/{entity}/{record_id}", fields)
        assert reply.status_code == 204, reply.text

    async def query(self, text):
        reply = await self.call("GET", "query", q=text)
        assert reply.status_code == 200, reply.text
        return reply.json()


@pytest.fixture
def rest(http, token):
    return Rest(http, token)


@pytest.fixture
async def staff(http, log_in):
    return Rest(http, await log_in(STAFF))


@pytest.fixture
def salesforce(sandbox, addresses, token):
    """simple-salesforce in direct mode, verifying the sandbox's certificate."""
    with requests.Session() as session:
        # With trust_env a REQUESTS_CA_BUNDLE of the environment would win over session.verify.
        session.trust_env = False
        session.verify = str(sandbox.core.tls.authority)
        yield Salesforce(session_id=token, instance_url=addresses["salesforce_tls"], session=session, version="62.0")


@pytest.fixture
def submit(rest):
    """Makes an order as the portal does: opportunity, Draft order, items, then Pending Review."""

    async def submit(number="SNX-10001", key=None, skus=("INT-HOME-1G", "INT-INSTALL-SINGLE")):
        opportunity = await rest.create(
            "Opportunity",
            Name="Internet",
            AccountId=account_id(number),
            StageName="Post Processing",
            CloseDate="2026-12-01",
            CommodityType="Personal SonixNet Home Internet",
            Portal_Source__c="Portal - Order Placement",
        )
        order = await rest.create(
            "Order",
            AccountId=account_id(number),
            OpportunityId=opportunity,
            Status="Draft",
            EffectiveDate="2026-11-21",
            Pricebook2Id=PORTAL_PRICEBOOK_ID,
            Portal_Order_Key__c=key,
        )
        for sku in skus:
            await rest.create("OrderItem", OrderId=order, PricebookEntryId=entry_id(sku), Quantity=1)
        await rest.change("Order", order, Status="Pending Review")
        return order

    return submit


@pytest.fixture
def bus_events(sandbox):
    """Decoded change events of an object, read below the wire."""
    org = org_of(sandbox.core)

    def read(entity):
        found = []
        for event in org.bus.after(Topic("change", entity), 0, 1000):
            schema = fastavro.parse_schema(json.loads(org.bus.find_schema(event.schema_id)))
            found.append(fastavro.schemaless_reader(io.BytesIO(event.payload), schema))
        return found

    return read
