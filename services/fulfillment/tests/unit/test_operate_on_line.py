"""Changes of a line in service: one at a time, at a distance, looked up until definite, never twice (C18)."""

from collections import deque
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from pydantic import BaseModel

from portal_chassis.process import Next, ProcessDefinition, Step
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import ManualClock, MortalDesk, MortalStore, engine, work_for
from portal_contracts.problems import Refused, TryLater
from portal_fulfillment.line_changes import (
    CancelLine,
    ChangeNetwork,
    ChangePlan,
    ChangeVoiceOptions,
    RegisterVoiceOptions,
    ReissueEsim,
    TopUpLine,
)
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.sim import EsimReissue, Line, LineState, VoiceOptions
from portal_fulfillment.testing import InMemoryOperations
from portal_fulfillment.testing_operator import FakeSims

ACCOUNT = "07000006001"
OLD_EID, NEW_EID = "89049032000000000000000000000163", "89049032000000000000000000000357"
ICCID = "8981030000000000015"
TODAY = ManualClock().today()
CHANGES = [
    RegisterVoiceOptions(ACCOUNT, VoiceOptions(voice_mail=True)),
    ChangeVoiceOptions(ACCOUNT, VoiceOptions(call_waiting=True)),
    TopUpLine(ACCOUNT, 1000, "topup-1", TODAY),
    ChangePlan(ACCOUNT, "PASI_5G"),
    ChangePlan(ACCOUNT, "PASI_5G", date(2026, 5, 1)),
    ChangeNetwork(ACCOUNT, "4G"),
    ReissueEsim(EsimReissue(ACCOUNT, NEW_EID, OLD_EID), ICCID),
    ReissueEsim(EsimReissue(ACCOUNT, OLD_EID, OLD_EID), ICCID),
    CancelLine(ACCOUNT),
    CancelLine(ACCOUNT, date(2026, 5, 1)),
]
FAULTS = ["unsent", "before", "after", "late", "kill_before", "kill_after"]


def name_of(change):
    return change.kind + ("_on_a_day" if change.run_on else "")


def call_of(change):
    return "sims." + {"voice_options": "register_voice_options", "reissue": "reissue_esim"}.get(
        change.kind, change.kind
    )


class Nothing(BaseModel):
    """A process that remembers nothing: the journal is enough."""


@dataclass
class LineDesk(MortalDesk):
    """A process around the use case, on fakes and virtual time."""

    change: object

    def __post_init__(self):
        self.clock = ManualClock()
        self.store = InMemoryProcessStore(self.clock)
        self.sims = FakeSims(self.clock)
        self.operations = InMemoryOperations()
        self.sims.put(
            Line(ACCOUNT, LineState.ACTIVE, "active", plan_code="PASI_20G", eid=OLD_EID, iccid=ICCID, network="5G")
        )
        self.operate = OperateOnLine(self.sims, self.operations, timedelta(minutes=15), timedelta(minutes=30))
        self.sims.kill = self.kill
        self.new_worker()

    def new_worker(self, *, dies_at=10**9, after_effect=False):
        async def operate(run):
            return await self.operate(run, self.change)

        definition = ProcessDefinition("line_change", Nothing, (Step("operate", operate),))
        self.mortal = MortalStore(self.store, dies_at=dies_at, after_effect=after_effect)
        self.engine = engine(definition, clock=self.clock, store=self.mortal)

    def fail_once(self, fault, times=1):
        left = [fault] * times
        self.sims.faults = lambda call: left.pop() if call == call_of(self.change) and left else None

    async def start(self, key="request-1"):
        async with self.store.database.transaction() as transaction:
            await self.engine.start(transaction, "line_change", key, Nothing())

    async def run(self, by, key="request-1"):
        await work_for(by, self.clock, self.store, lambda: self.engine, self.revive)
        self.sims.settle()
        return await self.engine.read("line_change", key)

    @property
    def state(self):
        return self.operations.rows[self.change.kind, "request-1", 1][1]


@pytest.fixture
def line_desk():
    return LineDesk


@pytest.mark.parametrize("change", CHANGES, ids=name_of)
async def test_a_change_is_asked_for_once_and_settled_when_it_shows(line_desk, change):
    desk = line_desk(change)
    await desk.start()
    assert (await desk.run(timedelta(hours=1))).status == "done"
    assert desk.sims.changed == [(change.kind, ACCOUNT)]
    assert desk.state == "confirmed"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("change", CHANGES, ids=name_of)
async def test_whatever_happens_to_its_request_a_change_is_made_exactly_once(line_desk, change, fault):  # C18, rule 9
    desk = line_desk(change)
    desk.fail_once(fault)
    await desk.start()
    assert (await desk.run(timedelta(hours=3))).status == "done"
    assert desk.sims.changed == [(change.kind, ACCOUNT)]
    assert desk.state == "confirmed"


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("change", CHANGES, ids=name_of)
async def test_a_worker_killed_at_any_write_leaves_one_change(line_desk, change, after_effect):  # T-01
    for dies_at in range(1, 40):
        desk = line_desk(change)
        await desk.start()
        desk.new_worker(dies_at=dies_at, after_effect=after_effect)
        mortal = desk.mortal
        assert (await desk.run(timedelta(hours=3))).status == "done", dies_at
        assert desk.sims.changed == [(change.kind, ACCOUNT)], dies_at
        if not mortal.died:
            assert dies_at > 4
            return
    pytest.fail("it never got through")


