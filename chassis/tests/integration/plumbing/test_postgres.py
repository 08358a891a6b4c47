"""Transactions, their callbacks, and a server that goes away and comes back (T-08)."""

import asyncio
import contextlib
from typing import ClassVar

import asyncpg
import pytest

from portal_chassis.postgres import Database, RolledBack, StoreUnavailable
from portal_contracts.message import Event


class Happened(Event):
    """An event for the outbox."""

    subject: ClassVar[str] = "test.thing.happened.v1"


@pytest.fixture
async def table(database):
    await database.execute("CREATE TABLE thing (name text PRIMARY KEY)")
    return database


async def names(database):
    return [row["name"] for row in await database.fetch("SELECT name FROM thing ORDER BY name")]


async def test_a_transaction_commits_and_then_calls_back(table):
    called = []
    async with table.transaction() as transaction:
        await transaction.execute("INSERT INTO thing VALUES ($1)", "a")
        transaction.after_commit(lambda: called.append("after"))
        transaction.after_commit(lambda: 1 / 0)
        transaction.after_commit(lambda: called.append("and after"))
        assert not called
    assert called == ["after", "and after"]
    assert await names(table) == ["a"]


async def test_an_exception_rolls_back_and_calls_nobody(table):
    called = []
    with pytest.raises(LookupError):  # noqa: PT012 - the block must end with it
        async with table.transaction() as transaction:
            await transaction.execute("INSERT INTO thing VALUES ('a')")
            transaction.after_commit(lambda: called.append(1))
            raise LookupError
    assert not called
    assert await names(table) == []


async def test_the_short_forms_give_what_they_say(table):
    await table.execute("INSERT INTO thing VALUES ('a'), ('b')")
    assert await table.fetchval("SELECT count(*) FROM thing") == 2
    assert (await table.fetchrow("SELECT name FROM thing WHERE name = $1", "b"))["name"] == "b"
    assert await table.fetchrow("SELECT name FROM thing WHERE name = 'c'") is None
    async with table.transaction() as transaction:
        await transaction.executemany("INSERT INTO thing VALUES ($1)", [("c",), ("d",)])
        assert await transaction.fetchval("SELECT count(*) FROM thing") == 4
        assert [row["name"] for row in await transaction.fetch("SELECT name FROM thing ORDER BY 1 LIMIT 1")] == ["a"]
        assert (await transaction.fetchrow("SELECT 1 AS one"))["one"] == 1
    assert await table.execute("DELETE FROM thing") == "DELETE 4"


async def test_what_the_server_refuses_is_not_mistaken_for_its_absence(table):
    await table.execute("INSERT INTO thing VALUES ('a')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await table.execute("INSERT INTO thing VALUES ('a')")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with table.transaction() as transaction:
            await transaction.execute("INSERT INTO thing VALUES ('a')")


async def test_recording_needs_an_outbox(database):
    recorded = []
    with pytest.raises(RuntimeError, match="outbox"):
        async with database.transaction() as transaction:
            await transaction.record(Happened())

    async def record(_transaction, event, _soon) -> None:
        recorded.append(event)

    database.record_with(record)
    async with database.transaction() as transaction:
        await transaction.record(Happened())
    assert recorded == [Happened()]


async def test_a_cancelled_user_leaves_a_usable_connection(table):
    async def hang():
        async with table.transaction() as transaction:
            await transaction.execute("INSERT INTO thing VALUES ('a')")
            await transaction.fetchval("SELECT pg_sleep(30)")

    for _ in range(3):
        task = asyncio.create_task(hang())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await names(table) == []


async def test_a_server_that_is_away_is_one_word_and_its_return_needs_no_restart(table, postgres_server):
    postgres_server.kill()
    with pytest.raises(StoreUnavailable) as caught:
        await table.fetchval("SELECT 1")
    assert caught.value.code == "DATABASE_UNAVAILABLE"
    with pytest.raises(StoreUnavailable):
        async with table.transaction() as transaction:
            await transaction.execute("INSERT INTO thing VALUES ('a')")
    assert not await table.answers()
    postgres_server.start()
    async with asyncio.timeout(10):
        while not await table.answers():
            await asyncio.sleep(0.05)
    assert await names(table) == []


async def test_a_server_that_dies_in_the_middle_of_a_transaction_is_the_same_word(table, postgres_server):
    with pytest.raises(StoreUnavailable):  # noqa: PT012 - the server must die inside
        async with table.transaction() as transaction:
            await transaction.execute("INSERT INTO thing VALUES ('a')")
            postgres_server.kill()
            await transaction.execute("INSERT INTO thing VALUES ('b')")
    postgres_server.start()


async def test_nobody_waits_longer_than_allowed_for_a_connection(database_url):
    database = Database(database_url, connections=2)
    with pytest.raises(RuntimeError, match="not connected"):
        await database.fetchval("SELECT 1")
    await database.connect()
    async with database.session() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await database.close()


async def test_a_database_that_cannot_be_reached_says_so_when_connecting():
    with pytest.raises(StoreUnavailable):
        await Database("postgresql://portal@127.0.0.1:1/portal").connect()


async def test_a_swallowed_error_cannot_turn_a_commit_into_a_silent_rollback(table):
    with pytest.raises(RolledBack):  # noqa: PT012 - the block must end without an exception of its own
        async with table.transaction() as transaction:
            await transaction.execute("INSERT INTO thing VALUES ('a')")
            with contextlib.suppress(asyncpg.DivisionByZeroError):
                await transaction.execute("SELECT 1 / 0")
    assert await table.fetchval("SELECT count(*) FROM thing") == 0
