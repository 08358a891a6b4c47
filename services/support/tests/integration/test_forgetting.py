"""What support keeps of a customer after a deletion, and what staff do to old cases later (D17)."""

from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.forgetting import Person
from portal_chassis.migrating import migrate
from portal_chassis.outbox import Outbox
from portal_chassis.postgres import Database
from portal_contracts.customer_news import CaseUpdated
from portal_support.ports import About, WriteKey
from portal_support.store import PostgresLinks, PostgresNews, PostgresWrites
from portal_support.store_forgetting import PostgresMemory

ACCOUNT, OTHER = "001000000000001AAA", "001000000000002AAA"
CASE, OTHERS, LATER_CASE = (f"50000000000000{number}AAA" for number in "123")
# The tables' own times are the database's, so that the deletion is later than what a test wrote just now.
NOW = datetime.now(UTC) + timedelta(days=1)
BEFORE, AFTER = NOW - timedelta(days=30), NOW + timedelta(days=30)
ME = Person(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42, erased_at=NOW)


@pytest.fixture
async def database(database_url):
    opened = Database(database_url, name="support-tests")
    opened.record_with(Outbox("support", [CaseUpdated]).record)
    await migrate(opened, "portal_chassis", "portal_support")
    await opened.connect()
    writes, links = PostgresWrites(opened), PostgresLinks(opened)
    for account, user, case in ((ACCOUNT, "user-1", CASE), (OTHER, "user-2", OTHERS)):
        await writes.begin(WriteKey("open", user, "request-0001", b"print"))
        await writes.begin(WriteKey("file", account, f"{case}/a.png", b"print"))
        await links.keep(case, account, About("801000000000001AAA", 77))
    yield opened
    await opened.close()


async def tell(database, account, case, opened_at, name="closed:1"):
    """Tell of a case as the watch does, and say whether it was told."""
    facts = {"account_id": account, "case_number": "00001001", "change": "closed"}
    update = CaseUpdated(update_id=f"{case}:{name}", case_id=case, **facts)
    before = await database.fetchval("SELECT count(*) FROM portal_outbox")
    async with database.transaction() as transaction:
        await PostgresNews(database).tell(transaction, update, opened_at)
    return await database.fetchval("SELECT count(*) FROM portal_outbox") > before


async def forget(database):
    async with database.transaction() as transaction:
        return await PostgresMemory().forget(transaction, ME)


async def rows(database, *tables):
    return [len(await database.fetch(f"SELECT 1 FROM {table}")) for table in tables]


TABLES = ("case_write", "case_link", "case_news")


async def test_links_news_and_traces_of_files_go_and_others_stay(database):
    assert await tell(database, ACCOUNT, CASE, BEFORE)
    assert await tell(database, OTHER, OTHERS, BEFORE)
    assert await rows(database, *TABLES) == [4, 2, 2]
    forgotten = await forget(database)
    assert (forgotten.removed, forgotten.kept) == ({"writes": 2, "links": 1, "news": 1}, {})
    assert await rows(database, *TABLES) == [2, 1, 1]
    assert sum((await forget(database)).removed.values()) == 0


async def test_what_staff_do_to_an_old_case_later_is_kept_and_told_to_nobody(database):
    await forget(database)
    assert not await tell(database, ACCOUNT, CASE, BEFORE)
    assert await rows(database, "case_news") == [0]
    assert await tell(database, OTHER, OTHERS, BEFORE)


async def test_cases_of_who_signed_up_anew_are_told(database):
    await forget(database)
    assert await tell(database, ACCOUNT, LATER_CASE, AFTER)
