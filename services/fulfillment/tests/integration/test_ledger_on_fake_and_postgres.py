"""One suite for the ledger, for what operators read of it, and for kept eSIM codes: on fakes and on Postgres."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.sealing import Seal
from portal_chassis.testing import ManualClock, engine
from portal_contracts.orders import ProvisionRequested
from portal_contracts.provisioning import ListProvisioning
from portal_fulfillment.attempt import Verdict
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.main import Ends, provisioning
from portal_fulfillment.postgres_esim_codes import PostgresEsimCodes
from portal_fulfillment.postgres_records import PostgresRecords
from portal_fulfillment.provisioning_state import PROVISIONING
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.sim_plans import SimPlans
from portal_fulfillment.sim_steps import SimPatience
from portal_fulfillment.store import PostgresAttempts, PostgresLines, PostgresOperations
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines, InMemoryOperations
from portal_fulfillment.testing_neighbours import FakeBilling, FakeOrders
from portal_fulfillment.testing_operator import FakeSims
from portal_fulfillment.testing_records import InMemoryEsimCodes, InMemoryRecords

ORDER, OTHER, THIRD = "801000000000001AAA", "801000000000002AAA", "801000000000003AAA"
ACCOUNT, STRANGER = "001000000000001AAA", "001000000000002AAA"
NUMBER, CODE = "07000000001", "LPA:1$smdp.example.jp$EXAMPLE"
NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)


class Ledger:
    """The service's own side on one kind of store, with its neighbours as fakes."""

    def __init__(self, database):
        self.clock = ManualClock(NOW)
        self.orders, self.billing = FakeOrders(), FakeBilling(self.clock)
        self.billing.prices = {202: 2970, 101: 2970}
        if database is None:
            self.processes = InMemoryProcessStore(self.clock)
            self.transaction = self.processes.database.transaction
            self.attempts, self.operations, self.lines = InMemoryAttempts(), InMemoryOperations(), InMemoryLines()
            self.codes = InMemoryEsimCodes(self.lines, self.attempts)
            self.records = InMemoryRecords(self.attempts, self.view, self.journal)
        else:
            seal = Seal(bytes(32))
            self.processes = PostgresProcessStore(database)
            self.transaction = database.transaction
            self.attempts, self.operations = PostgresAttempts(database), PostgresOperations(database)
            self.lines, self.codes = PostgresLines(database, seal), PostgresEsimCodes(database, seal)
            self.records = PostgresRecords(database)
        ends = Ends(self.orders, self.billing, FakeSims(self.clock), self.attempts, self.operations, self.lines)
        definition = provisioning(ends, SimPlans(), SimPatience(), timedelta(minutes=15))
        self.recorded = []
        if database is not None:
            database.record_with(self._keep)
        self.engine = engine(definition, clock=self.clock, store=self.processes)
        self.look = LookAtSignal(self.attempts, self.engine, self.clock)

    async def _keep(self, _transaction, event, _soon):
        self.recorded.append(event)

    async def view(self, order_id):
        return await self.processes.read(PROVISIONING, order_id)

    async def journal(self, order_id):
        row = self.processes._rows.get((PROVISIONING, order_id))
        return [] if row is None else list(row.journal)

    async def signal(self, order_id=ORDER, source="platform_event", request_id="one", **more):
        event = ProvisionRequested(
            order_id=order_id, source=source, request_id=request_id, occurred_at=self.clock.now(), **more
        )
        async with self.transaction() as tx:
            return await self.look(event, tx, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

    @asynccontextmanager
    async def a_kept_line(self, code=CODE):
        line = Line(NUMBER, LineState.ACTIVE, "active", eid="8" * 32, activation_code=code)
        async with self.transaction() as tx:
            await self.lines.keep(tx, ORDER, line, activated_at=NOW)
            await self.lines.belongs(tx, ORDER, ACCOUNT)
        async with self.transaction() as tx:
            yield tx


@pytest.fixture(params=["fake", "postgres"])
def ledger(request, database):
    return Ledger(None if request.param == "fake" else database)


def event(order_id=ORDER, request_id="one"):
    return ProvisionRequested(order_id=order_id, source="operator", request_id=request_id, occurred_at=NOW)


async def note(ledger, tx, order_id=ORDER, key="operator:one"):
    return await ledger.attempts.note_signal(tx, event(order_id), key, verdict=Verdict.OPEN, number=1, seen_at=NOW)


async def test_a_signal_is_new_once_for_each_order_and_forgotten_with_its_transaction(ledger):
    async def look_and_fail():
        async with ledger.transaction() as tx:
            assert await note(ledger, tx)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await look_and_fail()
    async with ledger.transaction() as tx:
        assert await note(ledger, tx)
        assert not await note(ledger, tx)
        assert await note(ledger, tx, OTHER)


async def test_an_attempt_waits_for_a_time_until_it_reaches_another_stage(ledger):
    start = NOW + timedelta(days=10)
    async with ledger.transaction() as tx:
        await ledger.attempts.open(tx, 1, event(), NOW)
    assert not await ledger.attempts.is_early(ORDER, 1)
    async with ledger.transaction() as tx:
        await ledger.attempts.reached(tx, ORDER, 1, "scheduled", code=None, at=NOW, scheduled_at=start)
        assert (await ledger.attempts.lock(tx, ORDER)).scheduled_at == start
        await ledger.attempts.start_early(tx, ORDER, 1)
        await ledger.attempts.reached(tx, ORDER, 1, "resumed", code=None, at=NOW)
        assert (await ledger.attempts.lock(tx, ORDER)).scheduled_at is None
    assert await ledger.attempts.is_early(ORDER, 1)


async def test_the_first_operator_who_cancels_is_kept(ledger):
    async with ledger.transaction() as tx:
        await ledger.attempts.open(tx, 1, event(), NOW)
    assert await ledger.attempts.cancelled_by(ORDER, 1) is None
    async with ledger.transaction() as tx:
        await ledger.attempts.request_cancel(tx, ORDER, 1, "first@staff.example")
        await ledger.attempts.request_cancel(tx, ORDER, 1, "second@staff.example")
    assert await ledger.attempts.cancelled_by(ORDER, 1) == "first@staff.example"


# what operators read


async def some_orders(ledger, new_order):
    """One that is active, one that waits for its customer, one that waits for its date."""
    internet = {
        "category": "internet",
        "lines": [new_order().lines[0].model_copy(update={"sku": "INT", "whmcs_product_id": 101})],
        "esim": False,
        "eid": None,
        "voice_options": [],
    }
    ledger.orders.put(new_order(**internet))
    await ledger.signal(requested_by="Sato", correlation_id="flow-7")
    await ledger.engine.run_until_idle()
    await ledger.signal(source="change_event")
    ledger.clock.advance(60)
    ledger.billing.payment_method = False
    ledger.orders.put(new_order(**internet, order_id=OTHER))
    await ledger.signal(OTHER)
    await ledger.engine.run_until_idle()
    ledger.clock.advance(60)
    start = ledger.clock.now() + timedelta(days=10)
    ledger.orders.put(new_order(**internet, order_id=THIRD, activation_type="scheduled", scheduled_at=start))
    await ledger.signal(THIRD)
    await ledger.engine.run_until_idle()
    return start


async def test_a_page_shows_how_orders_stand(ledger, new_order):
    await some_orders(ledger, new_order)
    page = await ledger.records.page(ListProvisioning(), None)
    assert [(one.order_id, one.attempt, one.status, one.code, one.owner) for one in page.processes] == [
        (ORDER, 1, "done", None, "nobody"),
        (OTHER, 1, "blocked", "PAYMENT_METHOD_MISSING", "customer"),
        (THIRD, 1, "scheduled", None, "nobody"),
    ]
    assert page.totals == {"done": 1, "blocked": 1, "scheduled": 1}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"status": "scheduled"}, [THIRD]),
        ({"code": "PAYMENT_METHOD_MISSING"}, [OTHER]),
        ({"after_order_id": ORDER}, [OTHER, THIRD]),
        ({"after_order_id": THIRD}, []),
        ({"limit": 1}, [ORDER, OTHER]),
        ({"standing_longer_than_seconds": 30}, [OTHER]),
    ],
)
async def test_a_page_can_be_narrowed_and_gone_on_from(ledger, new_order, wanted, found):
    await some_orders(ledger, new_order)
    query = ListProvisioning(**wanted)
    seconds = query.standing_longer_than_seconds
    before = None if seconds is None else ledger.clock.now() - timedelta(seconds=seconds)
    page = await ledger.records.page(query, before)
    assert [one.order_id for one in page.processes] == found


