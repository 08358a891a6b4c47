"""The line of a cancelled service ends once, whatever is repeated, lost or refused (C22, automatic mode)."""

from contextlib import suppress
from datetime import timedelta

import pytest

from portal_chassis.deadline import Deadline
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import (
    InMemoryOperatorDesk,
    ManualClock,
    MortalDesk,
    MortalStore,
    WorkerKilled,
    engine,
    operator_call,
    work_for,
)
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import CloseLineEnding, EndLine
from portal_fulfillment.close_line_ending import CloseStandingEnding
from portal_fulfillment.end_line import EndOwnedLine
from portal_fulfillment.kept_lines import OwnedLine
from portal_fulfillment.line_ending_process import KIND, LineEndingProcess
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.testing import InMemoryLines, InMemoryOperations
from portal_fulfillment.testing_lines import InMemoryOwnedLines
from portal_fulfillment.testing_operator import FakeSims

NUMBER, ORDER, ACCOUNT = "07000006001", "801000000000001AAA", "001000000000001AAA"
SERVICE, CANCELLATION = 7001, f"{1:032x}"
FAULTS = ["unsent", "before", "after", "late", "kill_before", "kill_after"]


class Ending(MortalDesk):
    """The use case on fakes and virtual time; workers may die."""

    def __init__(self):
        self.clock = ManualClock()
        self.store = InMemoryProcessStore(self.clock)
        self.sims, self.operations, self.kept = FakeSims(self.clock), InMemoryOperations(), InMemoryLines()
        self.desk = InMemoryOperatorDesk(self.store.database)
        self.sims.put(Line(NUMBER, LineState.ACTIVE, "active", iccid="8981030000000000015"))
        self.owned = InMemoryOwnedLines([OwnedLine(NUMBER, ORDER, ACCOUNT, SERVICE, self.clock.now())])
        self.new_worker()

    def new_worker(self, *, dies_at=10**9, after_effect=False):
        operate = OperateOnLine(self.sims, self.operations, timedelta(minutes=15), timedelta(minutes=30))
        self.mortal = MortalStore(self.store, dies_at=dies_at, after_effect=after_effect)
        process = LineEndingProcess(operate, recheck=timedelta(minutes=15))
        self.engine = engine(process.definition(), clock=self.clock, store=self.mortal)
        self.sims.kill = self.kill
        self.end = EndOwnedLine(self.store.database.transaction, self.owned, self.engine)
        self.close = CloseStandingEnding(self.desk, self.sims, self.kept, self.operations, self.engine)

    async def asks(self, **facts):
        usual = {"cancellation_id": CANCELLATION, "account_id": ACCOUNT, "service_id": SERVICE}
        return await self.end(EndLine(**{**usual, **facts}), Deadline.after(1.1))

    async def run(self, by):
        await work_for(by, self.clock, self.store, lambda: self.engine, self.revive)
        self.sims.settle()

    async def closes(self, *, dry_run=False):
        command = CloseLineEnding(
            cancellation_id=CANCELLATION, request_id="closing-1", reason="it left with its number", dry_run=dry_run
        )
        return await self.close(command, operator_call())

    def fail(self, fault, times=1):
        left = [fault] * times
        self.sims.faults = lambda asked: left.pop() if asked == "sims.cancel_line" and left else None

    @property
    def made(self):
        return self.sims.changed.count(("cancel_line", NUMBER))

    @property
    def line(self):
        return next(line for line in self.sims.lines if line.account == NUMBER)


@pytest.fixture
def ending():
    return Ending()


async def test_a_line_ends_once_and_a_repeat_finds_it_so(ending):
    first = await ending.asks()
    await ending.run(timedelta(hours=1))
    again = [await ending.asks() for _ in range(3)]
    assert first.state == "working"
    assert {one.state for one in again} == {"done"}
    assert ending.made == 1
    assert ending.line.state is LineState.ENDED


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_happens_to_the_operators_answer_it_is_asked_for_once_more_at_most_and_ends(ending, fault):
    ending.fail(fault)
    with suppress(WorkerKilled):
        await ending.asks()
    await ending.run(timedelta(hours=3))
    assert (await ending.asks()).state == "done"
    assert ending.made == 1
    assert ending.line.state is LineState.ENDED


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_worker_killed_at_any_write_leaves_one_end(after_effect):
    for dies_at in range(1, 40):
        ending = Ending()
        ending.new_worker(dies_at=dies_at, after_effect=after_effect)
        mortal = ending.mortal
        with suppress(WorkerKilled):
            await ending.asks()
        await ending.run(timedelta(hours=3))
        ending.new_worker()
        await ending.asks()  # orders asks until it is done
        await ending.run(timedelta(hours=3))
        assert ((await ending.asks()).state, ending.made) == ("done", 1), dies_at
        if not mortal.died:
            assert dies_at > 3
            return
    pytest.fail("it never got through")


