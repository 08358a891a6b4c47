"""What only real processes and a real server can show: kill -9, SIGSTOP, a server restart, and the steps' own speed."""

import asyncio
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from portal_chassis.clocks import RealClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import StoreUnavailable
from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, ProcessEngine, Run, Step, Wait
from portal_chassis.process_port import Change
from portal_chassis.process_store import PostgresProcessStore

WORKER = Path(__file__).with_name("worker_program.py")


class Line(BaseModel):
    """State of the process that the worker program runs."""

    done: list[str] = []


async def _never(run: Run[Line]) -> Outcome:
    raise AssertionError("only the worker programs run steps")


DEFINITION = ProcessDefinition("line", Line, tuple(Step(name, _never) for name in ("first", "call", "last")))


class Worker:
    """A worker in a process of its own; it says on standard output what it does and obeys lines on standard input."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def begin(cls, database_url: str, *, block: bool) -> "Worker":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(WORKER),
            database_url,
            "block" if block else "free",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        worker = cls(process)
        await worker.hear("ready")
        return worker

    async def hear(self, word: str) -> dict[str, object]:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            while line := await self.process.stdout.readline():
                said = json.loads(line) if line.startswith(b'{"said"') else {}
                if said.get("said") == word:
                    return said
        raise AssertionError(f"the worker ended before it said {word}")

    async def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    async def end(self) -> None:
        if self.process.returncode is None:
            self.signal(signal.SIGCONT)
            self.process.kill()
        await self.process.wait()


@pytest.fixture
async def begin(database, database_url):
    workers = []

    async def start(*, block: bool) -> Worker:
        worker = await Worker.begin(database_url, block=block)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        await worker.end()


@pytest.fixture
def engine(database):
    built = ProcessEngine(PostgresProcessStore(database), RealClock())
    built.register(DEFINITION)
    return built


async def start(engine, database) -> None:
    async with database.transaction() as transaction:
        await engine.start(transaction, "line", "1", Line())


async def let_leases_pass(database) -> None:
    await database.execute("UPDATE portal_process SET lease_until = lease_until - interval '31 seconds'")


@pytest.mark.kill
async def test_after_kill_nine_a_survivor_goes_on_with_the_unfinished_step_only(begin, engine, database, until_ended):
    victim = await begin(block=True)
    await start(engine, database)
    await victim.hear("outside")
    victim.signal(signal.SIGKILL)
    await victim.process.wait()
    survivor = await begin(block=False)
    await asyncio.sleep(0.1)
    assert (await engine.read("line", "1")).step == "call"
    await let_leases_pass(database)
    said = await survivor.hear("outside")
    assert said["attempt"] == 2
    assert said["crashed"] is True
    assert said["journal"] == ["started"]
    view = await until_ended(engine, "line", "1")
    assert (view.status, view.state["done"]) == ("done", ["first", "call", "last"])
    rows = await database.fetch("SELECT call, state FROM portal_process_journal ORDER BY id")
    assert [tuple(row) for row in rows] == [("AddOrder", "started"), ("AddOrder", "succeeded")]
    assert [row["name"] for row in await database.fetch("SELECT name FROM happened ORDER BY id")] == ["last"]


@pytest.mark.kill
async def test_a_paused_worker_that_wakes_up_later_is_fenced(begin, engine, database, until_ended):
    zombie = await begin(block=True)
    await start(engine, database)
    await zombie.hear("outside")
    zombie.signal(signal.SIGSTOP)
    survivor = await begin(block=False)
    await let_leases_pass(database)
    await survivor.hear("outside")
    before = await until_ended(engine, "line", "1")
    zombie.signal(signal.SIGCONT)
    await zombie.tell("go on")
    await zombie.hear("stale")
    assert await engine.read("line", "1") == before
    rows = await database.fetch("SELECT state FROM portal_process_journal ORDER BY id")
    assert [row["state"] for row in rows] == ["started", "succeeded"]
    assert await database.fetchval("SELECT count(*) FROM happened") == 1


@pytest.mark.kill
async def test_a_server_restart_in_the_middle_of_a_step_repeats_nothing(begin, engine, database, postgres_server):
    worker = await begin(block=True)
    await start(engine, database)
    await worker.hear("outside")
    postgres_server.kill()
    await worker.tell("go on")
    await asyncio.sleep(0.3)
    postgres_server.start()
    view = None
    async with asyncio.timeout(60):
        while view is None or not view.ended:
            await asyncio.sleep(0.1)
            try:
                view = await engine.read("line", "1")
                # The call's end could not be journalled, so the step is on the ladder: let its time come.
                await database.execute("UPDATE portal_process SET due_at = now() WHERE status = 'waiting'")
            except StoreUnavailable:  # the server is on its way back
                continue
    assert (view.status, view.state["done"]) == ("done", ["first", "call", "last"])
    assert await database.fetchval("SELECT count(*) FROM happened") == 1


async def test_steps_follow_one_another_without_waiting_for_a_poll(database, until_ended):
    async def nothing(run: Run[Line]) -> Outcome:
        return Next()

    engine = ProcessEngine(PostgresProcessStore(database), RealClock(), poll_seconds=60)
    engine.register(ProcessDefinition("quick", Line, tuple(Step(f"step{number}", nothing) for number in range(9))))
    living = asyncio.create_task(engine.run())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        async with database.transaction() as transaction:
            await engine.start(transaction, "quick", "1", Line())
        assert (await until_ended(engine, "quick", "1")).status == "done"
        async with database.transaction() as transaction:
            await engine.start(transaction, "quick", "2", Line(), inline=True)
        assert (await engine.run_inline("quick", "2", until=Deadline.after(5))).status == "done"
    await engine.stop()
    await living


async def test_a_short_wait_ends_on_time_and_not_at_the_next_poll(database, until_ended):
    runs = []

    async def wait_once(run: Run[Line]) -> Outcome:
        runs.append(1)
        return Done() if len(runs) == 2 else Wait(after=timedelta(milliseconds=50))

    engine = ProcessEngine(PostgresProcessStore(database), RealClock(), poll_seconds=60)
    engine.register(ProcessDefinition("quick", Line, (Step("only", wait_once),)))
    living = asyncio.create_task(engine.run())
    async with asyncio.timeout(10):
        async with database.transaction() as transaction:
            await engine.start(transaction, "quick", "1", Line())
        assert (await until_ended(engine, "quick", "1")).status == "done"
    await engine.stop()
    await living


async def test_a_lost_commit_reply_is_recognised_as_our_own_write(database, postgres_server):
    """A connection that breaks around COMMIT leaves the caller ignorant; the generation tells."""
    store = PostgresProcessStore(database)
    engine = ProcessEngine(store, RealClock())
    engine.register(DEFINITION)
    await start(engine, database)
    (claim,) = await store.claim(["line"], RealClock().now(), 1)
    change = Change(status="running", step="call", due=RealClock().now(), now=RealClock().now(), keep=True)
    first = await store._write(claim, change)
    assert await store._own_write(claim) == first
    assert first.generation == claim.generation + 1


async def test_deadlocked_commits_are_written_again(database):
    """Two effects lock the same two rows in opposite order: Postgres ends one, and the engine repeats its write."""
    await database.execute("CREATE TABLE pair (id int PRIMARY KEY, hits int NOT NULL DEFAULT 0)")
    await database.execute("INSERT INTO pair (id) VALUES (1), (2)")
    met = asyncio.Barrier(2)
    tries = []

    def crosswise(first: int, second: int):
        async def write(transaction) -> None:
            tries.append(first)
            await transaction.execute("UPDATE pair SET hits = hits + 1 WHERE id = $1", first)
            if len(tries) <= 2:
                await met.wait()
            await transaction.execute("UPDATE pair SET hits = hits + 1 WHERE id = $1", second)

        return write

    async def action(run: Run[Line]) -> Outcome:
        return Done(effects=(crosswise(*((1, 2) if run.key == "1" else (2, 1))),))

    engine = ProcessEngine(PostgresProcessStore(database), RealClock())
    engine.register(ProcessDefinition("cross", Line, (Step("only", action),)))
    async with database.transaction() as transaction:
        for key in ("1", "2"):
            await engine.start(transaction, "cross", key, Line())
    await engine.run_until_idle()
    assert [row["hits"] for row in await database.fetch("SELECT hits FROM pair ORDER BY id")] == [2, 2]
    assert len(tries) == 3