async def test_a_file_has_attempts_signals_facts_and_the_trace(ledger, new_order):
    start = await some_orders(ledger, new_order)
    file = await ledger.records.file(ORDER)
    assert file.facts == {"whmcs_order_id": 900, "whmcs_service_id": 1900}
    assert file.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert [(one.attempt, one.state, one.requested_by, one.correlation_id) for one in file.attempts] == [
        (1, "activated", "Sato", "flow-7")
    ]
    assert [(one.source, one.verdict) for one in file.signals] == [
        ("platform_event", "open"),
        ("change_event", "absorb"),
    ]
    assert (await ledger.records.file(THIRD)).scheduled_at == start
    assert await ledger.records.file("801000000000009AAA") is None


async def test_standings_count_what_has_not_ended(ledger, new_order):
    await some_orders(ledger, new_order)
    found = {(one.status, one.code): one.count for one in await ledger.records.standings()}
    assert found == {("blocked", "PAYMENT_METHOD_MISSING"): 1, ("scheduled", None): 1}


# kept codes


async def test_a_code_is_given_to_its_account_alone(ledger):
    async with ledger.a_kept_line() as tx:
        kept = await ledger.codes.lock(tx, ORDER, ACCOUNT)
        assert (kept.phone_number, kept.activation_code, kept.shown_at) == (NUMBER, CODE, None)
        assert await ledger.codes.lock(tx, ORDER, STRANGER) is None
        assert await ledger.codes.lock(tx, OTHER, ACCOUNT) is None


async def test_who_saw_a_code_is_kept_and_the_code_erased_later(ledger):
    async with ledger.a_kept_line() as tx:
        await ledger.codes.note_shown(tx, ORDER, user_id="user-1", request_id="request-1", at=NOW)
    assert await ledger.codes.erase(NOW) == 0
    assert await ledger.codes.erase(NOW + timedelta(seconds=1)) == 1
    assert await ledger.codes.erase(NOW + timedelta(seconds=1)) == 0
    async with ledger.transaction() as tx:
        kept = await ledger.codes.lock(tx, ORDER, ACCOUNT)
        assert (kept.activation_code, kept.shown_to, kept.request_id, kept.shown_at) == (
            None,
            "user-1",
            "request-1",
            NOW,
        )


async def test_a_code_nobody_saw_is_never_erased(ledger):
    async with ledger.a_kept_line():
        pass
    assert await ledger.codes.erase(NOW + timedelta(days=365)) == 0


async def test_an_order_is_its_accounts_once_it_has_been_read(ledger, new_order):
    await some_orders(ledger, new_order)
    async with ledger.transaction() as tx:
        assert await ledger.codes.orders(tx, OTHER, ACCOUNT)
        assert not await ledger.codes.orders(tx, OTHER, STRANGER)
