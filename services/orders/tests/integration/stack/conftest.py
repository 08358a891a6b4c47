"""Orders as a process of its own on a real NATS, a real Postgres and the sandbox's Salesforce.

Billing, catalog, identity and support are answered here; the gateway, fulfillment and changefeed are played.
"""

import asyncio
import base64
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import asyncpg
import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_bus_admin.provisioning import apply
from portal_chassis.actor import Actor, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_contracts.billing import (
    ChangeClientAddress,
    CheckPaymentMethod,
    ClientProfile,
    ListClientServices,
    PaymentMethodsSummary,
    ReadClientProfile,
    SubscriptionList,
)
from portal_contracts.catalog import Catalog, FindProducts, ListCatalog, SoldProducts
from portal_contracts.changefeed import (
    AccountChanged,
    EventsMissed,
    OrderChanged,
    OrderItemChanged,
    ProvisionEventReceived,
)
from portal_contracts.drift import FindLinkedClients, LinkedClients
from portal_contracts.identity import CustomerLink, FindCustomer
from portal_contracts.identity_verification import CheckVerification, VerificationCheck
from portal_contracts.message import Acknowledged
from portal_contracts.orders import CartLine, CheckOut, ListOrders, ReadOrder, ReadOrderMail, ReadTimeline
from portal_contracts.problems import Refused
from portal_contracts.support import OpenStaffCase, StaffCase
from portal_contracts.topology import SERVICES
from portal_contracts.values import PersonName
from portal_contracts.whmcs_orders import BilledClientPage, ListBilledClients
from portal_orders.testing import CLIENT, EID, HOME, PRICE_LIST
from portal_sandbox.salesforce.seed import account_id, entry_id, product_id

ACCOUNT = account_id("SNX-10001")
KEY_ID = "k1"
ASKING = ("gateway", "fulfillment", "notifications")
ASKED = SERVICES["orders"].asks


class Others:
    """What the other services would say."""

    def __init__(self):
        self.pays = True
        self.services = []
        self.home = HOME
        self.linked = {ACCOUNT}
        self.clients = []
        self.cases = {}
        self.products = [
            one.model_copy(update={"product_id": product_id(one.sku), "pricebook_entry_id": entry_id(one.sku)})
            for one in PRICE_LIST
        ]

    def answer_for(self, name, bus):
        getattr(self, f"_{name}")(bus)

    def _billing(self, bus):
        @bus.answers(CheckPaymentMethod)
        async def check(_, __):
            return PaymentMethodsSummary(has_payment_method=self.pays, count=int(self.pays))

        @bus.answers(ListClientServices)
        async def services(_, __):
            return SubscriptionList(subscriptions=self.services)

        @bus.answers(ReadClientProfile)
        async def profile(_, __):
            name = PersonName(family_name="見本", given_name="花子")
            return ClientProfile(name=name, email="hanako@example.jp", address=self.home)

        @bus.answers(ChangeClientAddress)
        async def change(command, _):
            self.home = command.address
            return Acknowledged()

        @bus.answers(ListBilledClients)
        async def compare(query, _):
            wanted = query.whmcs_client_ids
            clients = [] if query.after_client_id else self.clients
            chosen = [one for one in clients if not wanted or one.whmcs_client_id in wanted]
            return BilledClientPage(clients=chosen)

    def _support(self, bus):
        @bus.answers(OpenStaffCase)
        async def open_case(command, _):
            self.cases.setdefault(command.case_key, command)
            return StaffCase(case_id="500000000000001AAA")

    def _catalog(self, bus):
        @bus.answers(ListCatalog)
        async def everything(_, __):
            return Catalog(version="1", read_at=datetime(2026, 1, 2, tzinfo=UTC), groups=[])

        @bus.answers(FindProducts)
        async def find(query, _):
            found = [one for one in self.products if one.sku in query.skus or one.product_id in query.product_ids]
            return SoldProducts(products=found)

    def _identity(self, bus):
        @bus.answers(CheckVerification)
        async def check(_, __):
            return VerificationCheck(method="document_upload", status="verified", passed=True)

        @bus.answers(FindLinkedClients)
        async def linked(query, _):
            return LinkedClients(linked={CLIENT: ACCOUNT} if CLIENT in query.whmcs_client_ids else {})

        @bus.answers(FindCustomer)
        async def find(query, _):
            if query.account_id not in self.linked:
                raise Refused("CUSTOMER_NOT_LINKED")
            return CustomerLink(
                user_id="7b6f5c7e-0000-4000-8000-000000000001",
                account_id=query.account_id,
                whmcs_client_id=CLIENT,
                customer_number="SNX-10001",
                locale="ja",
            )


