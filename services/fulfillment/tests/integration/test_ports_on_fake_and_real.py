"""One suite for each port, on its fake and on what stands in its place in production."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.sealing import Seal
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Misconfigured
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.store import PostgresAttempts, PostgresLines, PostgresOperations
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines, InMemoryOperations

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
    assert (await attempts.first_opened(ORDER), await attempts.first_opened("801000000000009AAA")) == (NOW, None)
    async with transaction() as tx:
        assert (await attempts.lock(tx, ORDER)).number == 2
        await attempts.reached(tx, ORDER, 1, "accepted", code=None, at=later)  # an ended one stays as it is
        await attempts.end(tx, ORDER, 2, "activated", code=None, at=later)
        found = await attempts.lock(tx, ORDER)
        assert (found.state, found.ended_at) == ("activated", later)
        assert await attempts.lock(tx, OTHER) is None


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


async def test_an_open_operation_moves_with_its_attempt_to_another_line(stores):
    _, operations, _ = stores
    assert await operations.claim("activate", ORDER, 1, EID)
    assert await operations.claim("activate", ORDER, 1, "AX0000000000001")
    assert await operations.claim("activate", OTHER, 1, EID)
    assert not await operations.claim("activate", ORDER, 1, EID)
    assert await operations.claim("activate", ORDER, 1, "AX0000000000001")


async def test_a_refused_operation_frees_the_line_and_may_be_opened_again(stores):
    _, operations, transaction = stores
    assert await operations.claim("top_up", "request-1", 1, "07000000001")
    await operations.give_up("top_up", "request-1", 1)
    assert await operations.claim("change_plan", "request-2", 1, "07000000001")
    assert not await operations.claim("top_up", "request-1", 1, "07000000001")
    async with transaction() as tx:
        await operations.settle(tx, "change_plan", "request-2", 1, "confirmed")
    assert await operations.claim("top_up", "request-1", 1, "07000000001")
    await operations.give_up("change_plan", "request-2", 1)  # it is closed already
    assert not await operations.claim("change_plan", "request-2", 1, "07000000001")


async def test_the_newest_request_for_a_line_is_known_by_its_time(stores):
    _, operations, transaction = stores
    line, kinds = "07000000001", ("change_plan", "change_network")
    mine, others = ("change_plan", "request-1", 1), ("change_network", "request-2", 1)
    assert await operations.last_sent(line, kinds, mine) is None
    for place, at in ((mine, NOW), (others, NOW + timedelta(minutes=1))):
        assert await operations.claim(*place, line)
        await operations.note_sent(*place, at)
        async with transaction() as tx:
            await operations.settle(tx, *place, "confirmed")
    assert await operations.last_sent(line, kinds, mine) == NOW + timedelta(minutes=1)
    assert await operations.last_sent(line, kinds, others) == NOW
    assert await operations.last_sent(line, ("top_up",), mine) is None
    assert await operations.last_sent("07000000002", kinds, mine) is None
    refused = ("change_network", "request-3", 1)
    await operations.claim(*refused, line)
    await operations.note_sent(*refused, NOW + timedelta(minutes=2))
    await operations.give_up(*refused)
    assert await operations.last_sent(line, kinds, mine) == NOW + timedelta(minutes=1)


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
    for lines in (InMemoryLines(), PostgresLines(database, seal)):
        async with database.transaction() as tx:
            await lines.keep(tx, ORDER, line, activated_at=NOW)
            await lines.keep(tx, ORDER, line, activated_at=NOW)
        assert (await lines.holder("07000000001"), await lines.holder("07000000002")) == (ORDER, None)
    (row,) = await database.fetch("SELECT * FROM sim_line")
    assert b"EXAMPLE" not in row["activation_code"]
    assert seal.open(row["activation_code"], record="07000000001") == line.activation_code
    with pytest.raises(Misconfigured):
        seal.open(row["activation_code"], record="07000000002")
    with pytest.raises(Misconfigured):
        Seal(bytes(range(32))).open(row["activation_code"], record="07000000001")