@pytest.mark.parametrize("change", CHANGES, ids=name_of)
async def test_an_unclear_request_is_not_repeated_before_the_quiet_period_is_over(line_desk, change):
    desk = line_desk(change)
    desk.fail_once("before")
    await desk.start()
    await desk.run(timedelta(minutes=14))
    assert desk.sims.calls.count(call_of(change)) == 1
    await desk.run(timedelta(minutes=2))
    assert desk.sims.calls.count(call_of(change)) == 2


@pytest.mark.parametrize("change", CHANGES, ids=name_of)
async def test_twice_without_a_trace_is_a_persons_turn_and_the_line_stays_held(line_desk, change):
    desk = line_desk(change)
    desk.fail_once("before", times=2)
    await desk.start()
    view = await desk.run(timedelta(hours=3))
    assert (view.status, view.code) == ("failed", change.unconfirmed)
    assert desk.sims.calls.count(call_of(change)) == 2
    assert not await desk.operations.claim("top_up", "another", 1, ACCOUNT)


@pytest.mark.parametrize("change", [c for c in CHANGES if not c.is_repeatable], ids=name_of)
async def test_a_yes_that_never_shows_is_not_asked_for_again(line_desk, change):
    desk = line_desk(change)
    desk.sims.fails.add(ACCOUNT)  # the operator takes it, and nothing comes of it
    desk.sims.top_ups = deque(maxlen=0)
    await desk.start()
    view = await desk.run(timedelta(days=60))
    if change.run_on is not None:  # what the operator holds for a day to come is all one can see now
        assert view.status == "done"
    else:
        assert (view.status, view.code) == ("failed", "SIM_UNCLEAR")
    assert desk.sims.calls.count(call_of(change)) == 1


@pytest.mark.parametrize("change", CHANGES, ids=name_of)
async def test_a_refused_change_frees_the_line(line_desk, change):
    desk = line_desk(change)
    desk.sims.refuses = Refused("SIM_REFUSED", facts={"pair": "400_311"})
    await desk.start()
    view = await desk.run(timedelta(hours=1))
    assert (view.status, view.facts["pair"]) == ("failed", "400_311")
    assert desk.state == "failed"
    assert await desk.operations.claim("top_up", "another", 1, ACCOUNT)


@pytest.mark.parametrize("change", CHANGES, ids=name_of)
async def test_a_line_with_an_open_operation_is_busy_without_a_call_to_the_operator(line_desk, change):
    desk = line_desk(change)
    assert await desk.operations.claim("top_up", "another", 1, ACCOUNT)
    await desk.start()
    view = await desk.run(timedelta(minutes=30))
    assert view.status == "waiting"
    assert desk.sims.calls == []
    async with desk.store.database.transaction() as transaction:
        await desk.operations.settle(transaction, "top_up", "another", 1, "confirmed")
    assert (await desk.run(timedelta(hours=3))).status == "done"


async def change_just_now(desk, kind):
    place = (kind, "another", 1)
    assert await desk.operations.claim(*place, ACCOUNT)
    await desk.operations.note_sent(*place, desk.clock.now())
    async with desk.store.database.transaction() as transaction:
        await desk.operations.settle(transaction, *place, "confirmed")


@pytest.mark.parametrize("change", [c for c in CHANGES if c.kind not in ("top_up", "reissue")], ids=name_of)
async def test_changes_of_one_line_keep_half_an_hour_from_one_another(line_desk, change):
    desk = line_desk(change)
    await change_just_now(desk, "change_network" if change.kind != "change_network" else "change_plan")
    await desk.start()
    await desk.run(timedelta(minutes=29))
    assert desk.sims.calls == []
    assert (await desk.run(timedelta(hours=2))).status == "done"


@pytest.mark.parametrize("change", [c for c in CHANGES if c.kind in ("top_up", "reissue")], ids=name_of)
async def test_a_top_up_and_a_reissue_wait_for_nobody(line_desk, change):
    desk = line_desk(change)
    await change_just_now(desk, "change_network")
    await desk.start()
    assert (await desk.run(timedelta(minutes=11))).status == "done"


async def test_a_refused_change_keeps_nobody_at_a_distance(line_desk):
    desk = line_desk(ChangeNetwork(ACCOUNT, "4G"))
    desk.sims.refuses = Refused("SIM_REFUSED", facts={"pair": "400_311"})
    await desk.start()
    await desk.run(timedelta(minutes=1))
    desk.sims.refuses, desk.change = None, ChangePlan(ACCOUNT, "PASI_5G")
    await desk.start("request-2")
    assert (await desk.run(timedelta(minutes=1), "request-2")).status == "done"


