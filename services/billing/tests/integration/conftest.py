"""WHMCS's adapters on the sandbox, and the service as it is deployed: on a real NATS and Postgres."""

import asyncio
import base64
import json
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_billing import main
from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_api import connect
from portal_chassis.actor import Actor, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.clocks import RealClock, SystemMachineClock
from portal_contracts import billing
from portal_contracts.problems import TryLater
from portal_contracts.topology import SERVICES
from portal_contracts.values import long_salesforce_id
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

FIELDS = Path(__file__).parents[2] / "whmcs_fields.sandbox.toml"
CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
SECONDS = 40.0
EID = "89049032000000000000000000000001"


class SandboxWhmcs:
    """A running stand-in, what it can be told, and billing's adapters on it."""

    def __init__(self, sandbox, address):
        self.core = sandbox.core
        self.address = address

    def settings(self, **more):
        return WhmcsSettings(
            **{
                "api_url": f"{self.address}/includes/api.php",
                "identifier": "sandbox-identifier",
                "secret": "sandbox-secret",
                "fields_path": FIELDS,
                **more,
            }
        )

    def fault(self, call, kind, **more):
        self.core.faults.arm({"vendor": "whmcs", "call": call, "kind": kind, **more})

    def switch(self, **values):
        self.core.switches.update({"whmcs": values})

    def options_of(self, service_id):
        """Give a service's configurable options by id."""
        with self.core.store.transaction() as db:
            rows = db.execute("SELECT option_id, value_id FROM whmcs_config_value WHERE service_id = ?", (service_id,))
            return {row["option_id"]: row["value_id"] for row in rows}

    def kinds(self, key=""):
        return [entry.kind for entry in self.core.ledger.entries(key=key)]

    def orders(self, kind):
        """Give the WHMCS orders of ORDER to which that happened."""
        entries = self.core.ledger.entries(kind=f"whmcs.order.{kind}")
        return [entry.detail["order_id"] for entry in entries if entry.key.startswith(ORDER)]

    def calls(self, name):
        return self.core.faults.calls.get("whmcs", {}).get(name, 0)


@pytest.fixture
async def sandbox_whmcs(tmp_path):
    sandbox = build_sandbox(Settings(data_dir=tmp_path, control_port=0, whmcs_port=0), vendors=["whmcs"])
    async with sandbox.running() as addresses:
        yield SandboxWhmcs(sandbox, addresses["whmcs"])


@pytest.fixture
async def connected(sandbox_whmcs):
    """Give a function that builds the adapters, with settings of the test's choice."""
    open_ones = []

    def build(**settings):
        connection = connect(sandbox_whmcs.settings(**settings), SystemMachineClock())
        open_ones.append(connection)
        return main.on_whmcs(connection, RealClock().today)

    yield build
    for connection in open_ones:
        await connection.close()


@pytest.fixture
def whmcs(connected):
    return connected()


def line(sku, pid, price, **more):
    return billing.OrderLine(
        sku=sku,
        whmcs_product_id=pid,
        unit_price=price,
        **{"billing_cycle": "monthly", "quantity": 1, "service": False, **more},
    )


LINES = [
    line("SIM-VOICE-ESIM-20G", 202, 2970, service=True),
    line("SIM-ACTIVATION", 211, 3300, billing_cycle="one_time"),
    line("SIM-VOICEMAIL", 221, 330),
]


class Fulfillment:
    """Asks as fulfillment does, with a generation that grows."""

    lines = LINES

    def __init__(self, bus):
        self.bus = bus
        self.generation = 0

    async def reserve(self, order_id=ORDER):
        return await self._ask(
            billing.ReserveOrder(
                order_id=order_id, generation=self._newer(), whmcs_client_id=CLIENT, lines=LINES, eid=EID
            )
        )

    async def accept(self, order_id=ORDER):
        return await self._ask(
            billing.AcceptOrder(
                order_id=order_id, generation=self._newer(), phone_number="070-1234-5678", iccid="8981100000000000001"
            )
        )

    async def release(self, order_id=ORDER):
        return await self._ask(billing.ReleaseOrder(order_id=order_id, generation=self._newer(), reason="test"))

    async def _ask(self, command):
        """Ask until done, through everything that means later."""
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    reply = await self.bus.ask(command, timeout=3)
                    if reply.state == "done":
                        return reply
                except TryLater:
                    pass
                await asyncio.sleep(0.1)

    async def whole(self):
        """Reserve and accept, whoever answers."""
        async with asyncio.timeout(60):
            while True:
                try:
                    await self.reserve()
                    return await self.accept()
                except TimeoutError:
                    continue

    def _newer(self):
        self.generation += 1
        return self.generation


@pytest.fixture
def key(tmp_path):
    private = Ed25519PrivateKey.generate()
    raw = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    (tmp_path / "actors.json").write_text(json.dumps({"test": raw}))
    return private


@pytest.fixture
def start(nats_url, database_url, sandbox_whmcs, tmp_path, key):
    """Run one process of the service for a block."""
    settings = sandbox_whmcs.settings()

    @asynccontextmanager
    async def running(*, killed=False):
        environment = {
            **os.environ,
            "PORTAL_ENVIRONMENT": "development",
            "PORTAL_NATS_URL": nats_url,
            "PORTAL_DATABASE_URL": database_url,
            "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(tmp_path / "actors.json"),
            "PORTAL_WHMCS_QUIET_SECONDS": "2",
            "PORTAL_WHMCS_SWEEP_SECONDS": "1",
            "WHMCS_API_URL": str(settings.api_url),
            "WHMCS_IDENTIFIER": "sandbox-identifier",
            "WHMCS_SECRET": "sandbox-secret",
            "WHMCS_FIELDS_PATH": str(settings.fields_path),
            "WHMCS_ORDER_SECONDS": "2",
        }
        log = tmp_path / "billing.log"
        running.begun += 1
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "portal_billing", env=environment, stdout=output, stderr=output
            )
        try:
            yield process
            if not killed:
                async with asyncio.timeout(30):  # before it is ready a signal may still end Python itself
                    while log.read_text().count('"event": "ready"') < running.begun:
                        await asyncio.sleep(0.05)
                process.terminate()
                assert await asyncio.wait_for(process.wait(), 10) == 0, log.read_text()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    running.log = tmp_path / "billing.log"
    running.begun = 0
    return running


@pytest.fixture
async def buses(nats_url):
    topologies = {
        name: replace(SERVICES[name], database=False, serves=(), records=(), consumes=(), watches=())
        for name in ("gateway", "identity", "orders", "fulfillment")
    }
    opened = {name: Bus(name, BusAddress(nats_url), topology=found) for name, found in topologies.items()}
    for bus in opened.values():
        await bus.connect()
        await bus.start()
    yield opened
    for bus in opened.values():
        await bus.stop(within=1)


@pytest.fixture
def fulfillment(buses):
    return Fulfillment(buses["fulfillment"])


@pytest.fixture
def operator(key):
    """An operator's token, of somebody who may decide about orders."""
    roles = ("operator_devops",)
    actor = Actor("o", 0, "", roles, "s", datetime.now(UTC), "en", operator="operator@staff.example")
    return sign_actor(key, "test", actor)
