"""A worker that looks for due processes no more is told from one that has nothing to do, or no database."""

import asyncio
from datetime import UTC, datetime

import pytest

from portal_chassis.clocks import SystemMachineClock
from portal_chassis.postgres import StoreUnavailable
from portal_chassis.process import ProcessEngine
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import ManualClock


class MovableMachine(SystemMachineClock):
    """Machine time that also goes on when a test says so."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Store(InMemoryProcessStore):
    """One that can hang, or be away."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()
        self.away = False
        self.asked = 0

    async def claim(self, *arguments, **named):
        self.asked += 1
        if self.away:
            raise StoreUnavailable
        await self.answers.wait()
        return await super().claim(*arguments, **named)


@pytest.fixture
async def worker():
    store, machine = Store(), MovableMachine()
    clock = ManualClock(datetime(2026, 1, 5, tzinfo=UTC))
    engine = ProcessEngine(store, clock, machine, poll_seconds=0.01)
    engine._kinds["any"] = None
    running = asyncio.create_task(engine.run())
    yield engine, store, machine
    store.answers.set()
    await engine.stop()
    await running


async def asked_again(store):
    before = store.asked
    async with asyncio.timeout(5):
        while store.asked < before + 2:
            await asyncio.sleep(0.005)


async def test_a_worker_without_work_is_alive(worker):
    engine, store, machine = worker
    await asked_again(store)
    machine.ahead += 120
    await asked_again(store)
    assert engine.turns()


async def test_a_worker_that_hangs_in_its_store_is_not_alive_until_it_goes_on(worker):
    engine, store, machine = worker
    store.answers.clear()
    await asyncio.sleep(0.05)
    assert engine.turns()
    machine.ahead += 61
    assert not engine.turns()
    store.answers.set()
    await asked_again(store)
    assert engine.turns()


async def test_a_worker_without_its_database_is_alive(worker):
    engine, store, machine = worker
    store.away = True
    machine.ahead += 120
    await asked_again(store)
    assert engine.turns()
