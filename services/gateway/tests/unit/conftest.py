"""The whole gateway in process, on a bus whose other side is told what to answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_chassis import telemetry
from portal_chassis.actor import Actor, ActorVerifier, sign_actor
from portal_chassis.clocks import SystemMachineClock
from portal_chassis.testing import FakeBus, SpanCollector
from portal_contracts.examples import example_of
from portal_contracts.identity import MintActor, MintedActor
from portal_contracts.message import reply_type
from portal_contracts.problems import Refused
from portal_gateway.app import build_app, build_gateway
from portal_gateway.routes import OPERATIONS
from portal_gateway.settings import GatewaySettings

BASE = "http://127.0.0.1:8080"
KEY = Ed25519PrivateKey.generate()


class MovableClock(SystemMachineClock):
    """The machine clock, moved forward by a test."""

    def __init__(self):
        self.moved = 0.0

    def now(self):
        return super().now() + timedelta(seconds=self.moved)

    def monotonic(self):
        return super().monotonic() + self.moved


@dataclass
class Identity:
    """Stands for identity: which session tokens are alive, and how often it was asked."""

    clock: MovableClock
    lifetime: int = 120
    sessions: dict[str, Actor] = field(default_factory=dict)
    asked: int = 0
    hold: asyncio.Event | None = None

    def open(self, name="hanako"):
        token = f"session-token-of-{name}"
        self.sessions[token] = Actor(
            user_id=f"user-{name}",
            whmcs_client_id=1,
            account_id="001000000000001AAA",
            roles=("customer",),
            session_id=f"session-{name}",
            authenticated_at=self.clock.now(),
            locale="ja",
        )
        return token

    async def mint(self, query: MintActor):
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
        actor = self.sessions.get(query.session_token)
        if actor is None:
            return Refused("SESSION_EXPIRED")
        return MintedActor(
            actor_token=sign_actor(KEY, "test", actor, 3600),
            expires_at=self.clock.now() + timedelta(seconds=self.lifetime),
            session_id=actor.session_id,
            csrf_token=csrf_of(query.session_token),
        )


def csrf_of(token):
    return f"csrf-for-{token}"


class Portal:
    """What a test holds in its hands."""

    def __init__(self, **settings):
        self.bus = FakeBus()
        self.clock = MovableClock()
        self.identity = Identity(self.clock)
        self.settings = GatewaySettings(**{"cookie_secure": False, "public_url": BASE, **settings})
        self.verifier = ActorVerifier({"test": KEY.public_key()})
        self.gateway = build_gateway(self.bus, self.settings, self.verifier, self.clock)
        self.app = build_app(self.gateway)
        for operation in OPERATIONS:
            answer = reply_type(operation.message)
            self.bus.reply(operation.message, answer.model_validate(example_of(answer)))
        self.bus.reply(MintActor, self.identity.mint)

    @asynccontextmanager
    async def visitor(self, **headers) -> AsyncIterator[httpx.AsyncClient]:
        """A client without a session."""
        transport = httpx.ASGITransport(app=self.app, client=("192.0.2.7", 5000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
            yield client

    @asynccontextmanager
    async def browser(self, name="hanako") -> AsyncIterator[httpx.AsyncClient]:
        """The portal's page, signed in."""
        token = self.identity.open(name)
        async with self.visitor(**{"Origin": BASE, "X-CSRF-Token": csrf_of(token)}) as client:
            client.cookies.set(self.gateway.cookies.session, token)
            yield client

    def asked(self, message):
        return self.bus.asked_of(message)


@pytest.fixture
def new_portal():
    """Give a function that builds a portal with settings of the test's choice."""
    return Portal


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.fixture
async def visitor(portal):
    async with portal.visitor() as client:
        yield client


@pytest.fixture
async def browser(portal):
    async with portal.browser() as client:
        yield client


@pytest.fixture
def spans() -> Iterator[SpanCollector]:
    collector = SpanCollector()
    telemetry.record_into(collector, ratio=0.0, service="gateway")
    yield collector
    telemetry.record_into(None)
