"""What billing forgets when its time is over, in Postgres; ids and amounts stay (§5.10)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal_billing.order_desk import OrderDesk
from portal_billing.store import PostgresOrderBook
from portal_billing.store_retention import forget_what_is_old
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.pruning import Pruning
from portal_chassis.settings import ChassisSettings
from portal_chassis.testing import ManualClock

NOW = datetime(2034, 6, 1, 3, 0, tzinfo=UTC)
YOUNG, OLD = NOW - timedelta(days=200), NOW - timedelta(days=500)
ORDERS = {name: f"80100000000000{number}AAA" for number, name in enumerate(("released", "reserved", "young"), 1)}
NUMBERS = ("89049032000000000000000000000357", "07000000001", "8981100000000000001")
LINK = """
INSERT INTO sign_on_link (whmcs_client_id, user_id, destination, asked_at)
VALUES (42, $1, 'home', clock_timestamp() - make_interval(days => $2))
"""


@pytest.fixture
async def database(database_url):
    opened = Database(database_url, name="billing-tests")
    await migrate(opened, "portal_chassis", "portal_billing")
    await opened.connect()
    yield opened
    await opened.close()


@pytest.fixture
def forget(database):
    pruning = Pruning(database)
    forget_what_is_old(pruning, ManualClock(NOW), ChassisSettings(), links_kept_days=396)
    return pruning.round


async def want(book, database, name, goal, at):
    eid, phone, iccid = NUMBERS
    desk = OrderDesk(ORDERS[name], goal, 1, client_id=42, eid=eid, phone_number=phone, iccid=iccid)
    async with database.transaction() as transaction:
        await book.want(transaction, replace(desk, asked_at=at))
        if goal == "release":
            await book.released(transaction, ORDERS[name])


async def test_numbers_of_orders_given_back_go_and_a_new_reservation_brings_its_own(database, forget):
    book = PostgresOrderBook(database)
    for name, goal, at in (("released", "release", OLD), ("reserved", "reserve", OLD), ("young", "release", YOUNG)):
        await want(book, database, name, "reserve", at)
        if goal == "release":
            await want(book, database, name, goal, at)
    await forget()
    found = {name: await book.read(ORDERS[name]) for name in ("released", "reserved", "young")}
    assert {name: desk.eid for name, desk in found.items()} == {
        "released": None,
        "reserved": NUMBERS[0],
        "young": NUMBERS[0],
    }
    assert (found["released"].client_id, found["released"].round) == (42, 2)
    await want(book, database, "released", "reserve", NOW)
    assert (await book.read(ORDERS["released"])).eid == NUMBERS[0]


async def test_links_into_whmcs_go_after_their_own_time(database, forget):
    for user, days in (("old", 397), ("young", 395)):
        await database.execute(LINK, user, days)
    await forget()
    assert await database.fetchval("SELECT string_agg(user_id, ',') FROM sign_on_link") == "young"
