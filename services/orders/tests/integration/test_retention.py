"""What orders forgets when its time is over, in Postgres: events after months, contracts after years (§5.10)."""

from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.pruning import Pruning
from portal_chassis.settings import ChassisSettings
from portal_chassis.testing import ManualClock
from portal_orders.ports import StoredCheckout
from portal_orders.store_retention import forget_what_is_old
from portal_orders.testing import ACCOUNT
from portal_orders.timeline import placed

NOW = datetime(2034, 6, 1, 3, 0, tzinfo=UTC)
YOUNG, OLD, ANCIENT = NOW - timedelta(days=200), NOW - timedelta(days=500), NOW - timedelta(days=8 * 366)
OVER, OPEN = "801000000000001AAA", "801000000000002AAA"
CANCELLATION = """
INSERT INTO cancellation (cancellation_id, account_id, service_id, category, request, fingerprint, state, initial,
                          requested_at, ends_on, effective_at)
VALUES (repeat($1, 32), $2, ascii($1), 'vpn', $1, '', $3, false, $4, $5, $4)
"""
DIFFERENCE = """
INSERT INTO system_difference (id, kind, facts, repair, repairable, first_seen_at, last_seen_at, closed_at)
VALUES ($1, 'k', '{}', '', false, $2, $2, $3)
"""
CLAIM = """
INSERT INTO internet_claim (account_id, checkout_id, released_at)
VALUES ($1, $1, clock_timestamp() - make_interval(months => $2))
"""
PROCESS = """
INSERT INTO portal_process (kind, key, status, step, state, started_at, updated_at)
VALUES ('cancellation', repeat($1, 32), $2, 's', '{}', now(), now())
"""


@pytest.fixture
def forget(postgres_rows):
    pruning = Pruning(postgres_rows.database)
    forget_what_is_old(pruning, ManualClock(NOW), ChassisSettings())
    return pruning.round


async def test_the_timeline_of_an_order_that_is_over_forgets_what_is_old_and_never_counts_anew(
    postgres_rows, forget, kept_order
):
    rows = postgres_rows
    async with rows.transaction() as transaction:
        for order_id, state in ((OVER, "completed"), (OPEN, "approved")):
            await rows.book.save(transaction, kept_order(order_id, OLD, state=state))
            for at in (OLD, YOUNG):
                await rows.book.append(transaction, order_id, placed(at))
    await forget()
    assert [entry.sequence for entry in (await rows.book.entries(OVER, 0))[0]] == [2]
    assert [entry.sequence for entry in (await rows.book.entries(OPEN, 0))[0]] == [1, 2]
    async with rows.transaction() as transaction:
        assert await rows.book.append(transaction, OVER, placed(NOW)) == 3
    assert await rows.book.read(OVER) is not None


async def test_settled_checkouts_go_and_their_keys_were_free_before(postgres_rows, forget):
    rows = postgres_rows
    for name, at in (("old", OLD), ("young", YOUNG), ("working", OLD)):
        async with rows.transaction() as transaction:
            checkout = StoredCheckout(name, "print")
            await rows.checkouts.begin(transaction, checkout, account_id=ACCOUNT, key=name, now=at, expires_at=at)
            if name != "working":
                await rows.checkouts.settled(transaction, name, placed=True)
    await forget()
    assert [await rows.checkouts.owner(name) for name in ("old", "young", "working")] == [None, ACCOUNT, ACCOUNT]


async def test_closed_differences_and_released_claims_go_and_open_ones_stay(postgres_rows, forget):
    database = postgres_rows.database
    for name, closed_at in (("old", OLD), ("young", YOUNG), ("open", None)):
        await database.execute(DIFFERENCE, name, OLD, closed_at)
    for name, months in (("old", 14), ("young", 12), ("open", None)):
        await database.execute(CLAIM, name, months)
    await forget()
    assert await database.fetchval("SELECT string_agg(id, ',' ORDER BY id) FROM system_difference") == "open,young"
    claims = "SELECT string_agg(account_id, ',' ORDER BY account_id) FROM internet_claim"
    assert await database.fetchval(claims) == "open,young"


async def test_cancellations_go_seven_years_after_they_took_effect(postgres_rows, forget):
    database = postgres_rows.database
    kept = {
        "a": ("completed", ANCIENT, "done"),
        "b": ("withdrawn", ANCIENT, "done"),
        "c": ("completed", OLD, "done"),
        "d": ("requested", ANCIENT, "blocked"),
        "e": ("completed", ANCIENT, "needs_human"),
    }
    for letter, (state, at, process) in kept.items():
        await database.execute(CANCELLATION, letter, ACCOUNT, state, at, at.date())
        await database.execute(PROCESS, letter, process)
    await forget()
    left = await database.fetch("SELECT request FROM cancellation ORDER BY request")
    assert [row["request"] for row in left] == ["c", "d", "e"]
