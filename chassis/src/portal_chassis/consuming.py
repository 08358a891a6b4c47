"""Takes events: inbox row and effect in one transaction, then the acknowledgement (architecture §4).

A batch is tried as one transaction, which is worth half as much throughput again (reference/performance.md §10). When
anything in it fails, its messages are taken one by one, so that only the guilty one is buried.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from portal_chassis import bus_metrics, inbox
from portal_chassis.call import Delivery
from portal_chassis.dead_letters import Undelivered, bury
from portal_chassis.durable_pull import DurablePull
from portal_chassis.logs import about, get_logger
from portal_chassis.postgres import Database, StoreUnavailable, Transaction
from portal_chassis.telemetry import CONSUMER, continue_from, span
from portal_contracts.message import Event
from portal_contracts.problems import Misconfigured, TryLater
from portal_contracts.topology import durable_name, stream_of

EventHandler = Callable[[Any, Delivery], Awaitable[None]]

_MESSAGE_ID: Final = "Nats-Msg-Id"
_NO_HEADERS: Final[Mapping[str, str]] = {}
_MAY_PASS: Final = (
    TryLater,  # StoreUnavailable is one
    TimeoutError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConsumerPauses:
    """How long a consumer waits before it tries again; seconds. One fixed delay each: ladders are for processes."""

    store_away: float = 5.0
    misconfigured: float = 60.0


class Consumer:
    """One durable of this service: its event, its handler and how a delivery of it is worked off."""

    def __init__(
        self, service: str, event: type[Event], handler: EventHandler, database: Database, pauses: ConsumerPauses
    ) -> None:
        self.subject = event.subject
        self.stream = stream_of(event.subject.split(".", 1)[0])
        self.durable = durable_name(service, event)
        self.stopped = False
        self.pull: DurablePull | None = None
        self._validate = event.__pydantic_validator__.validate_json
        self._handler = handler
        self._database = database
        self._pauses = pauses
        self._closing = asyncio.Event()
        bus_metrics.EVENTS_BURIED.labels(self.subject)  # begins at zero, so that the first one is seen to grow
        bus_metrics.CONSUMER_STOPPED.labels(self.durable).set(0)

    @property
    def ready(self) -> bool:
        """Whether events can arrive: the durable answers and our set-up does not keep us from taking them."""
        return self.pull is not None and self.pull.present and not self.stopped

    def stop_waiting(self) -> None:
        """End a pause early, because the service stops."""
        self._closing.set()

    async def take(self, messages: Sequence[Msg]) -> None:
        """Work off what was fetched; every message ends acknowledged, buried or given back."""
        deliveries = [self._undelivered(message) for message in messages]
        about(None)
        try:
            await self._take_together(deliveries)
        except StoreUnavailable as error:
            await self._wait_out(messages, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, taking them one by one tells whose it is
            if len(messages) == 1:
                await self._settle(messages, deliveries[0], error)
            else:
                await self._take_one_by_one(messages, deliveries)
        else:
            self._be_stopped(stopped=False)
            await _acknowledge(messages)

    async def replay(self, body: bytes, delivery: Delivery) -> None:
        """Take a dead letter again, in the given transaction; does nothing when it took effect after all."""
        if await inbox.admit(delivery.transaction, self.durable, [delivery.message_id]):
            await self._handler(self._validate(body), delivery)

    async def _take_one_by_one(self, messages: Sequence[Msg], deliveries: Sequence[Undelivered]) -> None:
        for index, (message, delivery) in enumerate(zip(messages, deliveries, strict=True)):
            try:
                await self._take_together([delivery])
            except Exception as error:  # noqa: BLE001 - decided by kind below
                if not await self._settle(messages[index:], delivery, error):
                    return
            else:
                await _acknowledge([message])

    async def _take_together(self, deliveries: Sequence[Undelivered]) -> None:
        async with self._database.transaction() as transaction:
            new = await inbox.admit(transaction, self.durable, [delivery.message_id for delivery in deliveries])
            bus_metrics.EVENTS_REPEATED.labels(self.subject).inc(len(deliveries) - len(new))
            for delivery in deliveries:
                if delivery.message_id in new:
                    new.discard(delivery.message_id)  # it may stand twice in one batch
                    await self._handle(transaction, delivery)
        bus_metrics.EVENTS_TAKEN.labels(self.subject).inc(len(deliveries))

    async def _handle(self, transaction: Transaction, message: Undelivered) -> None:
        traceparent = message.headers.get("traceparent")
        delivery = Delivery(transaction, message.message_id, message.subject, traceparent, message.delivered)
        event = self._validate(message.body)
        about(event)
        if traceparent is None:
            await self._handler(event, delivery)
            return
        with continue_from(traceparent), span(f"consume {self.subject}", CONSUMER):
            await self._handler(event, delivery)

    async def _settle(self, messages: Sequence[Msg], delivery: Undelivered, error: Exception) -> bool:
        """Decide by kind about the first of the messages, which failed, and say whether to go on with the rest.

        What may pass is tried again, our set-up stops the consumer, and all else is buried.
        """
        if isinstance(error, _MAY_PASS):
            await self._wait_out(messages, error)
            return False
        if isinstance(error, Misconfigured):
            log.error("a consumer stopped: our set-up is wrong", durable=self.durable, problem=str(error))
            self._be_stopped(stopped=True)
            await self._hold(messages, self._pauses.misconfigured)
            return False
        log.error("an event became a dead letter", durable=self.durable, message_id=delivery.message_id, exc_info=error)
        try:
            await bury(self._database, delivery, error)
        except Exception as failure:  # noqa: BLE001 - without its row the message must stay on the bus
            await self._wait_out(messages, failure)
            return False
        bus_metrics.EVENTS_BURIED.labels(self.subject).inc()
        await _acknowledge(messages[:1])
        return True

    async def _wait_out(self, messages: Sequence[Msg], error: Exception) -> None:
        log.warning("events wait", durable=self.durable, count=len(messages), error=type(error).__name__)
        await self._hold(messages, self._pauses.store_away)

    async def _hold(self, messages: Sequence[Msg], seconds: float) -> None:
        """Give these and what was fetched ahead back to the server, and take nothing for a while."""
        for message in messages:
            await _give_back(message, seconds)
        if self.pull is not None:
            await self.pull.give_back(seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return

    def _be_stopped(self, *, stopped: bool) -> None:
        if stopped != self.stopped:
            self.stopped = stopped
            bus_metrics.CONSUMER_STOPPED.labels(self.durable).set(int(stopped))

    def _undelivered(self, message: Msg) -> Undelivered:
        headers = message.headers or _NO_HEADERS
        metadata = message.metadata
        message_id = headers.get(_MESSAGE_ID)
        if message_id is None:  # not from a relay of ours: name it by where and when it entered the stream
            message_id = f"{metadata.stream}:{metadata.sequence.stream}:{metadata.timestamp.isoformat()}"
        return Undelivered(self.durable, message_id, message.subject, headers, message.data, metadata.num_delivered)


class Consuming:
    """All durables of one service."""

    def __init__(
        self, service: str, consumes: Iterable[type[Event]], database: Database | None, pauses: ConsumerPauses
    ) -> None:
        self._service = service
        self._listed = frozenset(consumes)
        self._database = database
        self._pauses = pauses
        self.consumers: dict[str, Consumer] = {}

    def register(self, event: type[Event], handler: EventHandler) -> None:
        """Take a handler; raises TypeError when the topology does not list the event or it has one already."""
        if event not in self._listed:
            raise TypeError(f"{self._service} does not consume {event.__name__}; see portal_contracts.topology")
        if self._database is None:
            raise TypeError(f"{self._service} has no database, so it can watch {event.__name__} but not consume it")
        consumer = Consumer(self._service, event, handler, self._database, self._pauses)
        if consumer.durable in self.consumers:
            raise TypeError(f"{event.__name__} has two consumers")
        self.consumers[consumer.durable] = consumer

    def untaken(self) -> list[str]:
        """Name the events the topology promises to take and nobody does."""
        taken = {consumer.subject for consumer in self.consumers.values()}
        return sorted(event.subject for event in self._listed if event.subject not in taken)

    async def replay(self, durable: str, body: bytes, delivery: Delivery) -> None:
        """Take a dead letter again; raises KeyError when this release no longer has its consumer."""
        await self.consumers[durable].replay(body, delivery)


async def _acknowledge(messages: Sequence[Msg]) -> None:
    """Acknowledge after the commit; a lost acknowledgement means one more delivery, which the inbox absorbs."""
    for message in messages:
        try:
            await message.ack()
        except NatsError:
            log.debug("an acknowledgement could not be sent", subject=message.subject)


async def _give_back(message: Msg, delay: float | None) -> None:
    try:
        await message.nak(delay=delay)
    except NatsError:
        log.debug("a message could not be given back", subject=message.subject)
