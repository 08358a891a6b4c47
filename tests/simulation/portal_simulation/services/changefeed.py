"""Changefeed: the real following, decoding and translation, on the sandbox's event bus without gRPC."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from portal_changefeed.decoding import EventSchema, parse_schema
from portal_changefeed.failures import StreamFailed
from portal_changefeed.follow_topic import FollowTopic, Patience
from portal_changefeed.ports import Batch, RawEvent, Received
from portal_changefeed.topics import PROVISION_TOPIC
from portal_contracts.message import Event
from portal_sandbox.salesforce.event_bus import Topic
from portal_sandbox.salesforce.ids import PORTAL_USER_ID
from portal_sandbox.salesforce.org import Org
from portal_simulation.databases import WorkerDatabase
from portal_simulation.rules import Rules
from portal_simulation.services.parts import Parts

FOLLOWED: Final = (PROVISION_TOPIC, "/data/OrderChangeEvent", "/data/OrderItemChangeEvent")
SIGN_OF_LIFE: Final = 200.0
_schemas: dict[str, EventSchema] = {}


class InProcessStream:
    """A subscription."""

    def __init__(self, org: Org, topic: Topic, position: int) -> None:
        self._org = org
        self._topic = topic
        self._position = position
        self._generation = org.switches.number("streamGeneration")

    async def read(self) -> Batch | None:
        """Give the next events, or an empty batch as a sign of life."""
        bus = self._org.bus
        found = bus.after(self._topic, self._position, 100)
        if not found:
            await bus.wait(SIGN_OF_LIFE)
            if self._org.switches.number("streamGeneration") != self._generation:
                raise StreamFailed("UNAVAILABLE")
            found = bus.after(self._topic, self._position, 100)
        if not found:
            return Batch((), bus.encode(bus.latest_mark()))
        self._position = found[-1].position
        events = tuple(
            RawEvent(event.event_id, event.schema_id, event.payload, bus.encode(event.position)) for event in found
        )
        return Batch(events, events[-1].replay_id)

    async def ask_for(self, number: int) -> None:
        """Everything is given without being asked for."""


class InProcessPubSub:
    """The `PubSub` port on the sandbox's bus."""

    user_id: str | None = PORTAL_USER_ID

    def __init__(self, org: Org, rules: Rules) -> None:
        self._org = org
        self._rules = rules

    @asynccontextmanager
    async def open(self, topic: str, after: bytes | None, demand: int) -> AsyncIterator[InProcessStream]:  # noqa: ARG002 - the port's signature
        """Open a stream strictly after a position; raises StreamFailed for one that is unknown or too old."""
        oldest = 0 if self._rules.earliest_on_a_lost_position else self._org.bus.latest_position()
        position = oldest if after is None else self._org.bus.decode(after)
        if position is None:
            raise StreamFailed("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")
        kind, _, name = topic.removeprefix("/").partition("/")
        entity = name.removesuffix("ChangeEvent")
        yield InProcessStream(self._org, Topic("change" if kind == "data" else "event", entity), position)

    async def schema(self, schema_id: str) -> EventSchema:
        """Give a schema, parsed once."""
        if schema_id not in _schemas:
            _schemas[schema_id] = parse_schema(self._org.bus.find_schema(schema_id) or "")
        return _schemas[schema_id]

    async def log_in(self, stale: object) -> None:
        """There is no session."""

    async def reconnect(self) -> None:
        """There is no connection."""


class PositionsInRows:
    """The `Positions` port: positions and recorded events in one transaction."""

    def __init__(self, database: WorkerDatabase, kept: dict[str, Any]) -> None:
        self._database = database
        self._kept = kept

    async def position(self, topic: str) -> bytes | None:
        """Give the last finished position."""
        found: bytes | None = self._kept.get(topic)
        return found

    async def take(self, topic: str, received: Sequence[Received], latest: bytes) -> int:
        """Record events and position together; a platform event seen before is not passed on again."""
        kept: dict[str, Any] = {topic: latest}
        new = 0
        async with self._database.transaction() as transaction:
            for one in received:
                seen = f"seen {one.raw.event_id}"
                if one.once and (seen in self._kept or seen in kept):
                    continue
                kept[seen] = True
                new += 1
                for event in one.events:
                    await transaction.record(event)
            transaction.after_commit(lambda: self._kept.update(kept))
        return new

    async def lose(self, topic: str, announcement: Event) -> None:
        """Forget a position and say so."""
        async with self._database.transaction() as transaction:
            await transaction.record(announcement)
            transaction.after_commit(lambda: self._kept.pop(topic, None))


async def wire(parts: Parts) -> None:
    """Follow the topics."""
    positions = PositionsInRows(parts.database, parts.rows.table("positions", dict))
    pubsub = InProcessPubSub(parts.settings["org"], parts.rules)
    for topic in FOLLOWED:
        follow = FollowTopic(topic, pubsub, positions, parts.clock.now, Patience(watchdog=270.0))
        parts.background(topic, follow.run)
