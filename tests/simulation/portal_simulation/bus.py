"""The bus between simulated workers: the chassis's own asking and answering over a NATS that loses and repeats.

Requests and replies go through `portal_chassis.asking` and `portal_chassis.serving` as they are, headers, deadlines and
problems included. Events leave a service's outbox at least once, in any order, and are taken with an inbox row.
"""

import asyncio
import contextvars
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from portal_chassis.actor import ActorVerifier
from portal_chassis.asking import Asking
from portal_chassis.call import Delivery, RawReply
from portal_chassis.serving import Bounds, Serving
from portal_contracts.message import Event, Message, Request
from portal_contracts.problems import Misconfigured, TryLater
from portal_contracts.topology import SERVICES, ServiceTopology, durable_name
from portal_simulation.databases import ServiceDatabase
from portal_simulation.mutated import event_as_read
from portal_simulation.rules import Rules
from portal_simulation.workers import Worker, WorkerKilled, unkilled

R = TypeVar("R", bound=Message)
BusFault = Literal["request_lost", "reply_lost", "twice", "slow"]
FASTEST: Final = 0.0002
SLOWEST: Final = 0.004
AGAIN_SECONDS: Final = 5.0
"""Pause before an event that could not be taken is delivered again."""
ACK_WAIT: Final = 30.0
"""Pause before an event whose taker died is delivered to another."""
_VERIFIER: Final = ActorVerifier({})
_BOUNDS: Final = Bounds(at_once=64, waiting=512)


@dataclass(slots=True)
class NatsMessage:
    """A message as nats-py hands it over."""

    subject: str
    data: bytes
    headers: dict[str, str] | None = None
    reply: str = ""


Handle = Callable[[Any], Awaitable[None]]


@dataclass(slots=True)
class _Seat:
    worker: Worker
    handle: Handle


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be taken."""

    service: str
    subject: str
    message_id: str
    problem: str


@dataclass(slots=True)
class Network:
    """All connections. `fate` says what goes wrong with a request, by subject; `repeats` the share of events that come
    again, `dawdles` the share that come late."""

    chance: random.Random
    fate: Callable[[str], BusFault | None] = lambda _: None
    repeats: float = 0.0
    dawdles: float = 0.0
    seats: dict[str, list[_Seat]] = field(default_factory=dict)
    buses: dict[str, list["WorkerBus"]] = field(default_factory=dict)
    inboxes: dict[str, asyncio.Future[NatsMessage]] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    _delivering: set[asyncio.Task[None]] = field(default_factory=set)
    absorbed: int = 0
    """Events that came again and were recognised."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each subject was asked."""
    under_way: dict[str, int] = field(default_factory=dict)
    """Events that have not reached all their takers: how often each was tried."""

    async def travel(self) -> None:
        """Let the way pass."""
        await asyncio.sleep(self.chance.uniform(FASTEST, SLOWEST))

    def publish(self, number: int, event: Event, *, inbox: Callable[[str], ServiceDatabase]) -> None:
        """Let the relay publish an event to every service that consumes it."""
        body = event.__pydantic_serializer__.to_json(event)
        owner = event.subject.split(".", 1)[0]
        for service, topology in SERVICES.items():
            if type(event) in topology.consumes and self._is_taken(service, type(event)):
                message_id = f"{owner}:{number}"
                loop = asyncio.get_running_loop()
                for _ in range(2 if self.chance.random() < self.repeats else 1):
                    delivering = loop.create_task(
                        unkilled(self._deliver)(service, type(event), body, message_id, inbox(service)),
                        context=contextvars.Context(),
                    )
                    self._delivering.add(delivering)
                    delivering.add_done_callback(self._delivering.discard)

    def _is_taken(self, service: str, kind: type[Event]) -> bool:
        """Whether the service has a consumer here: a neighbour that only answers has none."""
        return any(kind in bus.consumers for bus in self.buses.get(service, ()))

    async def _deliver(
        self, service: str, kind: type[Event], body: bytes, message_id: str, database: ServiceDatabase
    ) -> None:
        name = f"{kind.subject} {message_id} for {service} ({self.chance.getrandbits(32):x})"
        self.under_way[name] = 0
        late = self.chance.random() < self.dawdles
        await asyncio.sleep(self.chance.uniform(1.0, 120.0) if late else self.chance.uniform(0.001, 0.02))
        try:
            delivered = 1
            while (again := await self._attempt(service, kind, body, message_id, database, delivered)) is not None:
                self.under_way[name] = delivered
                delivered += 1
                await asyncio.sleep(again)
        finally:
            del self.under_way[name]

    async def _attempt(
        self, service: str, kind: type[Event], body: bytes, message_id: str, database: ServiceDatabase, delivered: int
    ) -> float | None:
        """Let one worker take it; gives the seconds until it is to be tried again, None when it is settled."""
        living = [bus for bus in self.buses[service] if bus.worker.alive and kind in bus.consumers]
        if not living:
            return AGAIN_SECONDS
        bus = self.chance.choice(living)
        taking = bus.worker.spawn(bus.take(kind, body, message_id, database, delivered), "taking an event")
        await asyncio.wait([taking])
        if taking.cancelled() or isinstance(taking.exception(), WorkerKilled):
            return ACK_WAIT
        problem = taking.exception()
        if problem is None:
            self.absorbed += not taking.result()
            return None
        if isinstance(problem, TryLater | TimeoutError):
            return AGAIN_SECONDS
        if isinstance(problem, Misconfigured):
            return 60.0
        durable = durable_name(service, kind)
        self.dead_letters.append(DeadLetter(service, kind.subject, f"{durable}/{message_id}", repr(problem)))
        return None


