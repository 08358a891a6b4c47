"""Fulfillment as a process of its own on real NATS, Postgres and the sandbox's Freebit; its neighbours are played."""

import asyncio
import base64
import json
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portal_bus_admin.provisioning import apply
from portal_chassis.actor import sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.clocks import RealClock
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts import billing, billing_services, orders
from portal_contracts.billing import OrderLine
from portal_contracts.message import Acknowledged
from portal_contracts.orders import ProvisioningOrder, ProvisionRequested
from portal_contracts.problems import Refused, TryLater
from portal_contracts.topology import SERVICES
from portal_fulfillment.testing_neighbours import FakeBilling, FakeOrders
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

ORDER = "801000000000001AAA"
EID = "89049032000000000000000000000357"
LOOKS = [0.1, 0.3, 0.6, 1, 1.5, 2, 3, 5, 8, 13, 20, 40]


@pytest.fixture
def order_id():
    return ORDER


@pytest.fixture
def eid():
    return EID


@pytest.fixture
async def database(database_url):
    opened = Database(database_url)
    await migrate(opened, "portal_chassis", "portal_fulfillment")
    await opened.connect()
    yield opened
    await opened.close()


@pytest.fixture
async def freebit_sandbox(tmp_path):
    sandbox = build_sandbox(
        Settings(data_dir=tmp_path / "sandbox", control_port=0, freebit_port=0), vendors=["freebit"]
    )
    async with sandbox.running():
        sandbox.core.switches.update({"freebit": {"completionSeconds": 1}})
        yield sandbox


def esim_order(**changes):
    facts = {
        "order_id": ORDER,
        "order_number": "00000101",
        "state": "approved",
        "activation": "not_started",
        "account_id": "001000000000001AAA",
        "whmcs_client_id": 42,
        "category": "sim",
        "lines": [
            OrderLine(
                sku="SIM-VOICE-ESIM-20G",
                whmcs_product_id=202,
                billing_cycle="monthly",
                quantity=1,
                unit_price=2970,
                service=True,
            )
        ],
        "eid": EID,
        "esim": True,
        "voice": True,
        "sim_plan": "SIM-VOICE-ESIM-20G",
        "voice_options": ["SIM-VOICEMAIL"],
    }
    return ProvisioningOrder(**{**facts, **changes})


@pytest.fixture
def new_order():
    return esim_order


class Portal:
    """The running service, its neighbours on the bus, and what it wrote."""

    def __init__(self, url, environment, log):
        self.orders = FakeOrders()
        self.billing = FakeBilling(RealClock())
        self.billing.prices = {202: 2970, 101: 5500}
        self.charged = {}
        self._url = url
        self._environment = environment
        self._log = log
        self._process = None
        self._nats = None
        self._database = None
        self._door = None
        self._private = None
        self._as_orders = None

    def let_in(self, door, private):
        """Take the gateway's bus and the key that signs tokens."""
        self._door, self._private = door, private

    async def ask(self, message, actor, within=40.0):
        """Ask as the gateway does, for a customer or an operator; a service that is starting is waited for."""
        token = sign_actor(self._private, "key-1", actor)
        async with asyncio.timeout(within):
            while True:
                try:
                    return await self._door.ask(message, actor=token, timeout=5.0)
                except TryLater:
                    await asyncio.sleep(0.1)

    async def serve(self, message, within=40.0):
        """Ask as orders does."""
        async with asyncio.timeout(within):
            while True:
                try:
                    return await self._as_orders.ask(message, timeout=5.0)
                except TryLater:
                    await asyncio.sleep(0.1)

    def answer(self, bus):
        """Play orders or billing."""
        if bus.service == "orders":
            self._as_orders = bus
            self._answer_orders(bus)
        else:
            self._answer_billing(bus)

    def _answer_orders(self, bus):
        @bus.answers(orders.ReadOrderForProvisioning)
        async def read(query, _):
            return await self.orders.read(query.order_id)

        @bus.answers(orders.MarkActivating)
        async def mark(command, _):
            await self.orders.mark_activating(command.order_id, command.attempt)
            return Acknowledged()

        @bus.answers(orders.RecordOutcome)
        async def record(command, _):
            await self.orders.record(command)
            return Acknowledged()

    def _answer_billing(self, bus):
        @bus.answers(billing.CheckPaymentMethod)
        async def check(query, _):
            has = await self.billing.can_pay(query.whmcs_client_id)
            return billing.PaymentMethodsSummary(has_payment_method=has, count=int(has))

        @bus.answers(billing.ListBillingProducts)
        async def products(query, _):
            found = await self.billing.products(query.whmcs_product_ids)
            return billing.BillingProducts(products=list(found.values()))

        @bus.answers(billing.ReserveOrder)
        async def reserve(command, _):
            return await self.billing.reserve(
                command.order_id, command.generation, command.whmcs_client_id, command.lines, command.eid
            )

        @bus.answers(billing.AcceptOrder)
        async def accept(command, _):
            return await self.billing.accept(
                command.order_id, command.generation, phone_number=command.phone_number, iccid=command.iccid
            )

        @bus.answers(billing_services.ChargeExtra)
        async def charge(command, _):
            self.charged[command.charge_key] = command.amount
            return billing_services.ChargeState(state="done", invoice_id=len(self.charged))

        @bus.answers(billing.ReleaseOrder)
        async def release(command, _):
            if not command.reason:
                raise Refused("BAD_REQUEST")
            return await self.billing.release(command.order_id, command.generation, command.reason)

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "portal_fulfillment", env=self._environment, stdout=self._log
        )

    async def kill(self):
        self._process.kill()
        await self._process.wait()

    async def signal(self, *, times=1, source="platform_event", request_id=None, order_id=ORDER):
        """Publish ProvisionRequested as orders' relay would; each time is another message."""
        if self._nats is None:
            self._nats = await nats.connect(self._url)
        event = ProvisionRequested(
            order_id=order_id,
            source=source,
            request_id=request_id or uuid4().hex,
            occurred_at=datetime.now(UTC),
        )
        for _ in range(times):
            headers = {"Nats-Msg-Id": uuid4().hex}
            await self._nats.jetstream().publish(event.subject, event.model_dump_json().encode(), headers=headers)

    async def recorded(self):
        """Give what stands in the outbox: subjects with bodies."""
        rows = await self.rows("SELECT subject, body FROM portal_outbox ORDER BY id")
        return [(row["subject"], json.loads(row["body"])) for row in rows]

    async def status(self, order_id=ORDER):
        rows = await self.rows("SELECT process, code FROM provisioning WHERE order_id = $1", order_id)
        return (rows[0]["process"], rows[0]["code"]) if rows else None

    async def until(self, status, within=45.0):
        async with asyncio.timeout(within):
            while (found := await self.status()) is None or found[0] != status:
                await asyncio.sleep(0.02)
        return found

    async def rows(self, sql, *values):
        if self._database is None:
            self._database = await asyncpg.connect(self._environment["PORTAL_DATABASE_URL"])
        return await self._database.fetch(sql, *values)

    async def close(self):
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            assert await self._process.wait() == 0
        if self._nats is not None:
            await self._nats.close()
        if self._database is not None:
            await self._database.close()


