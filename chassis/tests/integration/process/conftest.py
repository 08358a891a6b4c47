"""Both process stores behind one face, so that one suite proves both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database, Transaction
from portal_chassis.process import Effect, ProcessDefinition, ProcessEngine, ProcessView
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.process_port import LEASE, ProcessStore
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.testing import ManualClock


async def wait_until(engine: ProcessEngine, kind: str, key: str, true: Callable[[ProcessView], bool]) -> ProcessView:
    """Wait for what a worker elsewhere will have done: the database is the only place to see it."""
    async with asyncio.timeout(30):
        while (view := await engine.read(kind, key)) is None or not true(view):
            await asyncio.sleep(0.002)
    return view


class Gate:
    """A step that says when it was entered and goes on when it is let."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def pass_through(self) -> None:
        self.entered.set()
        await self.open.wait()

    async def enter(self, engine: ProcessEngine) -> asyncio.Task[None]:
        """Let an engine run until one of its steps stands in the gate."""
        running = asyncio.create_task(engine.run_until_idle())
        await self.entered.wait()
        return running


@dataclass
class World:
    """A store, its database, clocks, and as many workers as a test wants."""

    store: ProcessStore
    database: Database | InMemoryDatabase
    clock: ManualClock = field(default_factory=ManualClock)
    machine: ManualClock = field(default_factory=ManualClock)
    happened: list[str] = field(default_factory=list)

    def worker(self, *definitions: ProcessDefinition[Any], at_once: int = 32) -> ProcessEngine:
        engine = ProcessEngine(self.store, self.clock, self.machine, at_once=at_once, poll_seconds=0.02)
        for definition in definitions:
            engine.register(definition)
        return engine

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self.database.transaction()

    async def start(self, engine: ProcessEngine, kind: str, key: str, state: Any, **more: Any) -> bool:
        async with self.transaction() as transaction:
            return await engine.start(transaction, kind, key, state, **more)

    async def wake(self, engine: ProcessEngine, kind: str, key: str, **more: Any) -> bool:
        async with self.transaction() as transaction:
            return await engine.wake(transaction, kind, key, **more)

    async def view(self, engine: ProcessEngine, kind: str, key: str) -> ProcessView:
        found = await engine.read(kind, key)
        assert found is not None
        return found

    async def until(self, engine: ProcessEngine, kind: str, key: str, status: str) -> ProcessView:
        return await wait_until(engine, kind, key, lambda view: view.status == status)

    def effect(self, name: str) -> Effect:
        async def happen(transaction: Transaction) -> None:
            if isinstance(transaction, InMemoryTransaction):
                transaction.after_commit(lambda: self.happened.append(name))
            else:
                await transaction.execute("INSERT INTO happened (name) VALUES ($1)", name)

        return happen

    async def effects(self) -> list[str]:
        if isinstance(self.database, InMemoryDatabase):
            return list(self.happened)
        return [row["name"] for row in await self.database.fetch("SELECT name FROM happened ORDER BY id")]

    async def let_leases_pass(self) -> None:
        """Let every worker that holds something now look dead."""
        self.machine.advance(LEASE + timedelta(seconds=1))
        if isinstance(self.database, Database):
            await self.database.execute(
                "UPDATE portal_process SET lease_until = lease_until - $1::interval", LEASE + timedelta(seconds=1)
            )


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, name="test")
    await migrate(opened, "portal_chassis")
    await opened.connect()
    await opened.execute("CREATE TABLE happened (id bigint GENERATED ALWAYS AS IDENTITY, name text NOT NULL)")
    yield opened
    await opened.close()


def _in_memory(_request: pytest.FixtureRequest) -> World:
    machine = ManualClock()
    database = InMemoryDatabase()
    return World(InMemoryProcessStore(machine, database), database, machine=machine)


def _in_postgres(request: pytest.FixtureRequest) -> World:
    database: Database = request.getfixturevalue("database")
    return World(PostgresProcessStore(database), database)


@pytest.fixture(params=[_in_memory, _in_postgres], ids=["memory", "postgres"])
def build_world(request: pytest.FixtureRequest) -> Callable[[], World]:
    world: World = request.param(request)
    return lambda: world


@pytest.fixture
def world(build_world: Callable[[], World]) -> World:
    return build_world()


@pytest.fixture
def until_ended() -> Callable[[ProcessEngine, str, str], Awaitable[ProcessView]]:
    return lambda engine, kind, key: wait_until(engine, kind, key, lambda view: view.ended)


@pytest.fixture
def new_gate() -> type[Gate]:
    return Gate
