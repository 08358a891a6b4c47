"""One suite for each port, on its fake and on what stands in its place in production."""

from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.outbound import Outbound
from portal_chassis.sealing import Seal
from portal_chassis.testing import ManualClock
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_sims import FreebitSims
from portal_fulfillment.ports import Unclear
from portal_fulfillment.sim import EsimActivation, Line, LineState, SimKind, VoiceOptions
from portal_fulfillment.store import PostgresAttempts, PostgresLines, PostgresOperations
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines, InMemoryOperations
from portal_fulfillment.testing_operator import FakeSims

ORDER, OTHER = "801000000000001AAA", "801000000000002AAA"
EID = "89049032000000000000000000000357"
NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)


def a_signal(order_id=ORDER):
    return ProvisionRequested(order_id=order_id, source="operator", request_id="one", occurred_at=NOW)


@pytest.fixture(params=["fake", "postgres"])
def stores(request, database):
    """Attempts, operations and a way to open transactions."""
    if request.param == "fake":
        return InMemoryAttempts(), InMemoryOperations(), InMemoryDatabase().transaction
    return PostgresAttempts(database), PostgresOperations(database), database.transaction


async def test_attempts_are_opened_one_at_a_time_and_follow_one_another(stores):
    attempts, _, transaction = stores
    async with transaction() as tx:
        assert await attempts.lock(tx, ORDER) is None
        await attempts.open(tx, 1, a_signal(), NOW)
    async with transaction() as tx:
        found = await attempts.lock(tx, ORDER)
        assert (found.number, found.state, found.stage, found.standing_since) == (1, "open", "started", NOW)
    with pytest.raises((LookupError, asyncpg.UniqueViolationError)):
        async with transaction() as tx:
            await attempts.open(tx, 2, a_signal(), NOW)
    later = NOW + timedelta(minutes=5)
    async with transaction() as tx:
        await attempts.reached(tx, ORDER, 1, "blocked", code="PAYMENT_METHOD_MISSING", at=later)
        await attempts.reached(tx, ORDER, 1, "blocked", code="PAYMENT_METHOD_MISSING", at=later + timedelta(1))
        assert (await attempts.lock(tx, ORDER)).standing_since == later
        await attempts.end(tx, ORDER, 1, "failed", code="SIM_IN_USE", at=later)
        await attempts.open(tx, 2, a_signal(), later)
    async with transaction() as tx:
        assert (await attempts.lock(tx, ORDER)).number == 2
        await attempts.reached(tx, ORDER, 1, "accepted", code=None, at=later)  # an ended one stays as it is
        await attempts.end(tx, ORDER, 2, "activated", code=None, at=later)
        found = await attempts.lock(tx, ORDER)
        assert (found.state, found.ended_at) == ("activated", later)
        assert await attempts.lock(tx, OTHER) is None


async def test_a_signal_is_new_once_for_each_order_and_forgotten_with_its_transaction(stores):
    attempts, _, transaction = stores

    async def look_and_fail():
        async with transaction() as tx:
            assert await attempts.is_new(tx, ORDER, "operator:one")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await look_and_fail()
    async with transaction() as tx:
        assert await attempts.is_new(tx, ORDER, "operator:one")
        assert not await attempts.is_new(tx, ORDER, "operator:one")
        assert await attempts.is_new(tx, OTHER, "operator:one")


async def test_an_early_start_is_seen(stores):
    attempts, _, transaction = stores
    async with transaction() as tx:
        await attempts.open(tx, 1, a_signal(), NOW)
    assert not await attempts.is_early(ORDER, 1)
    async with transaction() as tx:
        await attempts.start_early(tx, ORDER, 1)
    assert await attempts.is_early(ORDER, 1)


async def test_a_line_takes_one_operation_at_a_time(stores):
    _, operations, transaction = stores
    assert await operations.claim("activate", ORDER, 1, EID)
    assert await operations.claim("activate", ORDER, 1, EID)
    assert not await operations.claim("activate", OTHER, 1, EID)
    assert not await operations.claim("voice_options", OTHER, 1, EID)
    async with transaction() as tx:
        await operations.settle(tx, "activate", ORDER, 1, "unknown")
    assert not await operations.claim("activate", OTHER, 1, EID)
    async with transaction() as tx:
        await operations.settle(tx, "activate", ORDER, 1, "confirmed")
    assert not await operations.claim("activate", ORDER, 1, EID)
    assert await operations.claim("activate", OTHER, 1, EID)


async def test_what_was_there_before_a_request_is_remembered(stores):
    _, operations, _ = stores
    assert await operations.before(ORDER, 1) == {}
    await operations.claim("activate", ORDER, 1, EID)
    await operations.remember(ORDER, 1, {"07000000001": "failed"})
    assert await operations.before(ORDER, 1) == {"07000000001": "failed"}


