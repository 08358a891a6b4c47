"""Two small services, "shop" and "desk", on a real NATS and a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from portal_bus_admin.provisioning import apply
from portal_chassis.actor import Actor, ActorVerifier, sign_actor
from portal_chassis.bus import Bus, BusAddress, BusPace
from portal_chassis.consuming import ConsumerPauses
from portal_chassis.durable_pull import PullPace
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.relay import RelayPace
from portal_chassis.testing import operator_actor
from portal_contracts.message import CustomerQuery, Event, Message, PublicQuery, ServiceCommand, ServiceQuery
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission
from portal_contracts.topology import ServiceTopology


class Greeting(Message):
    text: str


class Greet(PublicQuery[Greeting]):
    """Anybody's question."""

    subject: ClassVar[str] = "desk.greeting.read.v1"
    name: str = Field(min_length=1, max_length=20)
    times_said: int = 1


class GreetMe(CustomerQuery[Greeting]):
    """The signed-in customer's question."""

    subject: ClassVar[str] = "desk.my_greeting.read.v1"


class Slow(ServiceQuery[Greeting]):
    """A question that takes its time."""

    subject: ClassVar[str] = "desk.slow.read.v1"
    seconds: float = 0.0


class Put(ServiceCommand[Greeting]):
    """A command with a key."""

    subject: ClassVar[str] = "desk.thing.put.v1"
    key: ClassVar[str] = "thing_id"
    thing_id: str
    colour: str


class Inspect(OperatorQuery[Greeting]):
    """What operators of every role may ask."""

    subject: ClassVar[str] = "desk.thing.inspect.v1"
    permission: ClassVar[Permission] = "provisioning.read"


class Repaint(OperatorCommand[OperatorOutcome]):
    """What only some operators may order."""

    subject: ClassVar[str] = "desk.thing.repaint.v1"
    permission: ClassVar[Permission] = "billing_order.act"
    colour: str


class Unlisted(ServiceQuery[Greeting]):
    """In nobody's topology."""

    subject: ClassVar[str] = "desk.unlisted.read.v1"


class ThingSold(Event):
    """Recorded by shop, consumed by desk."""

    subject: ClassVar[str] = "shop.thing.sold.v1"
    number: int


class ThingSeen(Event):
    """Recorded by shop, watched by desk."""

    subject: ClassVar[str] = "shop.thing.seen.v1"
    number: int


SHOP = ServiceTopology("shop", asks=(Greet, GreetMe, Slow, Put, Inspect, Repaint), records=(ThingSold, ThingSeen))
DESK = ServiceTopology(
    "desk", serves=(Greet, GreetMe, Slow, Put, Inspect, Repaint), consumes=(ThingSold,), watches=(ThingSeen,)
)
SERVICES = {"shop": SHOP, "desk": DESK}

QUICK = BusPace(
    pull=PullPace(batch=16, expires=5.0, heartbeat=0.5, look_again=0.1, look_at_pending=2.0),
    pauses=ConsumerPauses(store_away=0.3, misconfigured=0.3),
    relay=RelayPace(batch=64, poll=0.2, pause_after_failure=0.2, look_at_stream_every=0.5, acknowledged_within=1.0),
)


@dataclass
class Signer:
    """Mints actor tokens as identity does."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    key_id: str = "k1"
    actor: Actor = field(
        default_factory=lambda: Actor(
            user_id="7b6f5c7e-0000-4000-8000-000000000001",
            whmcs_client_id=42,
            account_id="001000000000001AAA",
            roles=("customer",),
            session_id="session-example",
            authenticated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            locale="ja",
        )
    )

    def token(self, lifetime: int = 120) -> str:
        return sign_actor(self.key, self.key_id, self.actor, lifetime)

    def operator(self, *roles: str, email: str = "operator@staff.example") -> str:
        """Give the token of an operator with these roles."""
        return sign_actor(self.key, self.key_id, operator_actor(email, roles))


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def verifier(signer: Signer) -> ActorVerifier:
    return ActorVerifier({signer.key_id: signer.key.public_key()})


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await migrate(opened, "portal_chassis")
    await opened.connect()
    await opened.execute("CREATE TABLE effect (number integer, message_id text)")
    yield opened
    await opened.close()


@pytest.fixture
async def second_database(postgres_server: Any) -> AsyncIterator[Database]:
    """The other service's database."""
    name = f"second_{datetime.now(UTC).timestamp():.6f}".replace(".", "_")
    opened = Database(postgres_server.create_database(name))
    await migrate(opened, "portal_chassis")
    await opened.connect()
    yield opened
    await opened.close()
    postgres_server.drop_database(name)


@pytest.fixture
async def provision(nats_url: str) -> Callable[[], Awaitable[None]]:
    """Creates the streams and durables, as the bus admin does."""

    async def run() -> None:
        client = await nats.connect(nats_url)
        await apply(client.jetstream(), SERVICES)
        await client.close()

    return run


BusMaker = Callable[..., Any]


@pytest.fixture
async def running(nats_url: str, verifier: ActorVerifier) -> AsyncIterator[BusMaker]:
    """Starts a bus: `await running("desk", wire, database=..., topology=...)`; stopped at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(
            service: str,
            wire: Callable[[Bus], None] | None = None,
            *,
            database: Database | None = None,
            topology: ServiceTopology | None = None,
            pace: BusPace = QUICK,
        ) -> Bus:
            return await stack.enter_async_context(
                bus_running(nats_url, service, wire, verifier, database=database, topology=topology, pace=pace)
            )

        yield start


@asynccontextmanager
async def bus_running(
    url: str,
    service: str,
    wire: Callable[[Bus], None] | None,
    verifier: ActorVerifier,
    *,
    database: Database | None,
    topology: ServiceTopology | None,
    pace: BusPace,
) -> AsyncIterator[Bus]:
    topology = topology or SERVICES[service]
    if database is None:
        topology = replace(topology, consumes=(), records=(), database=False)
    bus = Bus(service, BusAddress(url), database=database, verifier=verifier, topology=topology, pace=pace)
    await bus.connect()
    if wire is not None:
        wire(bus)
    await bus.start()
    yield bus
    await bus.stop(within=2.0)


async def eventually(condition: Callable[[], Any], within: float = 10.0) -> None:
    """Wait until a condition (plain or awaitable) holds."""
    async with asyncio.timeout(within):
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def client(nats_url):
    opened = await nats.connect(nats_url, reconnect_time_wait=0.1)
    yield opened
    await opened.close()


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[None]]:
    return eventually


@pytest.fixture
def names() -> Any:
    """The messages and topologies of this module: tests are not a package, so they come as a fixture."""
    import types  # noqa: PLC0415 - only here

    return types.SimpleNamespace(
        Greeting=Greeting,
        Greet=Greet,
        GreetMe=GreetMe,
        Slow=Slow,
        Put=Put,
        Inspect=Inspect,
        Repaint=Repaint,
        Unlisted=Unlisted,
        ThingSold=ThingSold,
        ThingSeen=ThingSeen,
        SHOP=SHOP,
        DESK=DESK,
        SERVICES=SERVICES,
        QUICK=QUICK,
    )
