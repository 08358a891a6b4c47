"""A real gateway process on a real NATS; the services behind it answer from here."""

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_chassis.actor import Actor, ActorVerifier, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.deadline import current_deadline
from portal_contracts import catalog, identity, orders
from portal_contracts.catalog import LocalizedText
from portal_contracts.examples import example_of
from portal_contracts.message import Acknowledged
from portal_contracts.orders import WhoActs
from portal_contracts.problems import Refused
from portal_contracts.provisioning_requests import ProvisionCallAccepted, RequestProvisioning
from portal_contracts.topology import SERVICES

ORDER = "801000000000001AAA"
TOKEN = "session-token-of-hanako"
CSRF = "csrf-token-of-hanako-0001"


class Services:
    """Identity, catalog and orders, as far as the gateway can tell."""

    def __init__(self, url):
        self.key = Ed25519PrivateKey.generate()
        self.actor = Actor("user-hanako", 1, "001000000000001AAA", ("customer",), "session-1", datetime.now(UTC), "ja")
        self.open_session = True
        self.version = "1"
        self.entries = 1
        self.seconds = 0.0
        self.asked = []
        self.deadlines = []
        self.calls = []
        verifier = ActorVerifier({"k1": self.key.public_key()})
        self.buses = {
            name: Bus(
                name,
                BusAddress(url),
                verifier=verifier,
                topology=replace(SERVICES[name], consumes=(), records=(), watches=(), database=False),
            )
            for name in ("identity", "catalog", "orders")
        }

    async def start(self):
        self._answer_identity(self.buses["identity"])
        self._answer_catalog(self.buses["catalog"])
        self._answer_orders(self.buses["orders"])
        for bus in self.buses.values():
            await bus.connect()
            await bus.start()

    async def stop(self):
        for bus in self.buses.values():
            await bus.stop(within=0.5)

    def _answer_identity(self, bus):
        @bus.answers(identity.LogIn)
        async def log_in(command, _):
            if command.password != "right":
                raise Refused("CREDENTIALS_WRONG")
            expires_at = datetime.now(UTC) + timedelta(hours=12)
            return identity.OpenedSession(
                session_token=TOKEN, csrf_token=CSRF, user_id="user-hanako", expires_at=expires_at
            )

        @bus.answers(identity.MintActor)
        async def mint_actor(query, _):
            self.asked.append("mint")
            if query.session_token != TOKEN or not self.open_session:
                raise Refused("SESSION_EXPIRED")
            return identity.MintedActor(
                actor_token=sign_actor(self.key, "k1", self.actor),
                expires_at=datetime.now(UTC) + timedelta(seconds=120),
                session_id="session-1",
                csrf_token=CSRF,
            )

        @bus.answers(identity.LogOut)
        async def log_out(_, call):
            assert call.customer().session_id == "session-1"
            self.open_session = False
            return Acknowledged()

        @bus.answers(identity.ReadMe)
        async def read_me(_, call):
            return identity.Me.model_validate({**example_of(identity.Me), "userId": call.customer().user_id})

    def _answer_catalog(self, bus):
        @bus.answers(catalog.ListCatalog)
        async def list_catalog(_, __):
            self.asked.append("catalog")
            return catalog.Catalog.model_validate({**example_of(catalog.Catalog), "version": self.version})

        @bus.answers(catalog.ReadProduct)
        async def read_product(query, _):
            raise Refused("NOT_FOUND")

    def _answer_orders(self, bus):
        @bus.answers(orders.CheckOut)
        async def check_out(command, call):
            self.asked.append("checkout")
            self.deadlines.append(current_deadline().remaining())
            await asyncio.sleep(self.seconds)
            return orders.Checkout(checkout_id=call.customer().user_id, state="placed")

        @bus.answers(RequestProvisioning)
        async def request_provisioning(command, _):
            self.calls.append(command)
            return ProvisionCallAccepted(order_id=command.order_id, request_id=command.idempotency_key)

        @bus.answers(orders.ReadTimeline)
        async def read_timeline(query, call):
            assert call.customer().user_id == "user-hanako"
            text = LocalizedText(en="something", ja="何か")
            entries = [
                orders.TimelineEntry(
                    sequence=number,
                    at=datetime.now(UTC),
                    kind="order.placed",
                    text=text,
                    actor="portal",
                    who_acts=WhoActs(owner="us", text=text),
                )
                for number in range(query.after + 1, self.entries + 1)
            ]
            return orders.Timeline(order_id=query.order_id, entries=entries, last_sequence=self.entries)


class GatewayProcess:
    """`python -m portal_gateway`, with what it has said."""

    def __init__(self, process):
        self.process = process
        self.port = 0
        self.lines = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def ready(self):
        async with asyncio.timeout(30):
            while raw := await self.process.stdout.readline():
                line = json.loads(raw)
                self.lines.append(line)
                self.port = line.get("port", self.port)
                if line["event"] == "ready":
                    self._rest = asyncio.create_task(self._listen())
                    return
        raise AssertionError(f"it ended before it was ready: {self.lines}")

    async def _listen(self):
        while raw := await self.process.stdout.readline():
            self.lines.append(json.loads(raw))

    async def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            await self.process.wait()
            await self._rest
        return self.process.returncode

    def errors(self):
        return [line for line in self.lines if line["level"] == "error"]


@pytest.fixture
async def services(nats_url) -> AsyncIterator[Services]:
    services = Services(nats_url)
    await services.start()
    yield services
    await services.stop()


@pytest.fixture
async def begin(nats_url, services, tmp_path):
    """Give a function that starts a gateway process."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"k1": base64.b64encode(services.key.public_key().public_bytes_raw()).decode()}))
    started = []

    async def start(*, wait=True, **environment):
        base = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
        given = {
            "PORTAL_NATS_URL": nats_url,
            "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(keys),
            "PORTAL_GATEWAY_PORT": "0",
            "PORTAL_COOKIE_SECURE": "false",
            **environment,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "portal_gateway", env={**base, **given}, stdout=asyncio.subprocess.PIPE
        )
        gateway = GatewayProcess(process)
        started.append(gateway)
        if wait:
            await gateway.ready()
        return gateway

    yield start
    for gateway in started:
        if gateway.process.returncode is None:
            gateway.process.kill()
        await gateway.process.wait()
        if hasattr(gateway, "_rest"):
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await gateway._rest


@pytest.fixture
async def gateway(begin):
    return await begin()


@pytest.fixture
async def browser(gateway):
    """A page that has logged in."""
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15, headers={"Origin": gateway.url}) as client:
        answer = await client.post("/auth/login", json={"email": "hanako@example.jp", "password": "right"})
        assert answer.status_code == 200
        client.headers["X-CSRF-Token"] = client.cookies["portal_csrf"]
        yield client


@pytest.fixture
async def announce(nats_url):
    """Give a function that puts an event on the bus, as a relay does."""

    async def publish(event):
        client = await nats.connect(nats_url)
        await client.publish(event.subject, event.model_dump_json().encode())
        await client.close()

    return publish
