"""The bus as a service sees it: ask, answer, consume, watch; recording is `Transaction.record` (architecture §4)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from faststream.nats import JStream, PullSub
from nats.errors import Error as NatsError

from portal_chassis.actor import Actor, ActorVerifier
from portal_chassis.asking import Asking
from portal_chassis.call import Call, Delivery, Encoded, RawReply
from portal_chassis.connection import BusAddress, Connection
from portal_chassis.consuming import Consumer, ConsumerPauses, Consuming
from portal_chassis.dead_letters import DeadLetterDesk
from portal_chassis.durable_pull import DurablePull, PullPace
from portal_chassis.logs import get_logger
from portal_chassis.operator_actions import OperatorDesk
from portal_chassis.outbox import Outbox
from portal_chassis.postgres import Database
from portal_chassis.relay import Relay, RelayPace
from portal_chassis.serving import Bounds, Serving
from portal_chassis.watching import Watching
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.message import Event, Message, Request
from portal_contracts.operators import list_operator_actions
from portal_contracts.topology import SERVICES, ServiceTopology

__all__ = ["Actor", "Bus", "BusAddress", "BusPace", "Call", "Delivery", "Encoded", "RawReply"]

R = TypeVar("R", bound=Message)
RequestHandler = TypeVar("RequestHandler", bound=Callable[[Any, Call], Awaitable[Any]])
ConsumeHandler = TypeVar("ConsumeHandler", bound=Callable[[Any, Delivery], Awaitable[None]])
WatchHandler = TypeVar("WatchHandler", bound=Callable[[Any], Awaitable[None]])

_FOREVER: Final = 3600.0
"""Seconds one wait of FastStream's pull loop lasts; our pull wakes it as soon as there is a message."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BusPace:
    """How eagerly the parts of the bus work; the defaults are for production, tests hurry."""

    pull: PullPace = field(default_factory=PullPace)
    pauses: ConsumerPauses = field(default_factory=ConsumerPauses)
    relay: RelayPace = field(default_factory=RelayPace)