@pytest.fixture
async def portal(nats_url, database, database_url, freebit_sandbox, tmp_path):
    client = await nats.connect(nats_url)
    await apply(client.jetstream(), SERVICES)
    await client.close()
    key = tmp_path / "fulfillment.key"
    key.write_bytes(bytes(range(32)))
    private = Ed25519PrivateKey.generate()
    public = tmp_path / "actors.json"
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public.write_text(json.dumps({"key-1": base64.b64encode(raw).decode()}))
    looks = {"look_after": {"notified_by_file": LOOKS, "minutes": LOOKS}}
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PORTAL_ENVIRONMENT": "development",
        "PORTAL_NATS_URL": nats_url,
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_FULFILLMENT_KEY_PATH": str(key),
        "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(public),
        "PORTAL_RECHECK_SECONDS": "1",
        "PORTAL_FREEBIT_QUIET_SECONDS": "3",
        "PORTAL_FREEBIT_SPACING_SECONDS": "0",
        "PORTAL_FREEBIT_TABLES": json.dumps(looks),
        "PORTAL_SIM_PLANS_PATH": str(Path(__file__).parents[2] / "sim_plans.sandbox.toml"),
        "FREEBIT_BASE_URL": f"{freebit_sandbox.core.addresses['freebit']}/emptool/api",
        "FREEBIT_OEM_ID": "SANDBOX",
        "FREEBIT_OEM_KEY": "sandbox-oem-key",
    }
    async with AsyncExitStack() as open_until_the_end:
        log = open_until_the_end.enter_context((tmp_path / "fulfillment.log").open("wb"))
        running = Portal(nats_url, environment, log)
        for name in ("orders", "billing"):
            used = {message for message in SERVICES["fulfillment"].asks if message.subject.startswith(f"{name}.")}
            asked = tuple(message for message in SERVICES[name].asks if message.subject.startswith("fulfillment."))
            topology = replace(
                SERVICES[name], serves=tuple(used), asks=asked, records=(), consumes=(), watches=(), database=False
            )
            bus = Bus(name, BusAddress(nats_url), topology=topology)
            await bus.connect()
            open_until_the_end.push_async_callback(bus.stop, 1.0)
            running.answer(bus)
            await bus.start()
        door = Bus("gateway", BusAddress(nats_url), topology=replace(SERVICES["gateway"], watches=(), database=False))
        await door.connect()
        open_until_the_end.push_async_callback(door.stop, 1.0)
        running.let_in(door, private)
        open_until_the_end.push_async_callback(running.close)
        await running.start()
        yield running
        print((tmp_path / "fulfillment.log").read_text(errors="replace")[-8000:])  # noqa: T201 - shown when a test fails