class Stack:
    """The running service and everybody around it."""

    def __init__(self, url, environment, signer, others):
        self.environment = environment
        self.others = others
        self.gateway: Bus | None = None
        self.fulfillment: Bus | None = None
        self.notifications: Bus | None = None
        self._url = url
        self._signer = signer
        self._process: asyncio.subprocess.Process | None = None
        self._database: asyncpg.Connection | None = None
        self._nats = None

    # processes

    async def start(self):
        """Start orders and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "portal_orders", env=self.environment, stdout=self.environment_log
        )
        await eventually(self._answers, 30)

    async def _answers(self):
        assert self._process.returncode is None, "orders ended; its log says why"
        try:
            await self.list()
        except Exception:  # noqa: BLE001 - not there yet
            return False
        return True

    async def kill(self):
        self._process.kill()
        await self._process.wait()

    async def stop(self):
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            assert await self._process.wait() == 0

    # the customer

    def token(self, account=ACCOUNT):
        actor = Actor(
            user_id="7b6f5c7e-0000-4000-8000-000000000001",
            whmcs_client_id=CLIENT,
            account_id=account,
            roles=("customer",),
            session_id="session-example",
            authenticated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            locale="ja",
        )
        return sign_actor(self._signer, KEY_ID, actor, 300)

    def operator_token(self, *roles):
        actor = Actor(
            user_id="operator-1",
            whmcs_client_id=0,
            account_id="",
            roles=roles,
            session_id="session-operator",
            authenticated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            locale="en",
            operator="operator@staff.example",
        )
        return sign_actor(self._signer, KEY_ID, actor, 300)

    async def check_out(self, *lines, key=None, timeout=8.0, **facts):  # noqa: ASYNC109 - the bus's own word
        command = CheckOut(lines=lines, idempotency_key=key, address_confirmed=True, **facts)
        return await self.gateway.ask(command, timeout=timeout, actor=self.token())

    async def mail(self, order_id):
        return await self.notifications.ask(ReadOrderMail(order_id=order_id))

    async def list(self):
        return (await self.gateway.ask(ListOrders(), actor=self.token())).orders

    async def order(self, order_id, account=ACCOUNT):
        return await self.gateway.ask(ReadOrder(order_id=order_id), actor=self.token(account))

    async def kinds(self, order_id):
        query = ReadTimeline(order_id=order_id)
        return [entry.kind for entry in (await self.gateway.ask(query, actor=self.token())).entries]

    # changefeed

    async def announce(self, event):
        """Publish an event as its owner's relay does."""
        if self._nats is None:
            self._nats = await nats.connect(self._url)
        headers = {"Nats-Msg-Id": uuid4().hex}
        body = event.model_dump_json().encode()
        await self._nats.jetstream().publish(event.subject, body, headers=headers)

    async def changed(self, order_id, *fields, by_us=False):
        await self.announce(
            OrderChanged(
                record_id=order_id, change="updated", fields=fields, by_us=by_us, committed_at=datetime.now(UTC)
            )
        )

    async def item_changed(self, item_id):
        now = datetime.now(UTC)
        await self.announce(
            OrderItemChanged(record_id=item_id, change="updated", fields=["Quantity"], by_us=False, committed_at=now)
        )

    async def account_changed(self, *fields, account=ACCOUNT):
        now = datetime.now(UTC)
        await self.announce(
            AccountChanged(record_id=account, change="updated", fields=fields, by_us=False, committed_at=now)
        )

    async def provision_event(self, order_id, version=1):
        await self.announce(
            ProvisionEventReceived(
                order_id=order_id, event_id=uuid4().hex, version=version, occurred_at=datetime.now(UTC)
            )
        )

    async def events_missed(self):
        now = datetime.now(UTC)
        await self.announce(EventsMissed(topic="/data/OrderChangeEvent", reason="gap_event", detected_at=now))

    # what the service wrote

    async def recorded(self, subject):
        """Give the bodies of the events of one subject in the outbox."""
        rows = await self._rows("SELECT body FROM portal_outbox WHERE subject = $1 ORDER BY id", subject)
        return [json.loads(row["body"]) for row in rows]

    async def rows(self, table):
        return await self._rows(f"SELECT * FROM {table}")

    async def _rows(self, sql, *values):
        if self._database is None:
            self._database = await asyncpg.connect(self.environment["PORTAL_DATABASE_URL"])
        return await self._database.fetch(sql, *values)

    async def close(self):
        await self.stop()
        if self._database is not None:
            await self._database.close()
        if self._nats is not None:
            await self._nats.close()