class NatsOfWorker:
    """The connection of one worker: what `Asking` and `Desk` use of a NATS client."""

    max_payload = 1_048_576

    def __init__(self, network: Network, worker: Worker) -> None:
        self._network = network
        self._worker = worker
        self._asked = 0

    async def subscribe(self, subject: str, queue: str, cb: Handle) -> None:  # noqa: ARG002 - the client's own signature
        """Take a seat in the queue group."""
        self._network.seats.setdefault(subject, []).append(_Seat(self._worker, cb))

    async def request(self, subject: str, body: bytes, timeout: float, headers: dict[str, str]) -> NatsMessage:  # noqa: ASYNC109 - the client's own signature
        """Ask one of the seats, and wait."""
        network = self._network
        await self._worker.reach(f"before ask {subject}")
        network.asked[subject] += 1
        fate = network.fate(subject)
        self._asked += 1
        inbox = f"_INBOX.{self._worker.name}.{self._asked}"
        answer: asyncio.Future[NatsMessage] = asyncio.get_running_loop().create_future()
        network.inboxes[inbox] = answer
        try:
            async with asyncio.timeout(timeout):
                await network.travel()
                for number in range(2 if fate == "twice" else 1):
                    if fate != "request_lost":
                        message = NatsMessage(subject, body, dict(headers), inbox if number == 0 else "_INBOX.nobody")
                        self._hand_over(message)
                reply = await answer
                if fate == "reply_lost":
                    await asyncio.get_running_loop().create_future()
                await asyncio.sleep(network.chance.uniform(2.0, 12.0) if fate == "slow" else 0)
        except TimeoutError:
            raise NatsTimeoutError from None
        finally:
            del network.inboxes[inbox]
        await self._worker.reach(f"after ask {subject}")
        return reply

    def _hand_over(self, message: NatsMessage) -> None:
        living = [seat for seat in self._network.seats.get(message.subject, ()) if seat.worker.alive]
        if not living:
            raise NoRespondersError
        seat = self._network.chance.choice(living)

        async def arrive() -> None:
            await self._network.travel()
            await seat.handle(message)

        seat.worker.spawn(arrive(), f"serving {message.subject}")

    async def publish(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Reply."""
        await self._worker.reach("before reply")
        await self._network.travel()
        answer = self._network.inboxes.get(subject)
        if answer is not None and not answer.done():
            answer.set_result(NatsMessage(subject, body, headers))


class WorkerBus:
    """One worker's `Bus`: the same registering and asking, checked against the topology."""

    def __init__(self, network: Network, worker: Worker, rules: Rules) -> None:
        topology: ServiceTopology = SERVICES[worker.service]
        self.worker = worker
        self._rules = rules
        self.consumers: dict[type[Event], Callable[..., Awaitable[None]]] = {}
        self._nats = NatsOfWorker(network, worker)
        self._asking = Asking(worker.service, topology.asks)
        self._asking.open(self._nats)  # type: ignore[arg-type]  # what is used of a client is there
        self._serving = Serving(worker.service, topology.serves, _VERIFIER)
        network.buses.setdefault(worker.service, []).append(self)

    async def open(self) -> None:
        """Start answering."""
        await self._serving.open(self._nats)  # type: ignore[arg-type]  # the same

    def answers(self, message: type[Request[Any]], **_bounds: int) -> Callable[[Any], Any]:
        """Register the handler of a request."""

        def register(handler: Any) -> Any:
            self._serving.register(message, handler, _BOUNDS)
            return handler

        return register

    def consumes(self, event: type[Event]) -> Callable[[Any], Any]:
        """Register the consumer of an event."""
        if event not in SERVICES[self.worker.service].consumes:
            raise TypeError(f"{self.worker.service} does not consume {event.__name__}")

        def register(handler: Any) -> Any:
            self.consumers[event] = handler
            return handler

        return register

    def watches(self, _event: type[Event]) -> Callable[[Any], Any]:
        """Register a watcher: nothing here depends on one, so it hears of nothing."""
        return lambda handler: handler

    def on_reconnect(self, _callback: Any) -> None:
        """Register a callback: this connection is never lost without its worker."""

    async def ask(self, message: Request[R], *, timeout: float | None = None, actor: str | None = None) -> R:  # noqa: ASYNC109 - the bus's own signature
        """Ask another service."""
        return await self._asking.ask(message, timeout=timeout, actor=actor)

    async def ask_bytes(
        self,
        message_class: type[Request[Any]],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the same
        actor: str | None = None,
    ) -> RawReply:
        """Ask with ready JSON."""
        return await self._asking.ask_bytes(message_class, body, timeout=timeout, actor=actor)

    async def take(
        self, kind: type[Event], body: bytes, message_id: str, database: ServiceDatabase, delivered: int
    ) -> bool:
        """Take an event with its inbox row, as the chassis's consumer does; False when it took effect before."""
        await self.worker.reach(f"before taking {kind.subject}")
        async with database.transaction() as transaction:
            new = database.admit(transaction, f"{durable_name(self.worker.service, kind)}/{message_id}")
            if new:
                event = event_as_read(kind.__pydantic_validator__.validate_json(body), self._rules)
                await self.consumers[kind](event, Delivery(transaction, message_id, kind.subject, None, delivered))
        await self.worker.reach(f"after taking {kind.subject}")
        return new
