"""Many schedules in one process: random failures and crashes on virtual time (reliability.md (b)6)."""

import logging
import random
from datetime import timedelta

import pytest
import structlog
from pydantic import BaseModel

from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_chassis.process_port import LEASE
from portal_chassis.testing import InMemoryProcessStore, InMemoryTransaction, ManualClock, engine
from portal_contracts.problems import TryLater

SCHEDULES = 1500


class Order(BaseModel):
    """State of the test process."""

    marked: bool = False
    polls: int = 0


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