async def test_a_line_that_was_ended_by_hand_is_not_asked_for(ending):
    ending.sims.put(Line(NUMBER, LineState.ENDED, "cancelled"))
    ending.sims.lines = [Line(NUMBER, LineState.ENDED, "cancelled")]
    assert (await ending.asks()).state == "done"
    assert ending.made == 0


async def test_a_definite_no_stands_until_somebody_has_ended_the_line_by_hand(ending):
    ending.sims.refuses = Refused("SIM_REFUSED", facts={"pair": "400_300"})
    await ending.asks()
    await ending.run(timedelta(hours=1))
    found = await ending.asks()
    assert (found.state, found.code) == ("stands", "LINE_CHANGE_REFUSED")
    ending.sims.lines = [Line(NUMBER, LineState.ENDED, "cancelled")]
    await ending.run(timedelta(minutes=30))
    assert (await ending.asks()).state == "done"
    assert ending.made == 0


async def test_what_nobody_can_tell_stands_and_is_not_asked_for_again(ending):
    ending.fail("before", times=2)
    await ending.asks()
    await ending.run(timedelta(hours=6))
    found = await ending.asks()
    assert (found.state, found.code) == ("stands", "LINE_CHANGE_UNCLEAR")
    asked = ending.sims.calls.count("sims.cancel_line")
    await ending.run(timedelta(hours=6))
    assert ending.sims.calls.count("sims.cancel_line") == asked


async def test_it_waits_while_another_change_of_the_line_is_open(ending):
    assert await ending.operations.claim("top_up", f"{2:032x}", 1, NUMBER)
    await ending.asks()
    await ending.run(timedelta(hours=1))
    assert ending.made == 0
    async with ending.store.database.transaction() as transaction:
        await ending.operations.settle(transaction, "top_up", f"{2:032x}", 1, "confirmed")
    await ending.run(timedelta(hours=1))
    assert ((await ending.asks()).state, ending.made) == ("done", 1)


@pytest.mark.parametrize("facts", [{"service_id": 1}, {"account_id": "001000000000002AAA"}])
async def test_a_line_that_is_not_known_or_another_customers_is_left_alone(ending, facts):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ending.asks(**facts)
    assert ending.sims.calls == []


# an operator's way out (CANCELLATION_LINE_STANDS)


async def stands(ending, line):
    """Let an end be refused, and show the line so from then on."""
    ending.sims.refuses = Refused("SIM_REFUSED", facts={"pair": "400_300"})
    await ending.asks()
    await ending.run(timedelta(hours=1))
    ending.sims.lines = [] if line is None else [line]


@pytest.mark.parametrize("line", [None, Line(NUMBER, LineState.UNKNOWN, "odd")])
async def test_a_line_that_ended_elsewhere_lets_its_cancellation_go_on(ending, line):
    await stands(ending, line)
    assert not (await ending.closes(dry_run=True)).carried_out
    assert (await ending.asks()).state == "stands"
    outcome = await ending.closes()
    assert await ending.closes() == outcome
    await ending.run(timedelta(minutes=1))
    assert ((await ending.asks()).state, ending.made) == ("done", 0)
    assert NUMBER not in str(ending.desk.actions)
    assert await ending.operations.claim("top_up", f"{2:032x}", 1, NUMBER), "its number is free for whoever gets it"


async def test_a_line_that_lives_is_not_written_off(ending):
    await stands(ending, Line(NUMBER, LineState.ACTIVE, "active"))
    with pytest.raises(Refused, match="LINE_STILL_IN_SERVICE"):
        await ending.closes()
    ending.kept.kept[NUMBER] = ("801000000000002AAA", Line(NUMBER, LineState.ACTIVE, "active"))
    assert (await ending.closes()).carried_out, "the number is another order's by now"


async def test_only_an_end_that_stands_is_closed(ending):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ending.closes()
    await ending.asks()
    with pytest.raises(Refused, match="LINE_CHANGE_NOT_UNCLEAR"):
        await ending.closes()


async def test_no_number_is_left_when_it_has_ended(ending):
    await ending.asks()
    await ending.run(timedelta(hours=1))
    view = await ending.engine.read(KIND, CANCELLATION)
    assert NUMBER not in str(view.state)
