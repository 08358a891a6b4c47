"""The tables behind their ports: one suite for the fakes and for Postgres."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts.catalog import LocalizedText
from portal_contracts.orders import ProvisionRequested
from portal_orders.order import KeptItem, KeptOrder
from portal_orders.ports import Hint, StoredCheckout
from portal_orders.projection import PostgresOrderBook
from portal_orders.rows_in_memory import InMemoryBook, InMemoryCheckouts, InMemoryHints
from portal_orders.store import PostgresCheckouts, PostgresHints
from portal_orders.testing import ACCOUNT, EID, HOME
from portal_orders.timeline import placed

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
ORDER_ID = "801000000000001AAA"


@pytest.fixture
async def postgres_rows(database_url):
    database = Database(database_url)
    await migrate(database, "portal_chassis", "portal_orders")
    await database.connect()
    yield SimpleNamespace(
        transaction=database.transaction,
        book=PostgresOrderBook(database),
        checkouts=PostgresCheckouts(database),
        hints=PostgresHints(database),
    )
    await database.close()


@pytest.fixture(params=["memory", "postgres"])
def rows(request):
    if request.param == "postgres":
        return request.getfixturevalue("postgres_rows")
    return SimpleNamespace(
        transaction=InMemoryDatabase().transaction,
        book=InMemoryBook(),
        checkouts=InMemoryCheckouts(),
        hints=InMemoryHints(),
    )


def order(number=1, **facts):
    item = KeptItem(
        product_id="01t000000000301AAA",
        sku="VPN-US",
        name=LocalizedText(en="VPN", ja="VPN"),
        category="vpn",
        item_class="service",
        billing_cycle="monthly",
        quantity=1,
        unit_price=2500,
    )
    kept = KeptOrder(
        order_id=ORDER_ID,
        account_id=ACCOUNT,
        order_number=f"{number:08d}",
        key="checkout-1",
        opportunity_id="006000000000001AAA",
        state="approved",
        activation="activating",
        changed_at=NOW,
        placed_at=NOW,
        items=(item,),
        eid=EID,
        address=HOME,
        activating_since=NOW,
        parked=True,
        requested_at=NOW,
        progressed_at=LATER,
    )
    return replace(kept, **facts)


async def test_an_order_comes_back_as_it_was_saved(rows):
    assert await rows.book.read(ORDER_ID) is None
    async with rows.transaction() as transaction:
        assert await rows.book.lock(transaction, ORDER_ID) is None
        await rows.book.save(transaction, order())
        assert await rows.book.lock(transaction, ORDER_ID) == order()
    assert await rows.book.read(ORDER_ID) == order()


async def test_nothing_stays_of_a_transaction_that_failed(rows):
    with suppress(ZeroDivisionError):
        async with rows.transaction() as transaction:
            await rows.book.save(transaction, order())
            await rows.book.append(transaction, ORDER_ID, placed(NOW))
            await rows.hints.add(transaction, Hint(ORDER_ID, NOW))
            await begin(rows, transaction, "checkout-1")
            raise ZeroDivisionError
    assert await rows.book.read(ORDER_ID) is None
    assert await rows.book.entries(ORDER_ID, 0) == ([], 0)
    assert list(await rows.hints.take(LATER, 10, timedelta(seconds=30))) == []
    assert await rows.checkouts.find(ACCOUNT, "key", NOW) is None


async def test_an_accounts_orders_are_its_own_and_the_newest_first(rows):
    ids = ["801000000000001AAA", "801000000000002AAA", "801000000000003AAA"]
    async with rows.transaction() as transaction:
        for number, order_id in enumerate(ids):
            placed_at = NOW + timedelta(minutes=number)
            await rows.book.save(transaction, order(number, order_id=order_id, placed_at=placed_at))
        await rows.book.save(transaction, order(9, order_id="801000000000004AAA", account_id="001000000000002AAA"))
    assert [kept.order_id for kept in await rows.book.of_account(ACCOUNT)] == ids[::-1]


async def test_progress_and_requests_are_noted_beside_the_order(rows):
    async with rows.transaction() as transaction:
        await rows.book.save(transaction, order(parked=False, requested_at=None, progressed_at=None))
        await rows.book.progressed(transaction, ORDER_ID, NOW, parked=True)
        await rows.book.requested(transaction, ORDER_ID, LATER)
        await rows.book.progressed(transaction, "801000000000009AAA", NOW, parked=True)
    kept = await rows.book.read(ORDER_ID)
    assert (kept.parked, kept.progressed_at, kept.requested_at) == (True, NOW, LATER)


@pytest.mark.parametrize(
    ("facts", "looked_at"),
    [
        ({"requested_at": None, "progressed_at": None}, True),
        ({"requested_at": NOW - timedelta(hours=1), "progressed_at": None}, True),
        ({"requested_at": LATER, "progressed_at": None}, False),
        ({"requested_at": None, "progressed_at": NOW}, False),
        ({"requested_at": LATER, "progressed_at": NOW, "activation": "failed"}, True),
    ],
)
async def test_the_sweeper_looks_at_what_does_not_move(rows, facts, looked_at):
    async with rows.transaction() as transaction:
        await rows.book.save(transaction, order(**facts))
    found = await rows.book.unprogressed([ORDER_ID, "801000000000009AAA"], NOW)
    assert set(found) == {"801000000000009AAA"} | ({ORDER_ID} if looked_at else set())


async def test_entries_are_numbered_for_each_order_without_a_gap(rows):
    async def add(order_id):
        async with rows.transaction() as transaction:
            return await rows.book.append(transaction, order_id, placed(NOW))

    numbers = await asyncio.gather(*(add(ORDER_ID) for _ in range(10)), add("801000000000002AAA"))
    assert sorted(numbers[:10]) == list(range(1, 11))
    assert numbers[10] == 1
    entries, last = await rows.book.entries(ORDER_ID, 7)
    assert ([entry.sequence for entry in entries], last) == ([8, 9, 10], 10)
    assert await rows.book.entries(ORDER_ID, 10) == ([], 10)
    assert entries[0].at == NOW


async def test_an_account_is_complete_once_it_was_noted(rows):
    assert not await rows.book.is_complete(ACCOUNT)
    for _ in range(2):
        async with rows.transaction() as transaction:
            await rows.book.set_complete(transaction, ACCOUNT)
    assert await rows.book.is_complete(ACCOUNT)


async def begin(rows, transaction, checkout_id, *, key="key", account=ACCOUNT, now=NOW):
    mine = StoredCheckout(checkout_id, "fingerprint")
    return await rows.checkouts.begin(
        transaction, mine, account_id=account, key=key, now=now, expires_at=now + timedelta(minutes=10)
    )


async def begun(rows, checkout_id, **facts):
    async with rows.transaction() as transaction:
        return (await begin(rows, transaction, checkout_id, **facts)).checkout_id


async def settle(rows, checkout_id, *, was_placed):
    async with rows.transaction() as transaction:
        await rows.checkouts.settled(transaction, checkout_id, placed=was_placed)


async def test_a_key_belongs_to_one_checkout_of_one_account(rows):
    assert await begun(rows, "one") == "one"
    assert await begun(rows, "two") == "one"
    assert await begun(rows, "three", account="001000000000002AAA") == "three"
    assert (await rows.checkouts.find(ACCOUNT, "key", NOW)).checkout_id == "one"
    assert await rows.checkouts.owner("one") == ACCOUNT
    assert await rows.checkouts.owner("nobody") is None


async def test_the_key_of_a_failed_checkout_is_free(rows):
    await begun(rows, "one")
    await settle(rows, "one", was_placed=False)
    assert await rows.checkouts.find(ACCOUNT, "key", NOW) is None
    assert await begun(rows, "two") == "two"
    assert await rows.checkouts.owner("one") == ACCOUNT


async def test_the_key_of_a_placed_checkout_is_free_when_its_time_is_over(rows):
    await begun(rows, "one")
    after = LATER + timedelta(seconds=1)
    assert (await rows.checkouts.find(ACCOUNT, "key", after)).checkout_id == "one", "it still works"
    await settle(rows, "one", was_placed=True)
    assert (await rows.checkouts.find(ACCOUNT, "key", NOW)).checkout_id == "one"
    assert await rows.checkouts.find(ACCOUNT, "key", after) is None
    assert await begun(rows, "two", now=after) == "two"


async def test_many_at_once_get_one_key_and_one_internet_line(postgres_rows):
    async def one(number):
        async with postgres_rows.transaction() as transaction:
            taken = await begin(postgres_rows, transaction, f"checkout-{number}")
            claimed = await postgres_rows.checkouts.claim_internet(transaction, ACCOUNT, f"checkout-{number}")
            return taken.checkout_id, claimed

    outcomes = await asyncio.gather(*(one(number) for number in range(20)))
    assert len({checkout_id for checkout_id, _ in outcomes}) == 1
    assert [claimed for _, claimed in outcomes].count(True) == 1


async def claim(rows, checkout_id):
    async with rows.transaction() as transaction:
        return await rows.checkouts.claim_internet(transaction, ACCOUNT, checkout_id)


async def test_a_claim_is_given_back_by_checkout_or_by_order(rows):
    """C14."""
    assert await claim(rows, "one")
    assert not await claim(rows, "two")
    async with rows.transaction() as transaction:
        await rows.checkouts.release_claim(transaction, checkout_id="another")
        await rows.checkouts.release_claim(transaction, order_id=ORDER_ID)
    assert not await claim(rows, "two")
    async with rows.transaction() as transaction:
        await rows.checkouts.name_claim(transaction, "one", ORDER_ID)
        await rows.checkouts.release_claim(transaction, order_id=ORDER_ID)
    assert await claim(rows, "two")
    async with rows.transaction() as transaction:
        await rows.checkouts.release_claim(transaction, checkout_id="two")
    assert await claim(rows, "three")


async def test_a_checkout_is_settled_when_it_ended_or_is_not_ours(rows):
    assert await rows.checkouts.is_settled("nobody")
    await begun(rows, "one")
    assert not await rows.checkouts.is_settled("one")
    await settle(rows, "one", was_placed=True)
    assert await rows.checkouts.is_settled("one")


async def test_an_opportunity_finds_one_order_and_an_order_one_opportunity(rows):
    """C13."""
    candidates = ["006000000000001AAA", "006000000000002AAA"]
    assert await rows.checkouts.take_opportunity("a-1", candidates) == candidates[0]
    assert await rows.checkouts.take_opportunity("a-1", candidates[1:]) == candidates[0]
    assert await rows.checkouts.take_opportunity("a-2", candidates) == candidates[1]
    assert await rows.checkouts.take_opportunity("a-3", candidates) is None


SIGNAL = ProvisionRequested(order_id=ORDER_ID, source="platform_event", request_id="event-1", occurred_at=NOW)


async def test_hints_are_taken_when_due_hidden_for_a_while_and_come_back(rows):
    async with rows.transaction() as transaction:
        await rows.hints.add(transaction, Hint(ORDER_ID, NOW, signal=SIGNAL, give_up_at=LATER))
        await rows.hints.add(transaction, Hint("802000000000001AAA", NOW, item=True))
        await rows.hints.add(transaction, Hint(ORDER_ID, LATER))
    hidden = timedelta(seconds=30)
    first, second = await rows.hints.take(NOW, 10, hidden)
    assert (first.record_id, first.signal, first.give_up_at, first.item) == (ORDER_ID, SIGNAL, LATER, False)
    assert (second.record_id, second.signal, second.item) == ("802000000000001AAA", None, True)
    assert list(await rows.hints.take(NOW, 10, hidden)) == []
    async with rows.transaction() as transaction:
        await rows.hints.drop(transaction, [second])
        await rows.hints.postpone(transaction, [first], NOW + timedelta(seconds=5))
    assert [hint.id for hint in await rows.hints.take(NOW + timedelta(seconds=5), 10, hidden)] == [first.id]
    assert len(await rows.hints.take(NOW + timedelta(seconds=40), 10, hidden)) == 1
    assert len(await rows.hints.take(LATER, 1, hidden)) == 1
