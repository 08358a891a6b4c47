"""Many schedules in one process: random failures and crashes on virtual time (reliability.md (b)6)."""

import logging
import random
from contextlib import suppress
from datetime import timedelta

import pytest
import structlog
from pydantic import BaseModel

from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_chassis.process_port import LEASE
from portal_chassis.testing import (
    InMemoryProcessStore,
    InMemoryTransaction,
    ManualClock,
    MortalStore,
    WorkerKilled,
    engine,
    run_to_rest,
)
from portal_contracts.problems import TryLater

SCHEDULES = 1500


class Order(BaseModel):
    """State of the test process."""

    marked: bool = False
    polls: int = 0


class Calm(random.Random):
    """Dice that never bring bad luck."""

    def random(self) -> float:
        return 0.99


class Vendor:
    """A foreign system without idempotency keys: it counts effects per order."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.effects: dict[str, int] = {}

    async def create(self, key: str) -> None:
        fate = self.dice.random()
        if fate < 0.15:
            raise TryLater("WHMCS_UNAVAILABLE")
        self.effects[key] = self.effects.get(key, 0) + 1
        if fate < 0.35:
            raise ConnectionResetError  # the effect happened, the answer was lost

    async def find(self, key: str) -> bool:
        if self.dice.random() < 0.1:
            raise TryLater("WHMCS_UNAVAILABLE")
        return key in self.effects


def definition(vendor: Vendor) -> ProcessDefinition[Order]:
    async def reserve(run: Run[Order]) -> Outcome:
        journal = await run.journal("create")
        if journal and not await vendor.find(run.key):
            if run.clock.now() - journal[-1].at < timedelta(seconds=125):
                return Wait(after=timedelta(seconds=125), because="quiet period")
        elif journal:
            run.state.marked = True
            return Next()
        async with run.outside("create", fingerprint=run.key):
            await vendor.create(run.key)
        run.state.marked = True
        return Next()

    async def poll(run: Run[Order]) -> Outcome:
        run.state.polls += 1
        return Wait(after=timedelta(minutes=1)) if run.state.polls < 3 else Next()

    async def finish(run: Run[Order]) -> Outcome:
        return Done()

    return ProcessDefinition("order", Order, (Step("reserve", reserve), Step("poll", poll), Step("finish", finish)))


@pytest.fixture(autouse=True)
def _quiet():
    """Thousands of injected failures would be thousands of tracebacks."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(wrapper_class=before)


@pytest.mark.parametrize("batch", range(3))
async def test_every_random_schedule_ends_with_exactly_one_effect(batch):
    for seed in range(batch * SCHEDULES // 3, (batch + 1) * SCHEDULES // 3):
        dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
        clock = ManualClock()
        store = InMemoryProcessStore(clock)
        vendor = Vendor(dice)
        orders = [f"order-{number}" for number in range(dice.randint(1, 3))]
        starter = engine(definition(vendor), clock=clock, store=store)
        for order in orders:
            await starter.start(InMemoryTransaction(), "order", order, Order())
        for _ in range(200):
            worker = engine(definition(vendor), clock=clock, store=store)
            if dice.random() < 0.2:  # this worker dies with a claim in its hands
                await store.claim(worker.kinds, clock.now(), 1)
                clock.advance(LEASE + timedelta(seconds=1))
            await worker.run_until_idle()
            due = store.next_due()
            if due is None:
                break
            clock.advance_to(due)
        for order in orders:
            view = await starter.read("order", order)
            assert view is not None
            assert (view.status, vendor.effects.get(order)) == ("done", 1), f"seed {seed}"


async def run_with_deaths(*deaths):
    """Run one order to its end; each death is a worker's: at its n-th write, before or after the write's effect."""
    clock = ManualClock()
    store = InMemoryProcessStore(clock)
    vendor = Vendor(Calm())
    workers = [engine(definition(vendor), clock=clock, store=store)]
    await workers[0].start(InMemoryTransaction(), "order", "1", Order())
    reached = []
    for dies_at, after_effect in deaths:
        mortal = MortalStore(store, dies_at=dies_at, after_effect=after_effect)
        doomed = engine(definition(vendor), clock=clock, store=mortal)
        with suppress(WorkerKilled):
            await run_to_rest(doomed, clock, store)
        reached.append(mortal.died)
    await run_to_rest(workers[0], clock, store)
    view = await workers[0].read("order", "1")
    return view.status, vendor.effects, reached


async def test_a_worker_may_die_at_any_write_and_another_finishes_the_work_once():
    """T-01: every kill point, before and after its effect."""
    points = 0
    for after_effect in (False, True):
        dies_at = 0
        while True:
            dies_at += 1
            status, effects, (reached,) = await run_with_deaths((dies_at, after_effect))
            assert (status, effects) == ("done", {"1": 1}), (dies_at, after_effect)
            if not reached:
                break
            points += 1
    assert points >= 12


async def test_two_workers_may_die_at_any_two_writes():
    """T-04: all pairs of kill points."""
    pairs = [(first, second) for first in range(1, 9) for second in range(1, 9)]
    for first, second in pairs:
        for after in ((False, False), (False, True), (True, False), (True, True)):
            status, effects, _ = await run_with_deaths((first, after[0]), (second, after[1]))
            assert (status, effects) == ("done", {"1": 1}), (first, second, after)
