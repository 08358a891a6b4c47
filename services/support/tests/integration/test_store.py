"""The ports on rows under one suite: in memory and in Postgres."""

import asyncio
from datetime import UTC, datetime

import pytest

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.migrating import migrate
from portal_chassis.outbox import Outbox
from portal_chassis.postgres import Database
from portal_chassis.pruning import Pruning
from portal_chassis.settings import ChassisSettings
from portal_contracts.customer_news import CaseUpdated
from portal_contracts.problems import Refused
from portal_support.ports import About, WriteKey
from portal_support.store import PostgresLinks, PostgresNews, PostgresWrites
from portal_support.store_retention import forget_what_is_old
from portal_support.testing import InMemoryLinks, InMemoryNews, InMemoryWrites

KEY = WriteKey("comment", "001000000000001AAA", "comment-0001", b"words")
ACCOUNT = "001000000000001AAA"
CASE, OTHER = "500000000000001AAA", "500000000000002AAA"


@pytest.fixture
async def database(database_url):
    opened = Database(database_url, name="support-tests")
    opened.record_with(Outbox("support", [CaseUpdated]).record)
    await migrate(opened, "portal_chassis", "portal_support")
    await opened.connect()
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "postgres"])
def kept(request):
    """A database, and the ports on it."""
    if request.param == "memory":
        return InMemoryDatabase(), InMemoryWrites(), InMemoryLinks(), InMemoryNews()
    database = request.getfixturevalue("database")
    return database, PostgresWrites(database), PostgresLinks(database), PostgresNews(database)


async def test_one_of_many_begins_and_a_repeat_learns_what_it_came_to(kept) -> None:
    _, writes, _, _ = kept
    begun = await asyncio.gather(*(writes.begin(KEY) for _ in range(8)))
    assert sum(one.first for one in begun) == 1
    assert all(0 <= one.seconds_ago < 60 and one.record_id is None for one in begun)
    await writes.finish(KEY, "00a000000000001AAA")
    again = await writes.begin(KEY)
    assert (again.first, again.record_id) == (False, "00a000000000001AAA")


async def test_a_key_with_other_content_is_refused_and_another_owners_is_free(kept) -> None:
    _, writes, _, _ = kept
    await writes.begin(KEY)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await writes.begin(WriteKey(KEY.kind, KEY.owner, KEY.key, b"other words"))
    assert (await writes.begin(WriteKey(KEY.kind, "001000000000002AAA", KEY.key, b"other words"))).first


async def test_one_of_many_takes_over_and_nobody_what_is_done(kept) -> None:
    _, writes, _, _ = kept
    await writes.begin(KEY)
    seen = await writes.begin(KEY)
    taken = await asyncio.gather(*(writes.take_over(KEY, seen) for _ in range(8)))
    assert sum(taken) == 1
    fresh = await writes.begin(KEY)
    await writes.finish(KEY, "00a000000000001AAA")
    assert not await writes.take_over(KEY, fresh)


async def test_what_was_given_up_may_begin_again_and_what_is_done_stays(kept) -> None:
    _, writes, _, _ = kept
    await writes.begin(KEY)
    await writes.give_up(KEY)
    assert (await writes.begin(KEY)).first


async def test_a_case_keeps_what_it_was_first_said_to_be_about(kept) -> None:
    _, _, links, _ = kept
    about = About("801000000000001AAA", 77)
    await links.keep(CASE, ACCOUNT, about)
    await links.keep(CASE, ACCOUNT, About(None, 78))
    assert await links.of([CASE, OTHER]) == {CASE: about}
    assert await links.of([]) == {}


async def test_an_update_is_told_once_and_the_last_standing_is_known(kept) -> None:
    database, _, _, news = kept

    async def tell(update_id, change, case_id=CASE):
        facts = {"case_id": case_id, "account_id": "001000000000001AAA", "case_number": "00001001"}
        async with database.transaction() as transaction:
            await news.tell(transaction, CaseUpdated(update_id=update_id, change=change, **facts), None)

    for _ in range(2):
        await tell("first", "closed")
        await tell("comment", "answered")
    assert await news.last_standing([CASE, OTHER]) == {CASE: "first"}
    await news.reopened_by_customer(CASE, ACCOUNT, "reopen-0001")
    await news.reopened_by_customer(CASE, ACCOUNT, "reopen-0001")
    assert await news.last_standing([CASE]) == {}
    await tell("second", "closed")
    assert await news.last_standing([CASE]) == {CASE: "second"}
    told = database.events if isinstance(database, InMemoryDatabase) else await _outbox(database)
    assert [update.update_id for update in told] == ["first", "comment", "second"]


async def _outbox(database) -> list[CaseUpdated]:
    rows = await database.fetch("SELECT body FROM portal_outbox ORDER BY id")
    return [CaseUpdated.model_validate_json(bytes(row["body"])) for row in rows]


async def test_rows_that_nothing_can_come_back_to_are_forgotten(database) -> None:
    writes, news = PostgresWrites(database), PostgresNews(database)
    await writes.begin(KEY)
    await news.reopened_by_customer(CASE, ACCOUNT, "reopen-0001")
    await database.execute("UPDATE case_write SET begun_at = $1", datetime(2020, 1, 1, tzinfo=UTC))
    await database.execute("UPDATE case_news SET told_at = $1", datetime(2020, 1, 1, tzinfo=UTC))
    await writes.begin(WriteKey("open", KEY.owner, "open-0001", b""))
    pruning = Pruning(database)
    forget_what_is_old(pruning, ChassisSettings())
    await pruning.round()
    assert await database.fetch("SELECT kind FROM case_write") == [("open",)]
    assert await database.fetchval("SELECT count(*) FROM case_news") == 0
