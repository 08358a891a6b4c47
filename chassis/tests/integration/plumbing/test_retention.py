"""What the chassis keeps beyond its time goes, on a real Postgres, and nothing else does (§5.10)."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from pydantic import BaseModel

from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.process import Done, ProcessDefinition, ProcessEngine, Step
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.pruning import BATCH, Pruning, deleting, older_than, updating
from portal_chassis.retention import keep_decisions, keep_processes
from portal_chassis.testing import ManualClock

LETTER = """
INSERT INTO portal_dead_letter (durable, message_id, subject, headers, body, problem, delivered, state, closed_at)
VALUES ('d', $1, 's', '{}', 'x', 'p', 1, $2, clock_timestamp() - make_interval(days => $3)) RETURNING id
"""
BURIED = """
INSERT INTO portal_dead_letter (durable, message_id, subject, headers, body, problem, delivered, buried_at)
VALUES ('d', 'buried', 's', '{}', 'x', 'p', 1, now() - interval '9 years') RETURNING id
"""
ATTEMPT = "INSERT INTO portal_dead_letter_attempt (dead_letter_id, operator, problem) VALUES ($1, 'o@example.jp', 'p')"
ACTION = """
INSERT INTO portal_operator_action (at, operator, action, target, request_id, reason, carried_out, result)
SELECT now() - $1::text::interval, 'o@example.jp', 'a', $2, 'r', 'why', true, '' FROM generate_series(1, $3)
"""
TARGETS = "SELECT string_agg(DISTINCT target, ',' ORDER BY target) FROM portal_operator_action"


@pytest.fixture
async def database(database_url):
    opened = Database(database_url, name="test")
    await migrate(opened, "portal_chassis")
    await opened.connect()
    await opened.execute("CREATE TABLE thing (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz, name text)")
    yield opened
    await opened.close()


@pytest.fixture
def decisions(database):
    pruning = Pruning(database)
    keep_decisions(pruning, days=400, months=13)
    return pruning


async def test_closed_dead_letters_go_with_their_attempts_and_buried_ones_stay(database, decisions):
    for message, state, days in (("old", "replayed", 401), ("older", "discarded", 900), ("young", "discarded", 399)):
        await database.execute(ATTEMPT, await database.fetchval(LETTER, message, state, days))
    await database.execute(ATTEMPT, await database.fetchval(BURIED))
    await decisions.round()
    left = "SELECT string_agg(message_id, ',' ORDER BY message_id) FROM portal_dead_letter"
    assert await database.fetchval(left) == "buried,young"
    assert await database.fetchval("SELECT count(*) FROM portal_dead_letter_attempt") == 2


async def test_actions_of_operators_go_after_13_months_and_nobody_else_may_take_one(database, decisions):
    await database.execute(ACTION, "13 months 1 day", "old", BATCH + 1)
    await database.execute(ACTION, "12 months", "young", 1)
    await asyncio.gather(decisions.round(), decisions.round())
    await decisions.round()
    assert await database.fetchval(TARGETS) == "young"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute("DELETE FROM portal_operator_action")
    granted = (
        "SELECT has_table_privilege(current_user, 'portal_operator_action', 'DELETE') AND NOT usesuper FROM pg_user"
    )
    assert not await database.fetchval(f"{granted} WHERE usename = current_user")


async def test_the_database_keeps_13_months_also_from_whoever_has_the_right(database):
    await database.execute(ACTION, "12 months", "young", 1)
    await database.execute("GRANT DELETE ON portal_operator_action TO CURRENT_USER")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only grows"):
        await database.execute("DELETE FROM portal_operator_action")
    assert await database.fetchval(TARGETS) == "young"


class Nothing(BaseModel):
    name: str = "Hanako"


async def test_processes_are_reduced_in_business_time_and_only_kinds_with_a_proof(database):
    clock, store = ManualClock(), PostgresProcessStore(database)
    worker = ProcessEngine(store, clock, clock)

    async def end(_run):
        return Done()

    worker.register(ProcessDefinition("ours", Nothing, (Step("end", end),)))
    worker.register(ProcessDefinition("its own", Nothing, (Step("end", end),), proof=None))
    async with database.transaction() as transaction:
        await worker.start(transaction, "ours", "1", Nothing())
        await worker.start(transaction, "its own", "1", Nothing())
    await worker.run_until_idle()
    pruning = Pruning(database)
    keep_processes(pruning, store, worker, clock, days=400)
    names = "SELECT string_agg(kind, ',') FROM portal_process WHERE state ->> 'name' = 'Hanako'"
    await pruning.round()
    assert await database.fetchval("SELECT count(*) FROM portal_process WHERE reduced_at IS NULL") == 2
    clock.advance(timedelta(days=401))
    await pruning.round()
    assert await database.fetchval(names) == "its own"


async def test_many_rows_go_batch_by_batch_and_held_ones_are_passed_over(database):
    clock = ManualClock()
    old = clock.now() - timedelta(days=800)
    await database.execute(
        "INSERT INTO thing (at, name) SELECT $1, n FROM generate_series(1, $2) n", old, 2 * BATCH + 1
    )
    await database.execute("INSERT INTO thing (at, name) VALUES ($1, 'young')", clock.now())
    sizes = []
    batch = deleting("thing", "at < $1", older_than(clock, 13))

    async def counted(transaction):
        sizes.append(await batch(transaction))
        return sizes[-1]

    pruning = Pruning(database)
    pruning.add("things", counted)
    async with database.transaction() as somebody:
        await somebody.execute("SELECT FROM thing WHERE name = '1' FOR UPDATE")
        await pruning.round()  # it waits for nobody
    assert sizes == [BATCH, BATCH, 0]
    assert await database.fetchval("SELECT string_agg(name, ',' ORDER BY name) FROM thing") == "1,young"


async def test_a_rule_that_fails_is_told_and_the_others_have_their_turn(database):
    clock = ManualClock()
    await database.execute("INSERT INTO thing (at, name) VALUES ($1, 'Hanako')", clock.now() - timedelta(days=800))
    pruning = Pruning(database)
    pruning.add("wrong", deleting("nowhere", "true"))
    pruning.add("names", updating("thing", "name = NULL", "at < $1 AND name IS NOT NULL", older_than(clock, 13)))
    await pruning.round()
    assert await database.fetchval("SELECT count(*) FROM thing WHERE name IS NULL") == 1


@pytest.mark.parametrize(
    ("now", "months", "moment"),
    [
        ("2026-11-21", 13, "2025-10-21"),
        ("2026-01-31", 2, "2025-11-30"),
        ("2028-02-29", 12, "2027-02-28"),
        ("2026-12-31", 84, "2019-12-31"),
    ],
)
def test_months_are_those_of_the_calendar(now, months, moment):
    clock = ManualClock(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert older_than(clock, months)() == (datetime.fromisoformat(moment).replace(tzinfo=UTC),)