async def test_a_top_up_replayed_under_another_process_adds_nothing(line_desk):  # C18
    desk = line_desk(TopUpLine(ACCOUNT, 1000, "topup-1", TODAY))
    await desk.start()
    await desk.run(timedelta(days=40))
    await desk.start("request-2")
    assert (await desk.run(timedelta(hours=1), "request-2")).status == "done"
    assert desk.sims.changed == [("top_up", ACCOUNT)]


async def test_a_refusal_that_our_own_lost_request_caused_is_not_believed(line_desk):
    desk = line_desk(CancelLine(ACCOUNT))
    desk.fail_once("late")
    look = desk.sims.line

    async def look_before_it_landed(account):
        if desk.sims.calls.count("sims.cancel_line") == 1:
            return Line(ACCOUNT, LineState.ACTIVE, "active")
        return await look(account)

    desk.sims.line = look_before_it_landed
    await desk.start()
    assert (await desk.run(timedelta(hours=3))).status == "done"
    assert desk.sims.calls.count("sims.cancel_line") == 2
    assert desk.sims.changed == [("cancel_line", ACCOUNT)]


async def test_a_change_somebody_else_has_under_way_there_is_waited_for(line_desk):
    desk = line_desk(ChangeNetwork(ACCOUNT, "4G"))
    await desk.sims.change_network(ACCOUNT, "4G")
    await desk.start()
    assert (await desk.run(timedelta(hours=1))).status == "done"
    assert desk.sims.calls.count("sims.change_network") == 1


async def test_an_operator_that_is_busy_is_asked_again_later(line_desk):  # 400-330
    desk = line_desk(TopUpLine(ACCOUNT, 1000, "topup-1", TODAY))
    left = [TryLater("LINE_BUSY", retry_after=600)]
    top_up = desk.sims.top_up

    async def busy_at_first(*arguments):
        if left:
            raise left.pop()
        return await top_up(*arguments)

    desk.sims.top_up = busy_at_first
    await desk.start()
    assert (await desk.run(timedelta(minutes=9))).status == "waiting"
    assert (await desk.run(timedelta(hours=1))).status == "done"
    assert len(desk.sims.changed) == 1


async def test_looks_that_are_not_answered_delay_a_change_without_doubling_it(line_desk):
    desk = line_desk(TopUpLine(ACCOUNT, 1000, "topup-1", TODAY))
    desk.sims.faults = lambda call: "unsent" if call == "sims.quota_history" else None
    await desk.start()
    await desk.run(timedelta(hours=5))
    assert desk.sims.changed == []  # not known whether it was asked for before: so not asked for
    desk.sims.faults = lambda _call: None
    assert (await desk.run(timedelta(hours=8))).status == "done"
    assert desk.sims.changed == [("top_up", ACCOUNT)]


# each rule, and the proof that a test notices its absence


def story_of_a_request_that_fails(fault):
    async def story(desk):
        desk.fail_once(fault)
        await desk.start()
        await desk.run(timedelta(hours=3))
        assert len(desk.sims.top_ups) == 1

    return story


async def story_of_a_replay(desk):
    await desk.start()
    await desk.run(timedelta(hours=1))
    await desk.start("request-2")
    await desk.run(timedelta(hours=1))
    assert len(desk.sims.top_ups) == 1


async def story_of_a_yes_that_shows_late(desk):
    history, began = desk.sims.quota_history, desk.clock.now()

    async def late_history(*arguments):
        found = await history(*arguments)
        return found if desk.clock.now() - began > timedelta(hours=1) else ()

    desk.sims.quota_history = late_history
    await desk.start()
    await desk.run(timedelta(hours=3))
    assert len(desk.sims.top_ups) == 1


class Blind(TopUpLine):
    """Sees nothing of an earlier request before it asks."""

    looks_first = False


class Repeatable(TopUpLine):
    """Asks again when a yes does not show."""

    is_repeatable = True


def hurried(desk):
    desk.operate = OperateOnLine(desk.sims, desk.operations, timedelta(), timedelta())


def forgetful(desk):
    desk.operate = _AsksAgain(desk.sims, desk.operations, timedelta(minutes=15), timedelta())


class _AsksAgain(OperateOnLine):
    """Forgets that a request without an answer may have had its effect."""

    async def __call__(self, run, change, attempt=1):
        return await self._ask(run, change, attempt, []) if len(await run.journal()) < 2 else Next()


RULES = [
    (story_of_a_request_that_fails("after"), TopUpLine, forgetful),
    (story_of_a_request_that_fails("late"), TopUpLine, hurried),
    (story_of_a_replay, Blind, None),
    (story_of_a_yes_that_shows_late, Repeatable, None),
]


@pytest.mark.parametrize(("story", "change", "break_rule"), RULES)
async def test_a_story_of_a_line_ends_well_only_with_its_rule(line_desk, story, change, break_rule):
    await story(line_desk(TopUpLine(ACCOUNT, 1000, "topup-1", TODAY)))
    broken = line_desk(change(ACCOUNT, 1000, "topup-1", TODAY))
    if break_rule is not None:
        break_rule(broken)
    with pytest.raises(AssertionError):
        await story(broken)
