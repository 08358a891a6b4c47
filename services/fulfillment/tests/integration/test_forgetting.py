"""What fulfillment keeps of a customer after a deletion, in Postgres, and what may come late (D17)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.clocks import SystemMachineClock
from portal_chassis.forgetting import Person
from portal_chassis.process import ProcessEngine
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.sealing import Seal
from portal_chassis.testing import ManualClock
from portal_contracts.orders import ProvisionRequested
from portal_fulfillment.kept_lines import KeptChange
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.postgres_forgetting import PostgresMemory
from portal_fulfillment.postgres_line_changes import PostgresLineChanges, PostgresOwnedLines
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.store import PostgresAttempts, PostgresLines, PostgresOperations

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=30), NOW + timedelta(days=30)
ACCOUNT, OTHER = "001000000000001AAA", "001000000000002AAA"
MINE, THEIRS = "801000000000001AAA", "801000000000002AAA"
NUMBERS = {MINE: ("07000000001", "89049032000000000000000000000357"), THEIRS: ("07000000002", "8904903200000000000002")}
ME = Person(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=42, erased_at=NOW)


class Kept:
    def __init__(self, database) -> None:
        self.database, self.memory = database, PostgresMemory(database)
        self.attempts, self.operations = PostgresAttempts(database), PostgresOperations(database)
        self.lines, self.changes = PostgresLines(database, Seal(b"k" * 32)), PostgresLineChanges(database)

    async def service(self, order_id, account_id, at=BEFORE, change="c"):
        """Leave what an order for a line leaves, from its signal to a change of the line."""
        number, eid = NUMBERS[order_id]
        signal = ProvisionRequested(order_id=order_id, source="sweeper", request_id="r-1", occurred_at=at)
        async with self.database.transaction() as transaction:
            await self.attempts.open(transaction, 1, signal, at)
            await self.attempts.belongs(transaction, order_id, 1, account_id)
        await self.operations.claim("activate", order_id, 1, eid)
        await self.operations.remember(order_id, 1, {number: "active"})
        line = Line(number, LineState.ACTIVE, "active", eid=eid, iccid="8981100000000000001", activation_code="LPA:1")
        change_id = change * 32
        kept = (change_id, 5, order_id, account_id, number, "top_up", "r-2", b"print", at)
        async with self.database.transaction() as transaction:
            await self.operations.settle(transaction, "activate", order_id, 1, "confirmed")
            await self.lines.keep(transaction, order_id, line, activated_at=at)
            await self.lines.belongs(transaction, order_id, account_id)
            await self.attempts.end(transaction, order_id, 1, "activated", code=None, at=at)
            await self.changes.add(transaction, KeptChange(*kept))
            await self.changes.move(transaction, change_id, "done", code=None, at=at)
        await self.operations.claim("top_up", change_id, 1, number)
        async with self.database.transaction() as transaction:
            await self.operations.settle(transaction, "top_up", change_id, 1, "confirmed")
        process = await self.process("provisioning", order_id, "done", {"line": {"account": number}, "attempt": 1}, at)
        evidence = json.dumps({"bearer_ends": eid[-4:], "plan": "P1"})
        await self.database.execute(
            "INSERT INTO portal_process_journal "
            "(process, step, call, state, fingerprint, evidence, attempt, generation, at) "
            "VALUES ($1, 'activate_sim', 'activate', 'succeeded', 'attempt 1', $2::jsonb, 1, 1, $3)",
            process,
            evidence,
            at,
        )
        await self.process("line_change", change_id, "done", {"account_id": account_id, "line": ""}, at)

    async def process(self, kind, key, status, state, at=BEFORE):
        return await self.database.fetchval(
            "INSERT INTO portal_process (kind, key, status, step, state, started_at, updated_at) "
            "VALUES ($1, $2, $3, 'operate', $4::jsonb, $5, $5) RETURNING id",
            kind,
            key,
            status,
            json.dumps(state),
            at,
        )

    async def forget(self):
        async with self.database.transaction() as transaction:
            return await self.memory.forget(transaction, ME)

    async def everything(self):
        tables = await self.database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return str([await self.database.fetch(f"SELECT * FROM {row['tablename']}") for row in tables])


@pytest.fixture
async def kept(database):
    found = Kept(database)
    await found.service(MINE, ACCOUNT)
    await found.service(THEIRS, OTHER, change="d")
    return found


async def test_lines_and_numbers_go_the_ledger_of_attempts_stays_and_others_are_left_alone(kept):
    forgotten = await kept.forget()
    assert forgotten.removed == {
        "numbers of operations": 2,
        "lines": 1,
        "changes of lines": 1,
        "evidence": 1,
        "states": 1,
        "processes": 1,
    }
    assert forgotten.kept == {"attempts": 1}
    text = await kept.everything()
    assert not [number for number in (*NUMBERS[MINE], f"'{NUMBERS[MINE][1][-4:]}'") if number in text]
    assert all(number in text for number in NUMBERS[THEIRS])
    assert await kept.lines.holder(NUMBERS[THEIRS][0]) == THEIRS
    journal = "SELECT evidence::text FROM portal_process_journal ORDER BY id"
    assert ["bearer_ends" in row["evidence"] for row in await kept.database.fetch(journal)] == [False, True]
    again = await kept.forget()
    assert (sum(again.removed.values()), again.kept) == (0, {"attempts": 1})


async def test_what_is_exported_of_a_customer_is_theirs_alone_and_gone_after_the_deletion(kept):
    await kept.database.execute("UPDATE sim_line SET account_id = NULL")  # as before their orders are accepted
    owned = PostgresOwnedLines(kept.database)
    (line,), (change,) = await owned.of_account(ACCOUNT), await kept.changes.of_account(ACCOUNT)
    assert (line.account, line.eid, line.service_id, line.code_shown_at) == (*NUMBERS[MINE], None, None)
    assert (change.order_id, change.state) == (MINE, "done")
    await kept.forget()
    assert [*await owned.of_account(ACCOUNT), *await kept.changes.of_account(ACCOUNT)] == []
    assert [one.account for one in await owned.of_account(OTHER)] == [NUMBERS[THEIRS][0]]


async def test_a_late_signal_opens_nothing_for_an_order_that_was_activated(kept):
    await kept.forget()
    before = await kept.everything()
    clock = ManualClock(AFTER)
    processes = ProcessEngine(PostgresProcessStore(kept.database), clock, SystemMachineClock())
    late = ProvisionRequested(order_id=MINE, source="platform_event", request_id="late-1", occurred_at=AFTER)
    kept.database.record_with(lambda *_: _nothing())
    async with kept.database.transaction() as transaction:
        await LookAtSignal(kept.attempts, processes, clock)(late, transaction, None)
    assert await kept.database.fetchval("SELECT count(*) FROM provisioning_attempt WHERE order_id = $1", MINE) == 1
    assert NUMBERS[MINE][0] not in await kept.everything()
    assert NUMBERS[MINE][0] not in before


async def _nothing() -> None:
    """Record nothing."""


async def test_a_line_of_who_signed_up_anew_stays_whenever_the_deletion_is_announced(database):
    kept = Kept(database)
    await kept.service(MINE, ACCOUNT, at=AFTER)
    forgotten = await kept.forget()
    assert (sum(forgotten.removed.values()), forgotten.kept) == (0, {})
    assert await kept.lines.holder(NUMBERS[MINE][0]) == MINE


@pytest.mark.parametrize(
    "under_way",
    [
        "UPDATE provisioning_attempt SET state = 'open', ended_at = NULL",
        "UPDATE line_change SET state = 'unclear', ended_at = NULL",
        "UPDATE portal_process SET status = 'needs_human' WHERE kind = 'provisioning'",
    ],
)
async def test_what_is_under_way_is_waited_for(kept, under_way):
    assert await kept.memory.is_at_rest(ME)
    await kept.database.execute(under_way)
    assert not await kept.memory.is_at_rest(ME)
