"""The tables behind their ports: one suite for the fakes and for Postgres."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal_contracts.catalog import LocalizedText
from portal_contracts.orders import ProvisionRequested
from portal_orders.order import KeptItem, KeptOrder, KeptProgress
from portal_orders.ports import Hint, StoredCheckout
from portal_orders.testing import ACCOUNT, EID, HOME
from portal_orders.timeline import placed

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
ORDER_ID = "801000000000001AAA"


def said(stage, at=LATER, attempt=1, **facts):
    return KeptProgress(attempt=attempt, stage=stage, at=at, **facts)


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
        progress=said("needs_human"),
    )
    return replace(kept, **facts)


async def test_a_rebuild_finds_every_order_there_is_a_row_of(rows):
    """C24, D14: also those whose deletion nobody told."""
    assert set(await rows.book.order_ids()) == set()
    async with rows.transaction() as transaction:
        for number, state in enumerate(("pending_review", "completed", "cancelled")):
            one = order(number, order_id=f"80100000000000{number}AAA", state=state, gone=state == "cancelled")
            await rows.book.save(transaction, one)
    assert len(await rows.book.order_ids()) == 3


async def test_an_order_comes_back_as_it_was_saved(rows):
    assert await rows.book.read(ORDER_ID) is None
    async with rows.transaction() as transaction:
        assert await rows.book.lock(transaction, ORDER_ID) is None
        await rows.book.save(transaction, order())
        assert await rows.book.lock(transaction, ORDER_ID) == order()
    assert await rows.book.read(ORDER_ID) == order()


async def test_an_order_saved_before_there_was_progress_to_keep_is_still_read(postgres_rows):
    """Rows of the first version have none of the newer facts."""
    async with postgres_rows.transaction() as transaction:
        await postgres_rows.book.save(transaction, order())
        newer = ["porting", "gone", "error_text", "error_at"]
        await transaction.execute("UPDATE customer_order SET progress = NULL, facts = facts - $1::text[]", newer)
    assert await postgres_rows.book.read(ORDER_ID) == order(progress=None)


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


async def test_pages_of_an_accounts_orders_follow_one_another_and_leave_drafts_out(rows):
    placed = [NOW, NOW, NOW, NOW + timedelta(microseconds=1), NOW + timedelta(minutes=1)]
    async with rows.transaction() as transaction:
        for number, at in enumerate(placed):
            order_id = f"80100000000000{number}AAA"
            await rows.book.save(
                transaction, order(number, order_id=order_id, order_number=f"0000{number}", placed_at=at)
            )
        await rows.book.save(transaction, order(7, order_id="801000000000007AAA", state="draft", placed_at=NOW))
        await rows.book.save(transaction, order(9, order_id="801000000000009AAA", account_id="001000000000002AAA"))
    found, after = [], None
    while page := await rows.book.page(ACCOUNT, after, 2):
        found.append([kept.order_number for kept in page])
        after = (page[-1].placed_at, page[-1].order_number)
    assert found == [["00004", "00003"], ["00002", "00001"], ["00000"]]


async def test_progress_and_requests_are_noted_beside_the_order(rows):
    heard = said("needs_human", code="SIM_UNCLEAR", facts={"days": 1}, until=LATER)
    async with rows.transaction() as transaction:
        await rows.book.save(transaction, order(parked=False, requested_at=None, progressed_at=None, progress=None))
        await rows.book.progressed(transaction, ORDER_ID, heard)
        await rows.book.requested(transaction, ORDER_ID, LATER)
        await rows.book.progressed(transaction, "801000000000009AAA", heard)
    kept = await rows.book.read(ORDER_ID)
    assert (kept.parked, kept.progressed_at, kept.requested_at) == (True, LATER, LATER)
    assert kept.progress == heard


async def test_what_was_overtaken_on_the_way_changes_nothing_but_that_the_line_is_live(rows):
    async with rows.transaction() as transaction:
        await rows.book.save(transaction, order(progress=None))
        await rows.book.progressed(transaction, ORDER_ID, said("blocked", attempt=2))
        await rows.book.progressed(transaction, ORDER_ID, said("sim_active", at=NOW, attempt=2))
        await rows.book.progressed(transaction, ORDER_ID, said("failed", attempt=1))
    kept = await rows.book.read(ORDER_ID)
    assert (kept.progress.stage, kept.progress.past_pivot, kept.progressed_at) == ("blocked", True, LATER)


LONG_AGO = NOW - timedelta(hours=2)


@pytest.mark.parametrize(
    ("facts", "looked_at"),
    [
        ({"requested_at": None, "progressed_at": None}, True),
        ({"requested_at": NOW - timedelta(minutes=20), "progressed_at": None}, True),
        ({"requested_at": LATER, "progressed_at": None}, False),
        ({"requested_at": None, "progressed_at": NOW}, False),
        ({"requested_at": LONG_AGO, "progressed_at": LONG_AGO}, True),
        ({"requested_at": NOW, "progressed_at": LONG_AGO}, False),
        ({"requested_at": LONG_AGO, "progressed_at": NOW, "progress": said("withdrawn")}, True),
        ({"requested_at": NOW, "progressed_at": NOW, "progress": said("withdrawn")}, False),
        ({"requested_at": LATER, "progressed_at": NOW, "activation": "failed", "progress": None}, True),
        ({"requested_at": LATER, "progressed_at": NOW, "activation": "failed", "progress": said("failed")}, True),
        ({"requested_at": LATER, "progressed_at": NOW, "activation": "failed", "progress": said("blocked")}, False),
        ({"requested_at": None, "progressed_at": LONG_AGO, "activation": "failed", "progress": said("blocked")}, True),
    ],
)
async def test_the_sweeper_looks_at_what_does_not_move(rows, facts, looked_at):
    async with rows.transaction() as transaction:
        await rows.book.save(transaction, order(**facts))
    both = [ORDER_ID, "801000000000009AAA"]
    an_hour_ago = NOW - timedelta(hours=1)
    found = await rows.book.unprogressed(both, asked_before=NOW, silent_before=an_hour_ago)
    assert set(found) == {"801000000000009AAA"} | ({ORDER_ID} if looked_at else set())


async def test_orders_pending_review_are_counted_with_the_oldest(rows):
    assert await rows.book.reviewing() == (0, None)
    async with rows.transaction() as transaction:
        await rows.book.save(transaction, order())
        for number, order_id in enumerate(("801000000000002AAA", "801000000000003AAA")):
            facts = {"state": "pending_review", "placed_at": NOW + timedelta(minutes=number)}
            await rows.book.save(transaction, order(number, order_id=order_id, **facts))
    assert await rows.book.reviewing() == (2, NOW)


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
