"""What fulfillment forgets when its time is over, in Postgres, and what proves that nothing is done twice (§5.10)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.process import ProcessEngine
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.pruning import Pruning
from portal_chassis.settings import ChassisSettings
from portal_chassis.testing import ManualClock
from portal_contracts.orders import ProvisionRequested
from portal_contracts.provisioning import ListProvisioning
from portal_fulfillment.attempt import Verdict
from portal_fulfillment.kept_lines import KeptChange
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.postgres_line_changes import PostgresLineChanges
from portal_fulfillment.postgres_records import PostgresRecords
from portal_fulfillment.postgres_retention import forget_what_is_old
from portal_fulfillment.provisioning_process import PROOF
from portal_fulfillment.provisioning_state import PROVISIONING
from portal_fulfillment.store import PostgresAttempts, PostgresOperations

NOW = datetime(2034, 6, 1, 3, 0, tzinfo=UTC)
YOUNG, OLD, ANCIENT = NOW - timedelta(days=200), NOW - timedelta(days=500), NOW - timedelta(days=8 * 366)
ACCOUNT, LINE = "001000000000001AAA", "07000000001"
ORDERS = {name: f"80100000000000{number}AAA" for number, name in enumerate(("done", "failed", "open", "young"), 1)}
TIMES = {"done": OLD, "failed": OLD, "open": OLD, "young": YOUNG}
PROCESS = """
INSERT INTO portal_process (kind, key, status, step, state, started_at, updated_at, traceparent)
VALUES ($1, $2, $3, 'record_outcome', $4::jsonb, $5, $5, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
RETURNING id
"""
CALL = """
INSERT INTO portal_process_journal (process, step, call, state, fingerprint, evidence, attempt, generation, at)
VALUES ($1, 'activate_sim', 'activate', 'succeeded', 'attempt 1', '{"bearer_ends": "0357"}', 1, 1, $2)
"""


class Kept:
    def __init__(self, database) -> None:
        self.database, self.clock = database, ManualClock(NOW)
        self.attempts, self.operations = PostgresAttempts(database), PostgresOperations(database)
        self.changes, self.records = PostgresLineChanges(database), PostgresRecords(database)
        self.store = PostgresProcessStore(database)
        self.processes = ProcessEngine(self.store, self.clock, self.clock)
        self.look = LookAtSignal(self.attempts, self.processes, self.clock)

    async def order(self, name):
        """Leave what an order leaves that ended as it is called, or has not."""
        order_id, at = ORDERS[name], TIMES[name]
        signal = ProvisionRequested(order_id=order_id, source="sweeper", request_id="r-1", occurred_at=at)
        async with self.database.transaction() as transaction:
            await self.attempts.open(transaction, 1, signal, at)
            await self.attempts.note_signal(
                transaction, signal, "sweeper:opens 1", verdict=Verdict.OPEN, number=1, seen_at=at
            )
        await self.operations.claim("activate", order_id, 1, f"eid of {name}")
        await self.operations.remember(order_id, 1, {LINE: "active"})
        ended = {"failed": "failed", "open": None}.get(name, "activated")
        async with self.database.transaction() as transaction:
            await self.operations.settle(
                transaction, "activate", order_id, 1, "failed" if ended is None else "confirmed"
            )
            if ended is not None:
                await self.attempts.end(transaction, order_id, 1, ended, code=None, at=at)
        status = {"activated": "done", "failed": "failed", None: "blocked"}[ended]
        state = {"attempt": 1, "whmcs_order_id": 77, "order": {"eid": "the person's"}, "correlation_id": "c"}
        process = await self.database.fetchval(PROCESS, PROVISIONING, order_id, status, json.dumps(state), at)
        await self.database.execute(CALL, process, at)
        await self.database.execute(
            "UPDATE sim_operation SET updated_at = clock_timestamp() - ($2::timestamptz - $3) WHERE order_id = $1",
            order_id,
            NOW,
            at,
        )

    async def change(self, letter, at, price=None, process="done"):
        change = KeptChange(letter * 32, 5, ORDERS["done"], ACCOUNT, letter, "top_up", f"r-{letter}", b"print", at)
        async with self.database.transaction() as transaction:
            await self.changes.add(transaction, change)
            await self.changes.move(transaction, change.change_id, "done", code=None, at=at)
        await self.database.execute("UPDATE line_change SET price = $2 WHERE change_id = $1", change.change_id, price)
        await self.database.fetchval(PROCESS, "line_change", change.change_id, process, "{}", at)

    async def forget(self):
        pruning = Pruning(self.database)
        forget_what_is_old(pruning, self.clock, ChassisSettings())
        for _ in range(2):  # a second round finds nothing
            await pruning.round()
        now = self.clock.now()
        for _ in range(2):
            async with self.database.transaction() as transaction:
                await self.store.reduce(
                    transaction, PROVISIONING, PROOF, ended_before=now - timedelta(days=400), now=now, limit=500
                )

    async def names(self, statement):
        ids = {order_id: name for name, order_id in ORDERS.items()}
        return sorted(ids[row["order_id"]] for row in await self.database.fetch(statement))


@pytest.fixture
async def kept(database):
    found = Kept(database)
    for name in ORDERS:
        await found.order(name)
    return found


async def test_signals_go_after_13_months_unless_their_order_waits_and_attempts_stay(kept):
    await kept.forget()
    assert await kept.names("SELECT order_id FROM provisioning_signal") == ["open", "young"]
    assert await kept.names("SELECT order_id FROM provisioning_attempt") == ["done", "failed", "open", "young"]


async def test_numbers_go_after_13_months_unless_another_attempt_may_need_them(kept):
    await kept.forget()
    with_line = "SELECT order_id FROM sim_operation WHERE line <> '' AND before <> '{}'"
    assert await kept.names(with_line) == ["failed", "open", "young"]
    assert await kept.names("SELECT order_id FROM sim_operation") == ["done", "failed", "open", "young"]


async def test_changes_of_lines_go_after_13_months_and_charged_ones_after_7_years(kept):
    await kept.change("a", OLD)
    await kept.change("b", YOUNG)
    await kept.change("c", OLD, price=1100)
    await kept.change("d", ANCIENT, price=1100)
    await kept.change("e", ANCIENT, price=1100, process="blocked")  # its charge is not settled yet
    await kept.forget()
    left = await kept.database.fetch("SELECT line FROM line_change ORDER BY line")
    assert [row["line"] for row in left] == ["b", "c", "e"]


async def test_a_reduced_order_is_listed_and_shown_and_its_late_signals_are_absorbed(kept):
    await kept.forget()
    page = await kept.records.page(ListProvisioning(), None)
    assert {one.order_id: one.status for one in page.processes}[ORDERS["done"]] == "done"
    file = await kept.records.file(ORDERS["done"])
    assert (file.facts, file.journal, file.trace_id) == ({"whmcs_order_id": 77}, [], None)
    whole = await kept.records.file(ORDERS["young"])
    assert (len(whole.journal), whole.trace_id is None) == (1, False)
    kept.database.record_with(lambda *_: _nothing())
    for source in ("platform_event", "signed_call", "change_event", "sweeper", "operator"):
        signal = ProvisionRequested(order_id=ORDERS["done"], source=source, request_id="r-1", occurred_at=NOW)
        async with kept.database.transaction() as transaction:
            assert await kept.look(signal, transaction) is Verdict.ABSORB
    assert (await kept.processes.read(PROVISIONING, ORDERS["done"])).status == "done"


async def _nothing() -> None:
    """Record nothing."""
