"""What orders keeps of a customer after a deletion, in Postgres, and what may come late (D17)."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from portal_chassis.forgetting import Person
from portal_contracts.forgetting import OpenBusiness
from portal_contracts.orders_of_customers import KeptCartLine
from portal_contracts.porting import NumberPorting
from portal_orders.eligibility import KeptEligibility
from portal_orders.eligibility_store import PostgresEligibility
from portal_orders.kept_cart_store import PostgresKeptCarts
from portal_orders.ports import StoredCheckout
from portal_orders.store_forgetting import PostgresMemory
from portal_orders.testing import ACCOUNT, EID, HOME
from portal_orders.timeline import placed

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=30), NOW + timedelta(days=30)
OTHER = "001000000000009AAA"
ME = Person(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42, erased_at=NOW)
NUMBER = "07000000001"
PERSONAL = (HOME.street, EID, NUMBER, "ヤマダ", "a word about me")


@pytest.fixture
def order(kept_order):
    """Make an order with everything in it that is about a person."""
    personal = {
        "error_text": "a word about me",
        "eid": EID,
        "porting": NumberPorting(
            phone_number=NUMBER,
            reservation_number="1234567890",
            reservation_expires_on=NOW.date(),
            family_name="山田",
            given_name="花子",
            family_name_kana="ヤマダ",
            given_name_kana="ハナコ",
            gender="female",
            born_on=date(1990, 1, 1),
        ),
        "address": HOME,
        "whmcs_order_id": 77,
    }
    return lambda order_id, placed_at=BEFORE, **facts: kept_order(order_id, placed_at, **personal, **facts)


MINE, THEIRS, NEW = (f"80100000000000{number}AAA" for number in "123")


@pytest.fixture
async def kept(postgres_rows, order):
    rows = postgres_rows
    rows.memory, rows.carts = PostgresMemory(rows.database), PostgresKeptCarts(rows.database)
    rows.eligibility = PostgresEligibility(rows.database)
    lines = [KeptCartLine(reference="line-1", sku="VPN-US")]
    async with rows.transaction() as transaction:
        for order_id, account in ((MINE, ACCOUNT), (THEIRS, OTHER)):
            await rows.book.save(transaction, order(order_id, account_id=account))
            await rows.book.append(transaction, order_id, placed(BEFORE))
            await rows.eligibility.save(
                transaction, KeptEligibility(account, "eligible", read_at=BEFORE, changed_at=BEFORE)
            )
            cart_id = f"cart-of-{account}"
            await rows.carts.keep(transaction, cart_id, lines, BEFORE + timedelta(days=30))
            await rows.carts.give(transaction, cart_id, account, BEFORE, user_id=f"user-of-{account}")
            times = {"now": BEFORE, "expires_at": BEFORE}
            checkout = StoredCheckout(f"checkout-{account}", "print")
            await rows.checkouts.begin(transaction, checkout, account_id=account, key="key-1", **times)
            await rows.checkouts.settled(transaction, checkout.checkout_id, placed=True)
            await rows.book.set_complete(transaction, account)
        await cancellation(rows, "completed")
        for account in (ACCOUNT, OTHER):
            await process(rows, f"case-{account}", account, "done")
    return rows


async def cancellation(rows, state):
    await rows.database.execute(
        "INSERT INTO cancellation (cancellation_id, account_id, service_id, category, request, fingerprint, state, "
        "initial, requested_at, ends_on, effective_at) VALUES ($1, $2, 5, 'vpn', $1, '', $3, false, $4, $5, $4)",
        "c" * 32,
        ACCOUNT,
        state,
        BEFORE,
        BEFORE.date(),
    )


async def process(rows, key, account, status):
    due = None if status == "done" else BEFORE
    state = json.dumps({"account_id": account, "description": "a word about me"})
    await rows.database.execute(
        "INSERT INTO portal_process (kind, key, status, step, state, due_at, started_at, updated_at) "
        "VALUES ('tell_staff', $1, $2, 'open', $3::jsonb, $4, $5, $5)",
        key,
        status,
        state,
        due,
        BEFORE,
    )


async def forget(rows):
    async with rows.transaction() as transaction:
        return await rows.memory.forget(transaction, ME)


async def written_about(rows, account_id):
    """Give the text of every row that names an account or an order of it."""
    tables = await rows.database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = []
    for table in tables:
        name = table["tablename"]
        texts = await rows.database.fetch(f"SELECT row_to_json(t)::text AS text FROM {name} t")
        found += [f"{name} {row['text']}" for row in texts if account_id in row["text"]]
    return found


async def test_the_person_is_gone_the_order_stays_as_proof_and_others_are_left_alone(kept, order):
    before = await written_about(kept, OTHER)
    forgotten = await forget(kept)
    removed = {what: number for what, number in forgotten.removed.items() if number}
    assert removed == {
        "orders without the person": 1,
        "timeline entries": 1,
        "carts": 1,
        "checkouts": 1,
        "eligibility results": 1,
        "cancellations": 1,
        "processes": 1,
    }
    assert forgotten.kept == {"orders": 1}
    mine = await written_about(kept, ACCOUNT)
    assert [row.split(" ")[0] for row in sorted(mine)] == ["customer_order", "forgotten_customer"]
    assert not [word for word in PERSONAL if word in str(mine)]
    held = await kept.book.read(MINE)
    assert (held.whmcs_order_id, held.items, held.finished or held.state) == (77, order(MINE).items, "completed")
    assert await written_about(kept, OTHER) == before
    assert (await kept.book.entries(MINE, 0))[0] == []
    assert len((await kept.book.entries(THEIRS, 0))[0]) == 1


async def test_a_repeat_finds_nothing_left(kept):
    await forget(kept)
    again = await forget(kept)
    assert (sum(again.removed.values()), again.kept) == (0, {"orders": 1})


async def test_what_comes_late_brings_nothing_back(kept, order):
    await forget(kept)
    old, cart = f"80100000000000{4}AAA", "cart-example-0009"
    async with kept.transaction() as transaction:
        await kept.book.save(transaction, replace(order(MINE), changed_at=AFTER))  # staff touched it in Salesforce
        await kept.book.append(transaction, MINE, placed(AFTER))  # a late word of fulfillment's
        await kept.book.save(transaction, order(old, placed_at=BEFORE))  # an order from before the portal, read late
        await kept.carts.keep(transaction, cart, [KeptCartLine(reference="line-1", sku="VPN-US")], AFTER)
        await kept.carts.give(transaction, cart, ACCOUNT, NOW, user_id="user-1")  # the sign-up's own event
    for order_id in (MINE, old):
        held = await kept.book.read(order_id)
        assert (held.address, held.eid, held.porting, held.error_text) == (None, None, None, None)
    assert (await kept.book.entries(MINE, 0))[0] == []
    assert await kept.carts.of_account(ACCOUNT, NOW) is None


async def test_who_signs_up_anew_on_the_account_is_kept_even_when_the_deletion_is_announced_again(kept, order):
    await forget(kept)
    async with kept.transaction() as transaction:
        await kept.book.save(transaction, order(NEW, placed_at=AFTER))
        await kept.book.append(transaction, NEW, placed(AFTER))
        cart = "cart-example-0010"
        await kept.carts.keep(transaction, cart, [], AFTER + timedelta(days=30))
        await kept.carts.give(transaction, cart, ACCOUNT, AFTER, user_id="user-2")
    await forget(kept)
    assert (await kept.book.read(NEW)).address == HOME
    assert len((await kept.book.entries(NEW, 0))[0]) == 1
    assert await kept.carts.of_account(ACCOUNT, AFTER) is not None


async def test_orders_checkouts_and_cancellations_under_way_are_told_and_waited_for(kept, order):
    assert await kept.memory.open_business(ACCOUNT) == OpenBusiness()
    assert await kept.memory.is_at_rest(ME)
    async with kept.transaction() as transaction:
        await kept.book.save(transaction, order(NEW, state="pending_review"))
        working, times = StoredCheckout("checkout-9", "print"), {"now": BEFORE, "expires_at": BEFORE}
        await kept.checkouts.begin(transaction, working, account_id=ACCOUNT, key="key-9", **times)
    await kept.database.execute("UPDATE cancellation SET state = 'ending'")
    assert await kept.memory.open_business(ACCOUNT) == OpenBusiness(orders=2, cancellations=1)
    assert await kept.memory.open_business(OTHER) == OpenBusiness()
    assert not await kept.memory.is_at_rest(ME)


async def test_a_case_that_is_not_with_staff_yet_is_waited_for(kept):
    await process(kept, "case-open", ACCOUNT, "waiting")
    assert not await kept.memory.is_at_rest(ME)
    await kept.database.execute("UPDATE portal_process SET status = 'done', due_at = NULL WHERE key = 'case-open'")
    assert await kept.memory.is_at_rest(ME)
