"""Forgetting a deleted customer: when, once, and told with what it did (D17)."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from portal_chassis.forgetting import LAST_REQUEST, LOOK_AGAIN, Forgotten, serve
from portal_chassis.testing import FakeBus, InMemoryDatabase, InMemoryProcessStore, ManualClock, engine
from portal_contracts.forgetting import OrdersForgotten
from portal_contracts.identity_personal_data import CustomerErased
from portal_contracts.problems import TryLater

ACCOUNT = "001000000000001AAA"


@dataclass
class FakeMemory:
    rows: int = 3
    busy: bool = False
    fails_with: list[Exception] = field(default_factory=list)

    async def is_at_rest(self, _person):
        if self.fails_with:
            raise self.fails_with.pop()
        return not self.busy

    async def forget(self, _transaction, _person):
        removed, self.rows = self.rows, 0
        return Forgotten({"rows": removed}, {"orders": 2}, "a law")


class World:
    def __init__(self):
        self.clock, self.bus, self.memory = ManualClock(), FakeBus(), FakeMemory()
        self.database = InMemoryDatabase()
        self.store = InMemoryProcessStore(self.clock)
        self.processes = engine(clock=self.clock, store=self.store)
        serve(self.bus, self.processes, self.clock, self.memory, OrdersForgotten)

    def erased(self, *, dated=True):
        at = self.clock.now() if dated else None
        return CustomerErased(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42, erased_at=at)

    async def deliver(self, event, message_id="message-1"):
        async with self.database.transaction() as transaction:
            await self.bus.deliver(event, transaction, message_id=message_id)
        await self.processes.run_until_idle()

    async def later(self, step):
        self.clock.advance(step)
        await self.processes.run_until_idle()

    @property
    def told(self):
        return [event for event in self.store.database.events if isinstance(event, OrdersForgotten)]


@pytest.fixture
def world():
    return World()


async def test_it_waits_for_the_last_request_then_forgets_and_tells_counts_alone(world):
    await world.deliver(world.erased())
    assert (world.memory.rows, world.told) == (3, [])
    await world.later(LAST_REQUEST)
    assert world.told == [OrdersForgotten(user_id="user-1", removed={"rows": 3}, kept={"orders": 2}, because="a law")]


async def test_what_is_under_way_is_waited_for(world):
    world.memory.busy = True
    await world.deliver(world.erased())
    await world.later(LAST_REQUEST)
    assert (world.memory.rows, world.told) == (3, [])
    world.memory.busy = False
    await world.later(LOOK_AGAIN)
    assert (world.memory.rows, len(world.told)) == (0, 1)


async def test_a_cache_that_is_away_delays_it_and_loses_nothing(world):
    world.memory.fails_with = [TryLater("SERVICE_UNAVAILABLE")] * 2
    await world.deliver(world.erased())
    await world.later(LAST_REQUEST)
    assert world.told == []
    for _ in range(5):
        await world.later(timedelta(minutes=10))
    assert len(world.told) == 1


async def test_a_copy_of_the_announcement_does_nothing_and_a_new_one_says_that_nothing_is_left(world):
    event = world.erased()
    await world.deliver(event)
    await world.deliver(event)
    await world.later(LAST_REQUEST)
    await world.deliver(event, "message-2")  # identity's database was restored and it erased once more
    assert [told.removed["rows"] for told in world.told] == [3, 0]


async def test_an_announcement_without_a_time_counts_from_its_arrival(world):
    await world.deliver(world.erased(dated=False))
    await world.later(LAST_REQUEST - timedelta(seconds=1))
    assert world.told == []
    await world.later(timedelta(seconds=1))
    assert len(world.told) == 1
