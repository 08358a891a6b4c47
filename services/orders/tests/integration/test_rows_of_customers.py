"""The tables of eligibility and of carts from before signing up: one suite for the fakes and for Postgres."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from portal_chassis.memory import InMemoryDatabase
from portal_contracts.orders_of_customers import KeptCartLine
from portal_orders.eligibility import KeptEligibility
from portal_orders.eligibility_in_memory import InMemoryEligibility, InMemoryKeptCarts
from portal_orders.eligibility_store import PostgresEligibility
from portal_orders.kept_cart_store import PostgresKeptCarts
from portal_orders.testing import ACCOUNT

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=2)
LINES = [KeptCartLine(reference="line-1", sku="VPN-US", options={"region": "us"})]
ROW = KeptEligibility(
    ACCOUNT,
    "eligible",
    read_at=NOW,
    changed_at=NOW,
    types=("Home 1G",),
    requested_at=NOW,
    speed="express",
    due_by=LATER,
    address_mark="0" * 64,
)


@pytest.fixture(params=["memory", "postgres"])
def customers(request):
    if request.param == "memory":
        database = InMemoryDatabase()
        return SimpleNamespace(
            transaction=database.transaction, eligibility=InMemoryEligibility(), carts=InMemoryKeptCarts()
        )
    rows = request.getfixturevalue("postgres_rows")
    return SimpleNamespace(
        transaction=rows.transaction,
        eligibility=PostgresEligibility(rows.database),
        carts=PostgresKeptCarts(rows.database),
    )


async def test_eligibility_is_kept_and_replaced(customers):
    async with customers.transaction() as transaction:
        assert await customers.eligibility.lock(transaction, ACCOUNT) is None
        await customers.eligibility.save(transaction, ROW)
    assert await customers.eligibility.read(ACCOUNT) == ROW
    async with customers.transaction() as transaction:
        held = await customers.eligibility.lock(transaction, ACCOUNT)
        await customers.eligibility.save(transaction, replace(held, disputed=True))
    assert (await customers.eligibility.read(ACCOUNT)).disputed


async def test_two_who_make_the_same_row_wait_for_one_another(postgres_rows):
    book = PostgresEligibility(postgres_rows.database)
    found = []

    async def ask():
        async with postgres_rows.transaction() as transaction:
            found.append(await book.lock(transaction, ACCOUNT))
            await asyncio.sleep(0.05)
            await book.save(transaction, ROW)

    await asyncio.gather(ask(), ask())
    assert found == [None, ROW]


async def test_a_cart_is_one_customers_for_ever_and_forgotten_in_time(customers):
    carts = customers.carts
    async with customers.transaction() as transaction:
        assert await carts.keep(transaction, "cart-example-0001", LINES, SOON)
        assert await carts.keep(transaction, "cart-example-0001", LINES * 2, LATER)
        await carts.give(transaction, "no-such-cart", ACCOUNT, NOW, user_id="user-1")
        await carts.give(transaction, "cart-example-0001", ACCOUNT, NOW, user_id="user-1")
        await carts.give(transaction, "cart-example-0001", "001000000000009AAA", NOW, user_id="user-9")
        assert not await carts.keep(transaction, "cart-example-0001", LINES, LATER)
    kept = await carts.of_account(ACCOUNT, NOW)
    assert (list(kept.lines), kept.kept_until) == (LINES * 2, LATER)
    assert await carts.of_account(ACCOUNT, LATER) is None
    async with customers.transaction() as transaction:
        await carts.prune(transaction, LATER)
    assert await carts.of_account(ACCOUNT, NOW) is None


async def test_carts_are_spent_together(customers):
    async with customers.transaction() as transaction:
        await customers.carts.keep(transaction, "cart-example-0002", LINES, SOON)
        await customers.carts.give(transaction, "cart-example-0002", ACCOUNT, NOW, user_id="user-1")
        await customers.carts.spend(transaction, ACCOUNT)
    assert await customers.carts.of_account(ACCOUNT, NOW) is None
