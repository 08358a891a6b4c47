"""One suite for the port: positions in memory and in Postgres."""

from datetime import UTC, datetime

import pytest

from portal_changefeed.ports import RawEvent, Received
from portal_changefeed.store import UNDECODABLE, PostgresPositions
from portal_changefeed.testing import PositionsInMemory
from portal_chassis.pruning import Pruning, deleting
from portal_contracts.changefeed import EventsMissed

TOPIC = "/event/OrderProvisionRequested__e"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
MISSED = EventsMissed(topic=TOPIC, reason="undecodable", detected_at=NOW)


class OnPostgres:
    def __init__(self, world):
        self._world = world
        self.positions = PostgresPositions(world.database, 0)

    async def recorded(self):
        return len(await self._world.recorded())

    async def raw(self):
        rows = await self._world.database.fetch("SELECT payload FROM changefeed_undecodable_event ORDER BY id")
        return [row["payload"] for row in rows]


class InMemory:
    def __init__(self):
        self.positions = PositionsInMemory()

    async def recorded(self):
        return len(self.positions.events)

    async def raw(self):
        return [one.raw.payload for one in self.positions.raw]


@pytest.fixture(params=["memory", "postgres"])
def kept(request):
    return InMemory() if request.param == "memory" else OnPostgres(request.getfixturevalue("world"))


def received(number, **changes):
    raw = RawEvent(f"event-{number}", "schema", b"payload-%d" % number, b"\x00\xff-%d" % number)
    return Received(raw, (MISSED,), **changes)


async def test_at_first_there_is_no_position(kept):
    assert await kept.positions.position(TOPIC) is None


async def test_a_position_comes_back_byte_for_byte(kept):
    await kept.positions.take(TOPIC, [received(1), received(2)], b"\x00\x06\x60\xc1\x00\x00")
    assert await kept.positions.position(TOPIC) == b"\x00\x06\x60\xc1\x00\x00"
    assert await kept.recorded() == 2


async def test_an_event_meant_once_is_recorded_once(kept):
    again = [received(1, once=True), received(1, once=True), received(2, once=True)]
    assert await kept.positions.take(TOPIC, again, b"a") == 2
    assert await kept.positions.take(TOPIC, again, b"b") == 0
    assert await kept.recorded() == 2
    assert await kept.positions.position(TOPIC) == b"b"


async def test_a_hint_may_come_again(kept):
    assert await kept.positions.take(TOPIC, [received(1), received(1)], b"a") == 2


async def test_what_cannot_be_read_is_kept_as_it_came(kept):
    await kept.positions.take(TOPIC, [received(1, undecodable="why")], b"a")
    assert await kept.raw() == [b"payload-1"]


async def test_what_nobody_could_read_is_forgotten_after_13_months(world):  # §5.10
    positions = PostgresPositions(world.database, 0)
    await positions.take(TOPIC, [received(1, undecodable="why"), received(2, undecodable="why")], b"a")
    age = (
        "UPDATE changefeed_undecodable_event SET received_at = now() - interval '14 months' WHERE event_id = 'event-1'"
    )
    await world.database.execute(age)
    pruning = Pruning(world.database)
    pruning.add("undecodable events", deleting("changefeed_undecodable_event", UNDECODABLE, lambda: (13,)))
    await pruning.round()
    assert await OnPostgres(world).raw() == [b"payload-2"]


async def test_a_lost_position_is_none_and_announced(kept):
    await kept.positions.take(TOPIC, [], b"a")
    await kept.positions.lose(TOPIC, MISSED)
    assert await kept.positions.position(TOPIC) is None
    assert await kept.recorded() == 1


async def test_old_event_ids_are_dropped(world):
    positions = PostgresPositions(world.database, 0)
    await positions.take(TOPIC, [received(1, once=True), received(2, once=True)], b"a")
    await world.database.execute(
        "UPDATE changefeed_seen_event SET seen_at = seen_at - interval '8 days' WHERE event_id = 'event-1'"
    )
    await positions.forget_seen_events()
    assert await world.database.fetchval("SELECT array_agg(event_id) FROM changefeed_seen_event") == ["event-2"]
