"""Signed calls, commands, staff's notes and differences behind their ports: one suite for the fakes and Postgres."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from portal_contracts.orders import ProvisionRequested, TimelineEntry
from portal_contracts.problems import Refused
from portal_contracts.provisioning_requests import RecheckOrder
from portal_orders.comparison_ports import Difference
from portal_orders.ports import Hint, StaffNote, StoredCall
from portal_orders.testing import ACCOUNT
from portal_orders.timeline import placed

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
ORDER_ID = "801000000000001AAA"
NONCE = "0" * 32


async def take(rows, nonce=NONCE):
    async with rows.transaction() as transaction:
        return await rows.signed_calls.take_nonce(transaction, nonce)


async def test_a_nonce_is_taken_once(rows):
    """R141."""
    assert await take(rows)
    assert not await take(rows)
    assert await take(rows, "1" * 32)


async def test_a_nonce_of_a_transaction_that_failed_is_free(rows):
    with suppress(ZeroDivisionError):
        async with rows.transaction() as transaction:
            await rows.signed_calls.take_nonce(transaction, NONCE)
            await rows.signed_calls.keep(transaction, "call-0001", StoredCall("fingerprint"))
            raise ZeroDivisionError
    assert await take(rows)
    async with rows.transaction() as transaction:
        assert await rows.signed_calls.find(transaction, "call-0001") is None


async def test_of_fifty_at_once_with_one_nonce_one_passes(postgres_rows):
    assert (await asyncio.gather(*(take(postgres_rows) for _ in range(50)))).count(True) == 1


async def test_a_key_is_answered_once_and_found_again(rows):
    """R142."""
    async with rows.transaction() as transaction:
        assert await rows.signed_calls.enter(transaction, "call-0001")
        assert await rows.signed_calls.find(transaction, "call-0001") is None
        await rows.signed_calls.keep(transaction, "call-0001", StoredCall("fingerprint"))
    async with rows.transaction() as transaction:
        assert await rows.signed_calls.enter(transaction, "call-0001")
        assert await rows.signed_calls.find(transaction, "call-0001") == StoredCall("fingerprint")


async def test_a_key_that_somebody_is_working_on_cannot_be_entered(postgres_rows):
    calls = postgres_rows.signed_calls
    async with postgres_rows.transaction() as first, postgres_rows.transaction() as second:
        assert await calls.enter(first, "call-0001")
        assert not await calls.enter(second, "call-0001")
        assert await calls.enter(second, "call-0002")


async def test_old_nonces_and_calls_are_forgotten_by_the_databases_own_clock(postgres_rows):
    """Nonces live 15 minutes: longer than a call can be valid, early and late."""
    await take(postgres_rows, "1" * 32)
    await take(postgres_rows, "2" * 32)
    async with postgres_rows.transaction() as transaction:
        await postgres_rows.signed_calls.keep(transaction, "call-0001", StoredCall("fingerprint"))
        for table, column, age in (
            ("signed_call_nonce", "taken_at", "15 minutes 1 second"),
            ("signed_call", "answered_at", "30 days 1 second"),
        ):
            await transaction.execute(
                f"UPDATE {table} SET {column} = clock_timestamp() - interval '{age}' "
                + ("WHERE nonce LIKE '1%'" if table == "signed_call_nonce" else "")
            )
        await postgres_rows.signed_calls.prune(transaction)
        assert await postgres_rows.signed_calls.find(transaction, "call-0001") is None
    assert await take(postgres_rows, "1" * 32)
    assert not await take(postgres_rows, "2" * 32)


async def test_a_command_is_carried_out_once_for_its_customer(rows):
    command = RecheckOrder(request_id="request-0001", order_id=ORDER_ID)
    async with rows.transaction() as transaction:
        assert not await rows.commands.answered(transaction, command, ACCOUNT)
        await rows.commands.remember(transaction, command, ACCOUNT)
    other = command.model_copy(update={"order_id": "801000000000002AAA"})
    async with rows.transaction() as transaction:
        assert await rows.commands.answered(transaction, command, ACCOUNT)
        assert not await rows.commands.answered(transaction, other, "001000000000009AAA")
        with pytest.raises(Refused) as caught:
            await rows.commands.answered(transaction, other, ACCOUNT)
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"


async def test_a_hint_keeps_its_trace_and_what_it_may_start(rows):
    signal = ProvisionRequested(order_id=ORDER_ID, source="customer", request_id="request-0001", occurred_at=NOW)
    hint = Hint(ORDER_ID, NOW, signal=signal, only_wakes=True, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    async with rows.transaction() as transaction:
        await rows.hints.add(transaction, hint)
        await rows.hints.add(transaction, Hint(ORDER_ID, NOW))
    first, second = await rows.hints.take(NOW, 10, timedelta(seconds=30))
    assert (first.signal, first.only_wakes, first.traceparent) == (signal, True, hint.traceparent)
    assert (second.only_wakes, second.traceparent) == (False, None)


async def test_staff_read_an_entry_with_its_note_and_customers_without(rows):
    note = StaffNote(
        code="PORTING_TOO_SHORT",
        facts={"days": 1, "needed": 2},
        source="operator",
        request_id="request-0001",
        requested_by="operator@staff.example",
        correlation_id="approval-0001",
        trace_id="a" * 32,
    )
    entry = placed(NOW)
    async with rows.transaction() as transaction:
        await rows.book.append(
            transaction, ORDER_ID, type(entry)(entry.kind, NOW, entry.text, "staff", entry.who_acts, note)
        )
    shown = (await rows.book.staff_entries(ORDER_ID))[0]
    assert (shown.sequence, shown.kind, shown.facts, shown.trace_id) == (1, "order.placed", note.facts, "a" * 32)
    assert (
        shown.staff_text
        == "PORTING_TOO_SHORT: The MNP reservation has 1 days left on the day of activation, 2 are needed (D09)."
    )
    entries, _ = await rows.book.entries(ORDER_ID, 0)
    assert type(entries[0]) is TimelineEntry


async def test_entries_from_before_staffs_part_was_kept_stay_readable(postgres_rows):
    async with postgres_rows.transaction() as transaction:
        await postgres_rows.book.append(transaction, ORDER_ID, placed(NOW))
        await transaction.execute(
            "UPDATE order_timeline SET staff = NULL, entry = entry #- '{whoActs,until}' WHERE order_id = $1", ORDER_ID
        )
    shown = (await postgres_rows.book.staff_entries(ORDER_ID))[0]
    assert (shown.kind, shown.code, shown.source, shown.requested_by) == ("order.placed", None, None, "")
    assert (await postgres_rows.book.entries(ORDER_ID, 0))[0][0].who_acts.until is None


def difference(subject=ORDER_ID, **facts):
    return Difference(
        **{
            "kind": "price_mismatch",
            "subject": subject,
            "repair": "Decide which price holds.",
            "order_id": ORDER_ID,
            "account_id": ACCOUNT,
            "whmcs_client_id": 42,
            "whmcs_service_id": 8,
            "facts": {"ordered": 2500, "billed": 2499},
            **facts,
        }
    )


async def see(rows, at, *found):
    async with rows.transaction() as transaction:
        await rows.differences.see(transaction, found, at)


async def test_a_difference_is_kept_from_first_to_last_sight(rows):
    """D14: its id stays for as long as it does."""
    await see(rows, NOW, difference())
    await see(rows, LATER, difference(facts={"ordered": 2500, "billed": 1}, repairable=True))
    drift = (await rows.differences.open(None))[0]
    assert (drift.id, drift.first_seen_at, drift.last_seen_at) == (f"price_mismatch:{ORDER_ID}", NOW, LATER)
    assert (drift.facts, drift.repairable) == ({"ordered": 2500, "billed": 1}, True)
    assert await rows.differences.find(drift.id) == drift
    assert await rows.differences.find("price_mismatch:another") is None


async def test_what_a_whole_comparison_did_not_see_is_closed_and_may_open_again(rows):
    await see(rows, NOW, difference(), difference("another"), difference(kind="status_mismatch"))
    await see(rows, LATER, difference("another"))
    assert await rows.differences.totals() == {"price_mismatch": 2, "status_mismatch": 1}
    async with rows.transaction() as transaction:
        await rows.differences.close_unseen(transaction, LATER, LATER)
    assert [drift.id for drift in await rows.differences.open(None)] == ["price_mismatch:another"]
    after = LATER + timedelta(days=1)
    await see(rows, after, difference())
    assert [drift.first_seen_at for drift in await rows.differences.open("price_mismatch")] == [NOW, after]
    async with rows.transaction() as transaction:
        await rows.differences.close(transaction, f"price_mismatch:{ORDER_ID}", after)
    assert await rows.differences.totals() == {"price_mismatch": 1}


async def test_accounts_are_remembered_with_the_time_they_were_compared(rows):
    for at in (NOW, LATER):
        async with rows.transaction() as transaction:
            await rows.differences.accounts_seen(transaction, [ACCOUNT], at)
    assert set(await rows.differences.seen_since([ACCOUNT, "001000000000009AAA"], LATER)) == {ACCOUNT}
    assert set(await rows.differences.seen_since([ACCOUNT], LATER + timedelta(seconds=1))) == set()