async def test_a_kept_line_shows_its_code_only_to_who_has_the_key(database):
    """D11."""
    seal = Seal(bytes(32))
    line = Line("07000000001", LineState.ACTIVE, "active", eid=EID, activation_code="LPA:1$smdp.example.jp$EXAMPLE")
    for lines in (InMemoryLines(), PostgresLines(seal)):
        async with database.transaction() as tx:
            await lines.keep(tx, ORDER, line, activated_at=NOW)
            await lines.keep(tx, ORDER, line, activated_at=NOW)
    (row,) = await database.fetch("SELECT * FROM sim_line")
    assert b"EXAMPLE" not in row["activation_code"]
    assert seal.open(row["activation_code"], record="07000000001") == line.activation_code
    with pytest.raises(Misconfigured):
        seal.open(row["activation_code"], record="07000000002")
    with pytest.raises(Misconfigured):
        Seal(bytes(range(32))).open(row["activation_code"], record="07000000001")


class SimsOnFake:
    """The fake operator and what a test does to it."""

    def __init__(self):
        self.clock = ManualClock()
        self.port = FakeSims(self.clock)

    def pass_time(self):
        self.clock.advance(3600)

    def lose_the_next_answer(self):
        left = ["after"]
        self.port.faults = lambda call: left.pop() if call == "sims.activate" and left else None

    def be_away(self):
        self.port.faults = lambda _call: "unsent"


class SimsOnSandbox:
    """The adapter on the sandbox."""

    def __init__(self, sandbox, http):
        self._core = sandbox.core
        settings = FreebitSettings(self._core.addresses["freebit"], "SANDBOX", "sandbox-oem-key", read_timeout=5.0)
        outbound = Outbound("freebit", at_once=3, longest_wait=5.0)
        self.port = FreebitSims(Freebit(settings, http, outbound), FreebitTables())

    def pass_time(self):
        self._core.clock.advance(3600)

    def lose_the_next_answer(self):
        self._core.faults.arm({"vendor": "freebit", "call": "mvno/esim/addAcnt", "kind": "after_effect"})

    def be_away(self):
        self._core.faults.arm({"vendor": "freebit", "call": "authOem", "kind": "refused", "times": None})


@pytest.fixture(params=["fake", "sandbox"])
async def sims(request, freebit_sandbox):
    async with httpx.AsyncClient() as http:
        yield SimsOnFake() if request.param == "fake" else SimsOnSandbox(freebit_sandbox, http)


def wanted(**changes):
    return EsimActivation(**{"eid": EID, "sim_kind": SimKind.VOICE, "plan_code": "PASI_20G", **changes})


async def test_an_unused_eid_has_no_line(sims):
    assert await sims.port.lines_of(EID) == ()
    assert await sims.port.line("07000999999") is None


async def test_a_line_that_was_asked_for_becomes_active(sims):
    await sims.port.activate(wanted())
    (line,) = await sims.port.lines_of(EID)
    assert line.state in {LineState.PENDING, LineState.ACTIVE}
    sims.pass_time()
    (line,) = await sims.port.lines_of(EID)
    assert (line.state, line.eid, line.plan_code) == (LineState.ACTIVE, EID, "PASI_20G")
    assert (await sims.port.line(line.account)).account == line.account
    assert line.iccid


async def test_an_eid_in_use_is_refused(sims):
    await sims.port.activate(wanted())
    with pytest.raises(Refused, match="SIM_IN_USE"):
        await sims.port.activate(wanted())


async def test_a_lost_answer_is_unclear_and_the_line_is_there(sims):
    sims.lose_the_next_answer()
    with pytest.raises(Unclear):
        await sims.port.activate(wanted())
    assert len(await sims.port.lines_of(EID)) == 1


async def test_an_operator_that_is_away_changes_nothing(sims):
    sims.be_away()
    with pytest.raises(TryLater):
        await sims.port.lines_of(EID)
    with pytest.raises(TryLater):
        await sims.port.activate(wanted())


async def test_voice_options_show_after_a_while_and_one_request_runs_at_a_time(sims):
    await sims.port.activate(wanted())
    sims.pass_time()
    (line,) = await sims.port.lines_of(EID)
    await sims.port.register_voice_options(line.account, VoiceOptions(voice_mail=True, call_waiting=False))
    with pytest.raises(TryLater):
        await sims.port.register_voice_options(line.account, VoiceOptions(voice_mail=True, call_waiting=False))
    sims.pass_time()
    assert (await sims.port.line(line.account)).voice_options.voice_mail is True


async def test_looks_are_ascending(sims):
    for looks in (sims.port.looks_after_activation, sims.port.looks_after_options):
        assert list(looks) == sorted(looks) != []


async def test_a_plan_freebit_does_not_know_is_refused_with_its_code(freebit_sandbox):
    async with httpx.AsyncClient() as http:
        with pytest.raises(Refused) as refused:
            await SimsOnSandbox(freebit_sandbox, http).port.activate(wanted(plan_code="NO_SUCH_PLAN"))
    assert (refused.value.code, refused.value.facts) == ("SIM_REFUSED", {"pair": "400_320"})


async def test_wrong_credentials_are_our_set_up(freebit_sandbox):
    settings = FreebitSettings(freebit_sandbox.core.addresses["freebit"], "SANDBOX", "wrong")
    async with httpx.AsyncClient() as http:
        port = FreebitSims(Freebit(settings, http, Outbound("freebit", at_once=1)), FreebitTables())
        with pytest.raises(Misconfigured):
            await port.lines_of(EID)
