"""Follow one topic: read, translate, store with the position, ask for more; and come back whatever ends the stream."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from portal_changefeed.bitmaps import WrongSchemaError
from portal_changefeed.decoding import UndecodableError, decode
from portal_changefeed.failures import Reaction, StreamFailed, rule_for
from portal_changefeed.ports import Batch, Positions, PubSub, RawEvent, Received
from portal_changefeed.topics import PROVISION_TOPIC
from portal_changefeed.translation import Context, translate
from portal_chassis.logs import get_logger
from portal_chassis.metrics import counter, gauge
from portal_chassis.postgres import StoreUnavailable
from portal_chassis.telemetry import CONSUMER, span
from portal_contracts.changefeed import EventsMissed, OrderChanged, ProvisionEventReceived
from portal_contracts.message import Event
from portal_contracts.problems import Misconfigured, TryLater

DEMAND: Final = 100
"""Salesforce owes a stream 100 events at most (reference 4.4)."""
LOW_WATER: Final = 50
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
LONG_WAIT: Final = 900.0
HANDLE_SECONDS: Final = 60.0
WORRYING_LOGINS: Final = 3

_EVENTS: Final = counter(
    "portal_changefeed_events", "Events received from Salesforce, by what came of them", "topic", "outcome"
)
_FAILURES: Final = counter("portal_changefeed_stream_ends", "Streams that ended, by reaction", "topic", "reaction")
_LAST_SIGN: Final = gauge("portal_changefeed_last_sign_seconds", "Unix time of the last response", "topic")
_log = get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds, and how to wait."""

    watchdog: float
    """Salesforce promises a sign of life within 270 s; after this long without one the connection is dead (4.6)."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class SilentStreamError(Exception):
    """Nothing came for longer than Salesforce promises."""


class FollowTopic:
    """Runs for as long as we are elected; only LeadershipLostError and defects of ours end it."""

    def __init__(
        self, topic: str, pubsub: PubSub, positions: Positions, now: Callable[[], datetime], patience: Patience
    ) -> None:
        self._topic = topic
        self._pubsub = pubsub
        self._positions = positions
        self._now = now
        self._patience = patience
        self._failures = 0
        self._logins = 0

    async def run(self) -> None:
        """Keep a stream open."""
        while True:
            await self._patience.sleep(await self._one_stream())

    async def _one_stream(self) -> float:
        """Follow one stream to its end and give the seconds to wait before the next."""
        try:
            await self._follow()
        except StreamFailed as failure:
            return await self._react(failure)
        except SilentStreamError:
            _log.warning("salesforce's event stream is silent, reconnecting", topic=self._topic)
            _FAILURES.labels(self._topic, "watchdog").inc()
            await self._pubsub.reconnect()
            return self._pause(0.0)
        except (TryLater, StoreUnavailable) as problem:
            _log.warning("an event stream waits", topic=self._topic, problem=str(problem))
            return self._pause(FIRST_PAUSE)
        except Misconfigured as problem:
            _log.error(
                "an event stream cannot be opened: our set-up is refused", topic=self._topic, problem=str(problem)
            )
            return LONGEST_PAUSE
        return self._pause(0.0)

    async def _follow(self) -> None:
        position = await self._positions.position(self._topic)
        async with self._pubsub.open(self._topic, position, DEMAND) as stream:
            owed = DEMAND
            while (batch := await self._in_time(stream.read())) is not None:
                self._failures = self._logins = 0  # only an answer proves that the stream works, opening it does not
                _LAST_SIGN.labels(self._topic).set_to_current_time()
                await self._take(batch)
                owed -= len(batch.events)
                if owed <= LOW_WATER:
                    await self._in_time(stream.ask_for(min(DEMAND - owed, DEMAND)))
                    owed = DEMAND

    async def _in_time(self, step: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._patience.watchdog):
                return await step
        except TimeoutError:
            raise SilentStreamError from None

    async def _take(self, batch: Batch) -> None:
        # One batch at a time: when the response is empty nothing is in flight, so its position may be stored (4.4).
        with span(f"{self._topic} receive", CONSUMER, {"messaging.system": "salesforce"}):
            received = [await self._read(raw) for raw in batch.events]
            latest = batch.events[-1].replay_id if batch.events else batch.latest
            if not latest:
                return
            try:
                async with asyncio.timeout(HANDLE_SECONDS):
                    new = await self._positions.take(self._topic, received, latest)
            except TimeoutError:
                raise StoreUnavailable from None
            _tell(self._topic, received)
        _EVENTS.labels(self._topic, "taken").inc(new)
        _EVENTS.labels(self._topic, "repeated").inc(len(received) - new)

    async def _read(self, raw: RawEvent) -> Received:
        once = self._topic == PROVISION_TOPIC
        event_id = raw.event_id or raw.replay_id.hex()
        raw = RawEvent(event_id, raw.schema_id, raw.payload, raw.replay_id)
        context = Context(self._topic, event_id, self._pubsub.user_id, self._now())
        try:
            schema = await self._pubsub.schema(raw.schema_id)
            return Received(raw, tuple(translate(schema, decode(schema, raw.payload), context)), once=once)
        except (UndecodableError, WrongSchemaError, KeyError, TypeError, ValueError) as error:
            reason = _reason(error)
            _log.error("an event cannot be read, it is kept as it came", topic=self._topic, id=event_id, reason=reason)
            _EVENTS.labels(self._topic, "undecodable").inc()
            missed = EventsMissed(topic=self._topic, reason="undecodable", detected_at=context.now)
            return Received(raw, (missed,), undecodable=reason, once=once)

    async def _react(self, failure: StreamFailed) -> float:
        rule = rule_for(failure)
        _FAILURES.labels(self._topic, rule.reaction.name.lower()).inc()
        said = {"topic": self._topic, "status": failure.status, "code": failure.error_code, "rpc_id": failure.rpc_id}
        if rule.reaction is Reaction.REPLAY_ALL:
            return await self._replay_all(said)
        if rule.reaction is Reaction.LOG_IN:
            return await self._log_in(failure.session, said)
        if rule.reaction is Reaction.WAIT_LONG:
            _log.error("an event stream is refused, people must act", details=failure.details, **said)
            return LONG_WAIT
        _log.warning("an event stream ended", details=failure.details, **said)
        return self._pause(rule.least)

    async def _replay_all(self, said: dict[str, str]) -> float:
        _log.error("our place in an event stream is lost: everything there is comes again", **said)
        missed = EventsMissed(topic=self._topic, reason="replay_position_lost", detected_at=self._now())
        await self._positions.lose(self._topic, missed)
        return self._pause(0.0)

    async def _log_in(self, session: object, said: dict[str, str]) -> float:
        self._logins += 1
        log = _log.error if self._logins >= WORRYING_LOGINS else _log.info
        log("an event stream needs a new session", tries=self._logins, **said)
        try:
            await self._pubsub.log_in(session)
        except (TryLater, Misconfigured) as problem:
            _log.error("no new session for an event stream", problem=str(problem), **said)
            return LONGEST_PAUSE if isinstance(problem, Misconfigured) else self._pause(FIRST_PAUSE)
        return 0.0 if self._logins == 1 else self._pause(FIRST_PAUSE)

    def _pause(self, least: float) -> float:
        """Give 1 s, 2 s, … 60 s, halved by chance so that six topics do not come back at once."""
        whole = min(FIRST_PAUSE * float(2**self._failures), LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        return max(least, whole * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load only


def _tell(topic: str, received: Sequence[Received]) -> None:
    """Log which orders Salesforce spoke of, so that a search for one of them finds this service too."""
    orders = sorted({_order_of(event) for one in received for event in one.events} - {""})
    if orders:
        _log.info("salesforce spoke of orders", topic=topic, order_ids=orders)


def _order_of(event: Event) -> str:
    match event:
        case OrderChanged():
            return event.record_id
        case ProvisionEventReceived():
            return event.order_id
        case _:
            return ""


def _reason(error: Exception) -> str:
    # Other errors quote what they stumbled over, and that may be somebody's data.
    quotable = isinstance(error, UndecodableError | WrongSchemaError)
    return str(error)[:300] if quotable else f"unexpected content: {type(error).__name__}"