class Bus:
    """One service's place on the bus. What the topology does not list is a TypeError where it is registered.

    Life: `connect`, then handlers are registered, then `start`; `stop` loses nothing that was accepted.
    """

    def __init__(
        self,
        service: str,
        address: BusAddress,
        *,
        database: Database | None = None,
        verifier: ActorVerifier | None = None,
        topology: ServiceTopology | None = None,
        pace: BusPace | None = None,
    ) -> None:
        topology = topology or SERVICES[service]
        pace = pace or BusPace()
        dead_letters = dead_letter_messages(service)
        actions = list_operator_actions(service)
        own = (*dead_letters, actions) if database else ()
        self.service = service
        self._pull_batch = pace.pull.batch
        self._connection = Connection(service, address, pace.pull)
        self._asking = Asking(service, topology.asks)
        self._serving = Serving(service, (*topology.serves, *own), verifier)
        self._watching = Watching(service, topology.watches)
        self._consuming = Consuming(service, topology.consumes, database, pace.pauses)
        self._relay: Relay | None = None
        if database is not None:
            outbox = Outbox(service, topology.records)
            database.record_with(outbox.record)
            if topology.records:
                self._relay = Relay(database, outbox, topology.stream, pace.relay)
            operator_desk = OperatorDesk(database)
            desk = DeadLetterDesk(database, self._consuming.replay, operator_desk)
            self.answer_operators(dead_letters.list, desk.list)
            self.answer_operators(dead_letters.show, desk.show)
            self.answer_operators(dead_letters.replay, desk.replay)
            self.answer_operators(dead_letters.discard, desk.discard)
            self.answer_operators(actions, operator_desk.list)
        self._connection.on_reconnect(self._renew)

    # registering

    def answers(
        self, message: type[Request[Any]], *, at_once: int = 64, waiting: int = 512
    ) -> Callable[[RequestHandler], RequestHandler]:
        """Answer a request: `handler(message, call) -> reply | Encoded`, in a task of its own.

        At most `at_once` run and `waiting` wait in this instance; more are answered TryLater `OVERLOADED` at once.
        """

        def register(handler: RequestHandler) -> RequestHandler:
            self._serving.register(message, handler, Bounds(at_once, waiting))
            return handler

        return register

    def consumes(self, event: type[Event]) -> Callable[[ConsumeHandler], ConsumeHandler]:
        """Take an event once per service: `handler(event, delivery)` inside the transaction that holds its inbox row.

        Only local work: no vendor, no ask. Raising TryLater means later, Misconfigured stops the consumer, and anything
        else makes a dead letter.
        """

        def register(handler: ConsumeHandler) -> ConsumeHandler:
            self._consuming.register(event, handler)
            return handler

        return register

    def watches(self, event: type[Event]) -> Callable[[WatchHandler], WatchHandler]:
        """Hear of an event in every instance, perhaps never: `handler(event)`. Re-read in `on_reconnect`."""

        def register(handler: WatchHandler) -> WatchHandler:
            self._watching.register(event, handler)
            return handler

        return register

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call back whenever the connection is back after it was lost."""
        self._connection.on_reconnect(callback)

    # asking

    async def ask(self, message: Request[R], *, timeout: float | None = None, actor: str | None = None) -> R:  # noqa: ASYNC109 - it travels as a deadline
        """Ask another service and wait at most `timeout` seconds (5), never beyond the current deadline.

        `actor` is the Portal-Actor token a customer message needs. Raises TryLater, Refused or Misconfigured.
        """
        return await self._asking.ask(message, timeout=timeout, actor=actor)

    async def ask_bytes(
        self,
        message_class: type[Request[Any]],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it travels as a deadline
        actor: str | None = None,
    ) -> RawReply:
        """Ask with ready JSON and get the answer's bytes; a problem of the other side is named, not raised."""
        return await self._asking.ask_bytes(message_class, body, timeout=timeout, actor=actor)

    # living

    async def connect(self) -> None:
        """Connect to NATS; asking works from here on. Waits for a server that is not there yet."""
        self._asking.open(await self._connection.open())

    async def start(self) -> None:
        """Start answering, consuming, watching and publishing what the outbox holds."""
        client = self._connection.client
        for subject in self._serving.unanswered():
            log.error("nobody answers what the topology promises", subject=subject)
        for subject in self._consuming.untaken():
            log.error("nobody takes what the topology promises", subject=subject)
        await self._watching.open(client)
        for consumer in self._consuming.consumers.values():
            self._subscribe(consumer)
        await self._connection.broker.start()
        for consumer in self._consuming.consumers.values():
            consumer.pull = self._connection.pulling.pulls[consumer.durable]
        await self._serving.open(client)
        await client.flush()
        if self._relay is not None:
            self._relay.open(client)

    async def drain(self, within: float = 5.0) -> None:
        """Stop accepting and finish what was accepted, giving up after that many seconds. Asking still works."""
        for consumer in self._consuming.consumers.values():
            consumer.stop_waiting()
            if consumer.pull is not None:
                await consumer.pull.stop_accepting()
        await self._serving.drain(within)

    async def stop(self, within: float = 6.0) -> None:
        """Drain, publish what is committed, and close the connection."""
        await self.drain(within)
        await self._watching.close()
        if self._relay is not None:
            await self._relay.close(within=1.0)
        try:
            await self._connection.close()
        except NatsError:
            log.warning("the bus could not be left in order")

    # health

    async def connected(self) -> bool:
        """Readiness: whether there is a connection to NATS now."""
        return self._connection.is_up

    async def consumers_ready(self) -> bool:
        """Readiness: whether every durable of ours is there and none is stopped by our set-up."""
        return all(consumer.ready for consumer in self._consuming.consumers.values())

    def listens(self) -> bool:
        """Liveness: whether every subscription of ours is still there; a lost one would be deaf for good."""
        return self._serving.listens() and self._watching.listens() and all(pull.listens() for pull in self._pulls())

    def takes(self) -> bool:
        """Liveness: whether events that arrived are also taken up."""
        return not any(pull.is_stuck() for pull in self._pulls())

    def _pulls(self) -> list[DurablePull]:
        return [consumer.pull for consumer in self._consuming.consumers.values() if consumer.pull is not None]

    @property
    def violations(self) -> int:
        """How many calls of this process the bus has denied."""
        return self._connection.violations

    def answer_operators(self, message: type[Request[Any]], handler: Callable[[Any, Call], Awaitable[Any]]) -> None:
        """Answer what every service answers operators; one without our public keys refuses every operator."""
        self._serving.register(message, handler, Bounds(at_once=4, waiting=64), without_keys=True)

    def _subscribe(self, consumer: Consumer) -> None:
        """Give the durable to FastStream: batches of raw messages, acknowledged by ourselves."""
        subscriber = self._connection.broker.subscriber(
            consumer.subject,
            stream=JStream(consumer.stream, declare=False),
            durable=consumer.durable,
            pull_sub=PullSub(batch=True, batch_size=self._pull_batch, timeout=_FOREVER),
            inbox_prefix=f"{self._connection.inbox_prefix}.".encode(),
            decoder=_raw_messages,
            no_reply=True,
        )
        subscriber(_reported(consumer))

    async def _renew(self) -> None:
        if self._relay is not None:
            self._relay.reconnected()


def _reported(consumer: Consumer) -> Callable[[Any], Awaitable[None]]:
    """FastStream without its logger says nothing about an exception; the bus tries the messages again in 30 s."""

    async def take(messages: Any) -> None:
        try:
            await consumer.take(messages)
        except Exception:
            log.exception("a batch of events could not be worked off", durable=consumer.durable)

    return take


async def _raw_messages(batch: Any) -> Any:
    """Keep FastStream from decoding what our own models read in one step."""
    return batch.raw_message