async def eventually(condition: Callable[[], Awaitable[object]], within: float = 40.0) -> object:
    async with asyncio.timeout(within):
        while True:
            if found := await condition():
                return found
            await asyncio.sleep(0.02)


@pytest.fixture
def stack_settings():
    """Overridden by tests that need other settings."""
    return {}


@pytest.fixture
async def stack(nats_url, database_url, sandbox, salesforce_environment, tmp_path, stack_settings):
    signer = Ed25519PrivateKey.generate()
    keys = tmp_path / "actor.json"
    keys.write_text(json.dumps({KEY_ID: base64.b64encode(signer.public_key().public_bytes_raw()).decode()}))
    client = await nats.connect(nats_url)
    await apply(client.jetstream(), SERVICES)
    await client.close()
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **salesforce_environment(sandbox),
        "PORTAL_ENVIRONMENT": "development",
        "PORTAL_NATS_URL": nats_url,
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(keys),
        "PORTAL_SWEEP_SECONDS": "3600",
        **stack_settings,
    }
    others = Others()
    running = Stack(nats_url, environment, signer, others)
    async with AsyncExitStack() as open_until_the_end:
        log = open_until_the_end.enter_context((tmp_path / "orders.log").open("wb"))
        running.environment_log = log
        for name in ("gateway", "fulfillment", "notifications", "billing", "catalog", "identity", "support"):
            topology = replace(SERVICES[name], records=(), consumes=(), watches=(), database=False)
            if name in ASKING:
                topology = replace(topology, serves=())
            else:
                topology = replace(topology, serves=tuple(one for one in topology.serves if one in ASKED))
            bus = Bus(name, BusAddress(nats_url), topology=topology)
            await bus.connect()
            open_until_the_end.push_async_callback(bus.stop, 1.0)
            if name in ASKING:
                setattr(running, name, bus)
            else:
                others.answer_for(name, bus)
            await bus.start()
        open_until_the_end.push_async_callback(running.close)
        await running.start()
        yield running
        sys.stdout.write((tmp_path / "orders.log").read_text(errors="replace")[-8000:])


@pytest.fixture
def carts():
    """Lines of carts."""

    def line(reference, sku, **facts):
        return CartLine(reference=reference, sku=sku, **facts)

    sim = (
        line("sim", "SIM-VOICE-ESIM-20G", eid=EID),
        line("sim-fee", "SIM-ACTIVATION", parent="sim"),
        line("voicemail", "SIM-VOICEMAIL", parent="sim"),
    )
    vpn = (line("vpn", "VPN-US"), line("vpn-fee", "VPN-ACTIVATION", parent="vpn"))
    return SimpleNamespace(sim=sim, vpn=vpn, internet=(line("internet", "INT-HOME-1G"),), line=line)


@pytest.fixture(name="eventually")
def eventually_fixture():
    return eventually


@pytest.fixture
def account():
    return ACCOUNT
