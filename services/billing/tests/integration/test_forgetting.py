"""What billing keeps of a customer after a deletion, in Postgres and in the cache (D17)."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal_billing.order_desk import OrderDesk
from portal_billing.store import PostgresOrderBook
from portal_billing.store_forgetting import PostgresMemory
from portal_billing.store_sign_ons import PostgresSignOnLog
from portal_chassis.forgetting import Person
from portal_chassis.migrating import migrate
from portal_chassis.outbox import Outbox
from portal_chassis.postgres import Database
from portal_contracts.account_notes import BillingNoted
from portal_contracts.problems import TryLater

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=30), NOW + timedelta(days=30)
ME = Person(user_id="user-1", account_id="001000000000001AAA", whmcs_client_id=42, erased_at=NOW)
MINE, THEIRS, NEW = (f"80100000000000{number}AAA" for number in "123")
NUMBERS = ("89049032000000000000000000000357", "07000000001", "8981100000000000001")


class Copies:
    """The cache's side of the port."""

    def __init__(self) -> None:
        self.dropped: list[int] = []
        self.away = False

    async def clear(self, client_id: int) -> None:
        self.dropped.append(client_id)

    async def drop(self, client_id: int) -> None:
        if self.away:
            raise TryLater("SERVICE_UNAVAILABLE")
        self.dropped.append(client_id)


class Kept:
    def __init__(self, database: Database) -> None:
        self.database, self.copies = database, Copies()
        self.book, self.links = PostgresOrderBook(database), PostgresSignOnLog(database)
        self.memory = PostgresMemory(database, self.copies)

    async def forget(self):
        async with self.database.transaction() as transaction:
            return await self.memory.forget(transaction, ME)

    async def want(self, order_id, client_id, asked_at=BEFORE):
        eid, phone, iccid = NUMBERS
        desk = OrderDesk(order_id, "reserve", 1, client_id=client_id, eid=eid, phone_number=phone, iccid=iccid)
        async with self.database.transaction() as transaction:
            await self.book.want(transaction, replace(desk, asked_at=asked_at))

    async def process(self, kind, key, status, state):
        await self.database.execute(
            "INSERT INTO portal_process (kind, key, status, step, state, due_at, started_at, updated_at) "
            "VALUES ($1, $2, $3, 'work', $4::jsonb, NULL, $5, $5)",
            kind,
            key,
            status,
            json.dumps(state),
            BEFORE,
        )


@pytest.fixture
async def kept(database_url):
    database = Database(database_url, name="billing-tests")
    database.record_with(Outbox("billing", [BillingNoted]).record)
    await migrate(database, "portal_chassis", "portal_billing")
    await database.connect()
    found = Kept(database)
    await found.want(MINE, 42)
    await found.want(THEIRS, 43)
    await found.links.admit(42, "user-1", "client_area", None)
    await found.links.admit(43, "user-2", "client_area", None)
    await found.process("charge", "top-up-1", "done", {"client_id": 42, "amount": 1100})
    yield found
    await database.close()


async def numbers_of(kept, order_id):
    desk = await kept.book.read(order_id)
    return desk.eid, desk.phone_number, desk.iccid


async def test_numbers_and_links_go_the_proof_of_orders_and_charges_stays_and_others_are_left_alone(kept):
    forgotten = await kept.forget()
    assert forgotten.removed == {"sign-on links": 1, "numbers of orders": 1}
    assert forgotten.kept == {"orders": 1, "charges": 1}
    assert "7 years" in forgotten.because
    assert await numbers_of(kept, MINE) == (None, None, None)
    assert await numbers_of(kept, THEIRS) == NUMBERS
    links = await kept.database.fetch("SELECT user_id FROM sign_on_link")
    assert [row["user_id"] for row in links] == ["user-2"]
    again = await kept.forget()
    assert (sum(again.removed.values()), again.kept) == (0, forgotten.kept)


async def test_an_order_of_who_signed_up_anew_keeps_its_numbers_whenever_the_deletion_is_announced(kept):
    await kept.want(NEW, 42, asked_at=AFTER)
    await kept.forget()
    assert await numbers_of(kept, NEW) == NUMBERS


async def test_copies_are_dropped_first_and_a_cache_that_is_away_is_waited_for(kept):
    kept.copies.away = True
    with pytest.raises(TryLater):
        await kept.memory.is_at_rest(ME)
    kept.copies.away = False
    assert await kept.memory.is_at_rest(ME)
    assert kept.copies.dropped == [42]


@pytest.mark.parametrize(("kind", "key"), [("whmcs_order", MINE), ("charge", "top-up-2")])
async def test_an_order_or_a_charge_that_is_worked_on_is_waited_for(kept, kind, key):
    await kept.process(kind, key, "needs_human", {"client_id": 42})
    assert not await kept.memory.is_at_rest(ME)
    await kept.database.execute("UPDATE portal_process SET status = 'done' WHERE key = $1", key)
    assert await kept.memory.is_at_rest(ME)
