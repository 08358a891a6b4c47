"""The whole gateway in process, on a bus whose other side is told what to answer."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote

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
from portal_gateway.exchange import ANSWERING_ALIKE
from portal_gateway.open_api import open_api
from portal_gateway.routes import OPERATIONS
from portal_gateway.settings import GatewaySettings

BASE = "http://127.0.0.1:8080"
KEY = Ed25519PrivateKey.generate()
KEY_ID = "example-key-1"
SIGNING_KEY = "an-obviously-fake-key-of-32-bytes-or-more"


class MovableClock(SystemMachineClock):
    """The machine clock, moved forward or stopped by a test."""

    def __init__(self):
        self.moved = 0.0
        self.stopped_at = None

    def now(self):
        return (self.stopped_at or super().now()) + timedelta(seconds=self.moved)

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
        return self._open(name, whmcs_client_id=1, account_id="001000000000001AAA", roles=("customer",))

    def open_operator(self, *roles, name="satoko"):
        return self._open(name, whmcs_client_id=0, account_id="", roles=roles, operator=f"{name}@staff.example")

    def _open(self, name, **who):
        token = f"session-token-of-{name}"
        self.sessions[token] = Actor(
            user_id=f"user-{name}",
            session_id=f"session-{name}",
            authenticated_at=self.clock.now(),
            locale="ja",
            **who,
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


@dataclass
class SignedCall:
    """A call as Salesforce would send it; `sent` is what is changed after signing."""

    order: str = "801000000000001AAA"
    method: str = "POST"
    query: str = ""
    timestamp: str | None = None
    nonce: str = "0123456789abcdef0123456789abcdef"
    idempotency_key: str = "wish-0000001"
    key_id: str = KEY_ID
    key: str = SIGNING_KEY
    body: bytes = b'{"requestedBy":"Sato","correlationId":"c-1"}'
    peer: str = "192.0.2.7"
    more: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    sent: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self):
        return f"/orders/{self.order}/provision"

    def text(self, timestamp):
        digest = hashlib.sha256(self.body).hexdigest()
        lines = ("v1", self.method, self.path, self.query, timestamp, self.nonce, self.idempotency_key, self.key_id)
        return "\n".join((*lines, digest))

    def headers(self, now):
        timestamp = self.timestamp if self.timestamp is not None else str(int(now.timestamp()))
        mac = hmac.new(self.key.encode(), self.text(timestamp).encode(), hashlib.sha256).hexdigest()
        return {
            "Idempotency-Key": self.idempotency_key,
            "X-Timestamp": timestamp,
            "X-Nonce": self.nonce,
            "X-Key-Id": self.key_id,
            "X-Signature": f"v1={mac}",
        }

    def scope(self, now):
        """Give the ASGI scope with `sent` in it; a header set to None is left out."""
        headers = {**self.headers(now), **self.sent.get("headers", {})}
        lines = [(name, value) for name, value in headers.items() if value is not None]
        lines += [*self.more, *self.sent.get("more", ())]
        path = self.sent.get("path", self.path)
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.sent.get("method", self.method),
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": self.sent.get("query", self.query).encode("latin-1"),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines],
            "client": (self.peer, 5000),
            "server": ("127.0.0.1", 8080),
        }

    async def send(self, portal):
        """Send it in two parts and give status, body and how often the server asked for a part."""
        body = self.sent.get("body", self.body)
        parts = iter([(body[:10], True), (body[10:], False)])
        answer = {"body": b"", "asked": 0}

        async def receive():
            answer["asked"] += 1
            part, more = next(parts)
            return {"type": "http.request", "body": part, "more_body": more}

        async def send(event):
            if event["type"] == "http.response.start":
                answer["status"] = event["status"]
                answer["headers"] = {name.decode(): value.decode() for name, value in event["headers"]}
            else:
                answer["body"] += event["body"]

        await portal.app(self.scope(portal.clock.now()), receive, send)
        return Answer(answer["status"], json.loads(answer["body"] or b"{}"), answer["headers"], answer["asked"])


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    asked: int

    @property
    def code(self):
        return self.body.get("code")


@cache
def described():
    return open_api(OPERATIONS, BASE, secure=False)


@pytest.fixture
def document():
    """What the API says about itself."""
    return described()


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
        for message in self.messages():
            answer = reply_type(message)
            self.bus.reply(message, answer.model_validate(example_of(answer)))
        self.bus.reply(MintActor, self.identity.mint)

    @property
    def document(self):
        """What the API says about itself."""
        return described()

    @staticmethod
    def messages():
        """Every message an operation may ask."""
        for operation in OPERATIONS:
            if operation.of_service is None:
                yield operation.message
            else:
                yield from (operation.of_service(service) for service in ANSWERING_ALIKE)

    @asynccontextmanager
    async def visitor(self, **headers) -> AsyncIterator[httpx.AsyncClient]:
        """A client without a session."""
        transport = httpx.ASGITransport(app=self.app, client=("192.0.2.7", 5000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
            yield client

    @asynccontextmanager
    async def browser(self, name="hanako") -> AsyncIterator[httpx.AsyncClient]:
        """The portal's page, signed in."""
        async with self.page(self.identity.open(name)) as client:
            yield client

    @asynccontextmanager
    async def operator(self, *roles) -> AsyncIterator[httpx.AsyncClient]:
        """The operators' page, signed in."""
        async with self.page(self.identity.open_operator(*(roles or ("operator_tech_lead",)))) as client:
            yield client

    @asynccontextmanager
    async def page(self, token) -> AsyncIterator[httpx.AsyncClient]:
        """A page with a session's cookie and CSRF token."""
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
async def operator(portal):
    async with portal.operator() as client:
        yield client


@pytest.fixture
def signed():
    """Give the class of calls that a test signs, tampers with and sends."""
    return SignedCall


@pytest.fixture
def signing(new_portal, tmp_path):
    """Give a function that builds a portal which takes signed calls from 192.0.2.0/24."""

    def build(keys=None, **settings):
        path = tmp_path / "signed_call_keys.json"
        path.write_text(json.dumps(keys if keys is not None else {KEY_ID: {"key": SIGNING_KEY}}))
        return new_portal(**{"signed_call_keys_path": path, "signed_callers": "192.0.2.0/24", **settings})

    return build


@pytest.fixture
def spans() -> Iterator[SpanCollector]:
    collector = SpanCollector()
    telemetry.record_into(collector, ratio=0.0, service="gateway")
    yield collector
    telemetry.record_into(None)
