"""Postgres: positions, and the events that belong to them, in one transaction (R152, C29)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from portal_changefeed.ports import LeadershipLostError, Received
from portal_chassis.postgres import Database, Transaction
from portal_contracts.message import Event

UNDECODABLE: Final = "received_at < now() - make_interval(months => $1)"
"""Events that could not be read and are too old for anybody to look at; they may hold anything (§5.10)."""
SEEN_EVENTS_KEPT: Final = timedelta(days=7)
"""More than twice as long as Salesforce can deliver an event again."""

_FENCE: Final = "SELECT generation FROM changefeed_leadership FOR SHARE"
_SEE: Final = "INSERT INTO changefeed_seen_event (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_id"
_KEEP_RAW: Final = """
INSERT INTO changefeed_undecodable_event (topic, event_id, schema_id, replay_id, payload, reason)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (topic, replay_id) DO NOTHING
"""
_MOVE: Final = """
INSERT INTO changefeed_position (topic, replay_id, events) VALUES ($1, $2, $3)
ON CONFLICT (topic) DO UPDATE
SET replay_id = excluded.replay_id, events = changefeed_position.events + excluded.events, moved_at = clock_timestamp()
"""


class PostgresPositions:
    """The positions as the elected instance sees them; everything is fenced by the generation of its election."""

    def __init__(self, database: Database, generation: int) -> None:
        self._database = database
        self._generation = generation

    async def position(self, topic: str) -> bytes | None:
        """Give the last finished position; None for EARLIEST."""
        found = await self._database.fetchval("SELECT replay_id FROM changefeed_position WHERE topic = $1", topic)
        return None if found is None else bytes(found)

    async def take(self, topic: str, received: Sequence[Received], latest: bytes) -> int:
        """Record events and position together. A platform event seen before is not passed on again."""
        new = 0
        async with self._database.transaction() as transaction:
            await self._fence(transaction)
            for one in received:
                if one.once and not await transaction.fetchval(_SEE, one.raw.event_id):
                    continue
                new += 1
                for event in one.events:
                    await transaction.record(event)
                if one.undecodable is not None:
                    raw = one.raw
                    await transaction.execute(
                        _KEEP_RAW, topic, raw.event_id, raw.schema_id, raw.replay_id, raw.payload, one.undecodable
                    )
            await transaction.execute(_MOVE, topic, latest, len(received))
        return new

    async def lose(self, topic: str, announcement: Event) -> None:
        """Forget a position and say so in the same transaction."""
        async with self._database.transaction() as transaction:
            await self._fence(transaction)
            await transaction.execute(_MOVE, topic, None, 0)
            await transaction.record(announcement)

    async def forget_seen_events(self) -> None:
        """Drop the ids of events that cannot come again."""
        await self._database.execute(
            "DELETE FROM changefeed_seen_event WHERE seen_at < clock_timestamp() - $1::interval", SEEN_EVENTS_KEPT
        )

    async def _fence(self, transaction: Transaction) -> None:
        if await transaction.fetchval(_FENCE) != self._generation:
            raise LeadershipLostError
