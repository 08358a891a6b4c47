"""Customers' hands on their lines: done once, charged once, whatever is repeated, lost or raced (R177, R178, C18)."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest

from portal_chassis.actor import Actor
from portal_chassis.deadline import Deadline
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import InMemoryOperatorDesk, ManualClock, MortalStore, WorkerKilled, engine, operator_call
from portal_contracts.problems import Refused, TryLater
from portal_contracts.sim_lines import (
    ChangeLineNetwork,
    ChangeLineVoiceOptions,
    CloseLineChange,
    LineChanged,
    LineVoiceOptions,
    ListStandingLineChanges,
    ReissueEsim,
    TopUpSim,
)
from portal_fulfillment.change_line import ChangeLine, LineTerms
from portal_fulfillment.close_line_change import CloseStandingChange
from portal_fulfillment.kept_lines import OwnedLine
from portal_fulfillment.line_change_process import KIND, LineChangeProcess
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.show_line import ShowLine
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.sim_plans import SimPlans
from portal_fulfillment.testing import FakeBilling, InMemoryLines, InMemoryOperations
from portal_fulfillment.testing_lines import FakeCharges, InMemoryLineChanges, InMemoryOwnedLines
from portal_fulfillment.testing_operator import FakeSims

NUMBER, ORDER, ACCOUNT = "07000006001", "801000000000001AAA", "001000000000001AAA"
SOMEBODY_ELSE = "001000000000002AAA"
EID, OTHER_EID = "89049032000000000000000000000163", "89049032000000000000000000000357"
SERVICE = 7001
PAUSE = timedelta(hours=24)
PLANS = SimPlans(top_ups={1000: 1100, 100: 0})
LINE = Line(
    NUMBER,
    LineState.ACTIVE,
    "active",
    plan_code="PASI_20G",
    eid=EID,
    iccid="8981030000000000015",
    network="5G",
    carries_voice=True,
    activation_code="LPA:1$smdp.example.jp$EXAMPLE",
)
FAULTS = ["unsent", "before", "after", "late", "kill_before", "kill_after"]


class Lines:
    """The use cases on fakes and virtual time; workers may die."""

    def __init__(self):
        self.clock = ManualClock()
        self.store = InMemoryProcessStore(self.clock)
        self.sims, self.billing, self.charges = FakeSims(self.clock), FakeBilling(self.clock), FakeCharges()
        self.operations, self.kept, self.changes = InMemoryOperations(), InMemoryLines(), InMemoryLineChanges()
        self.owned = InMemoryOwnedLines([OwnedLine(NUMBER, ORDER, ACCOUNT, SERVICE, self.clock.now())])
        self.sims.put(LINE)
        self.desk = InMemoryOperatorDesk(self.store.database)
        self.ids = (f"{number:032x}" for number in count(1))
        self.new_worker()

    def new_worker(self, *, dies_at=10**9, after_effect=False):
        operate = OperateOnLine(self.sims, self.operations, timedelta(minutes=15), timedelta(minutes=30))
        process = LineChangeProcess(
            operate, self.sims, self.kept, self.changes, self.charges, recheck=timedelta(minutes=15)
        )
        self.mortal = MortalStore(self.store, dies_at=dies_at, after_effect=after_effect)
        self.engine = engine(process.definition(), clock=self.clock, store=self.mortal)
        for neighbour in (self.sims, self.charges):
            neighbour.kill = self._kill
        self.change = ChangeLine(
            self.store.database.transaction,
            self.owned,
            self.changes,
            self.sims,
            self.billing,
            PLANS,
            self.engine,
            self.clock,
            self.clock,
            LineTerms(0.6, PAUSE),
            new_id=lambda: next(self.ids),
        )
        self.close = CloseStandingChange(self.desk, self.changes, self.operations, self.engine)
        self.show = ShowLine(self.owned, self.changes, self.sims, PLANS, self.clock, PAUSE)

    def _kill(self):
        self.mortal.died = True
        raise WorkerKilled

    def actor(self, account=ACCOUNT, minutes=0):
        at = self.clock.now() - timedelta(minutes=minutes)
        return Actor("user-1", 42, account, ("customer",), "session-1", at, "ja")

    async def asks(self, what, request_id="request-1", actor=None, **facts):
        command, use = {
            "top_up": (TopUpSim, self.change.top_up),
            "reissue": (ReissueEsim, self.change.reissue),
            "change_voice_options": (ChangeLineVoiceOptions, self.change.change_options),
            "change_network": (ChangeLineNetwork, self.change.change_network),
        }[what]
        usual = {
            "top_up": {"megabytes": 1000},
            "reissue": {"confirmed": True},
            "change_voice_options": {"options": LineVoiceOptions(voice_mail=True)},
            "change_network": {"network": "4G"},
        }[what]
        made = command(**{"request_id": request_id, "service_id": SERVICE, **usual, **facts})
        return await use(made, actor or self.actor(), Deadline.after(1.1))

    async def run(self, by):
        end = self.clock.now() + by
        while True:
            try:
                await self.engine.run_until_idle()
            except WorkerKilled:
                self.mortal.died = True
            if self.mortal.died:
                self.new_worker()
                self.clock.advance(31)
                continue
            due = self.store.next_due()
            if due is None or due > end:
                break
            self.clock.advance_to(due)
        self.clock.advance_to(max(end, self.clock.now()))
        self.sims.settle()

    def fail(self, call, fault, times=1):
        left = [fault] * times
        self.sims.faults = lambda asked: left.pop() if asked == call and left else None

    def made(self, kind):
        return self.sims.changed.count((kind, NUMBER))

    @property
    def told(self):
        return [event.state for event in self.store.database.events if isinstance(event, LineChanged)]

    @property
    def newest(self):
        return max(self.changes.rows.values(), key=lambda one: one.change_id)

    async def closes(self, *, happened, change_id=f"{1:032x}", request_id="closing-1", dry_run=False):
        command = CloseLineChange(
            change_id=change_id, happened=happened, request_id=request_id, reason="looked it up", dry_run=dry_run
        )
        return await self.close.close(command, operator_call())


CALLS = {
    "top_up": "sims.top_up",
    "reissue": "sims.reissue_esim",
    "change_voice_options": "sims.change_voice_options",
    "change_network": "sims.change_network",
}
KINDS = list(CALLS)


@pytest.fixture
def lines():
    return Lines()


async def test_a_top_up_is_added_and_charged_once_while_the_customer_waits(lines):
    change = await lines.asks("top_up")
    await lines.run(timedelta(minutes=1))
    assert (change.kind, change.megabytes, change.price) == ("top_up", 1000, 1100)
    assert lines.made("top_up") == 1
    assert list(lines.charges.made.values()) == [1100]
    assert lines.told == ["working", "done"]


async def test_a_free_top_up_needs_no_payment_method_and_charges_nothing(lines):
    lines.billing.payment_method = False
    await lines.asks("top_up", megabytes=100)
    await lines.run(timedelta(minutes=1))
    assert lines.newest.state == "done"
    assert lines.charges.made == {}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_repeat_finds_the_same_change(lines, kind):  # C18
    first = await lines.asks(kind)
    again = await lines.asks(kind)
    await lines.run(timedelta(hours=1))
    late = await lines.asks(kind)
    assert first.change_id == again.change_id == late.change_id
    assert late.state == "done"
    assert lines.made(kind) == 1
    assert len(lines.charges.made) == (kind == "top_up")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same_key", [True, False])
async def test_two_tabs_at_once_make_one_change(lines, kind, same_key):  # C18
    lines.fail(CALLS[kind], "after")  # the operator's answer is lost, so that the change stays open for a while
    keys = ["request-1", "request-1" if same_key else "request-2"]
    both = await asyncio.gather(*(lines.asks(kind, key) for key in keys), return_exceptions=True)
    await lines.run(timedelta(hours=2))
    assert lines.made(kind) == 1
    assert len(lines.changes.rows) == 1
    assert len(lines.charges.made) == (kind == "top_up")
    refused = [one for one in both if isinstance(one, Refused)]
    assert [one.code for one in refused] == ([] if same_key else ["LINE_CHANGE_UNDER_WAY"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_happens_to_the_operators_answer_it_is_made_and_charged_once(lines, kind, fault):  # C18
    lines.fail(CALLS[kind], fault)
    with suppress(WorkerKilled):
        await lines.asks(kind)
    await lines.run(timedelta(hours=3))
    assert lines.newest.state == "done"
    assert lines.made(kind) == 1
    assert len(lines.charges.made) == (kind == "top_up")
    assert lines.told[-1] == "done"
    assert lines.told.count("done") == 1


@pytest.mark.parametrize("fault", ["before", "after", "kill_before", "kill_after"])
async def test_a_charge_whose_answer_is_lost_is_asked_for_under_the_same_key(lines, fault):
    left = [fault]
    lines.charges.faults = lambda _call: left.pop() if left else None
    with suppress(WorkerKilled):
        await lines.asks("top_up")
    await lines.run(timedelta(hours=1))
    assert (await lines.engine.read(KIND, lines.newest.change_id)).status == "done"
    assert list(lines.charges.made.values()) == [1100]
    assert lines.made("top_up") == 1


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_worker_killed_at_any_write_leaves_one_top_up_and_one_charge(after_effect):  # T-01
    for dies_at in range(1, 40):
        lines = Lines()
        lines.new_worker(dies_at=dies_at, after_effect=after_effect)
        mortal = lines.mortal
        with suppress(WorkerKilled):
            await lines.asks("top_up")
        await lines.run(timedelta(hours=3))
        lines.new_worker()
        await lines.asks("top_up")  # the customer tries again with the same key
        await lines.run(timedelta(hours=3))
        assert lines.made("top_up") == 1, dies_at
        assert list(lines.charges.made.values()) == [1100], dies_at
        assert lines.newest.state == "done", dies_at
        if not mortal.died:
            assert dies_at > 4
            return
    pytest.fail("it never got through")


async def test_a_refused_charge_is_a_persons_turn_and_what_was_added_stays(lines):
    lines.charges.refuses = Refused("WHMCS_CHARGE_UNCLEAR", facts={"charge_key": "topup-1"})
    await lines.asks("top_up")
    await lines.run(timedelta(minutes=5))
    view = await lines.engine.read(KIND, lines.newest.change_id)
    assert (lines.newest.state, view.status, view.code) == ("done", "needs_human", "WHMCS_CHARGE_UNCLEAR")
    assert lines.newest.shown().code is None, "the customer has what was asked for"


async def test_operators_see_a_change_whose_charge_is_parked_until_it_is_charged(lines):  # C18
    lines.charges.refuses = Refused("WHMCS_CHARGE_UNCLEAR", facts={"charge_key": "topup-1"})
    await lines.asks("top_up")
    await lines.run(timedelta(minutes=5))
    (parked,) = (await lines.close.list(ListStandingLineChanges(only_unclear=True))).changes
    assert (parked.change_id, parked.state, parked.code) == (lines.newest.change_id, "done", "WHMCS_CHARGE_UNCLEAR")
    lines.charges.refuses = None
    await lines.run(timedelta(hours=1))
    assert list(lines.charges.made.values()) == [1100]
    assert (await lines.close.list(ListStandingLineChanges())).changes == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_definite_no_changes_and_charges_nothing_and_frees_the_line(lines, kind):
    lines.sims.refuses = Refused("SIM_REFUSED", facts={"pair": "400_300"})
    await lines.asks(kind)
    await lines.run(timedelta(minutes=5))
    assert (lines.newest.state, lines.newest.code) == ("refused", "LINE_CHANGE_REFUSED")
    assert lines.charges.made == {}
    assert lines.told == ["working", "refused"]
    lines.sims.refuses = None
    await lines.asks(kind, "request-2")
    await lines.run(timedelta(hours=2))
    assert lines.newest.state == "done"


@pytest.mark.parametrize(
    ("kind", "facts", "code"),
    [
        ("top_up", {"megabytes": 999}, "TOP_UP_OUT_OF_RANGE"),
        ("top_up", {"service_id": 1}, "NOT_FOUND"),
        ("change_voice_options", {"options": LineVoiceOptions()}, "BAD_REQUEST"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_kept(lines, kind, facts, code):
    with pytest.raises(Refused) as no:
        await lines.asks(kind, **facts)
    assert no.value.code == code
    assert lines.changes.rows == {}


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_changes_anybody_elses_line(lines, kind):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await lines.asks(kind, actor=lines.actor(SOMEBODY_ELSE))
    assert lines.sims.calls == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", [LineState.SUSPENDED, LineState.ENDING, LineState.ENDED, None])
async def test_a_line_that_is_not_in_service_is_not_changed(lines, kind, state):
    lines.sims.lines = [] if state is None else [Line(NUMBER, state, state.value, eid=EID, iccid="898103")]
    with pytest.raises(Refused, match="LINE_NOT_IN_SERVICE"):
        await lines.asks(kind)
    assert lines.changes.rows == {}


async def test_a_paid_top_up_needs_a_payment_method(lines):
    lines.billing.payment_method = False
    with pytest.raises(Refused, match="PAYMENT_METHOD_MISSING"):
        await lines.asks("top_up")


async def test_a_key_that_comes_with_something_else_is_refused(lines):
    await lines.asks("top_up")
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await lines.asks("top_up", megabytes=100)


async def test_an_operator_that_is_away_keeps_the_line_untouched_and_the_customer_is_told(lines):
    lines.fail("sims.line", "before", times=9)
    with pytest.raises(TryLater):
        await lines.asks("top_up")
    assert lines.changes.rows == {}


# a new eSIM


async def test_a_new_esim_keeps_the_new_code_to_be_shown(lines):  # R177, D11
    await lines.asks("reissue", new_eid=OTHER_EID)
    await lines.run(timedelta(hours=1))
    assert lines.newest.state == "done"
    (renewed,) = lines.kept.renewed
    assert (renewed.eid, renewed.iccid != LINE.iccid) == (OTHER_EID, True)


async def test_a_new_esim_needs_a_fresh_sign_in(lines):  # D11
    with pytest.raises(Refused, match="STEP_UP_REQUIRED"):
        await lines.asks("reissue", actor=lines.actor(minutes=16))


async def test_another_new_esim_waits_for_the_cool_down(lines):  # D11
    await lines.asks("reissue")
    await lines.run(timedelta(hours=1))
    with pytest.raises(Refused, match="ESIM_REISSUE_TOO_SOON"):
        await lines.asks("reissue", "request-2")
    assert (await lines.show.line(SERVICE, ACCOUNT)).next_reissue_at is not None
    await lines.run(timedelta(hours=23, minutes=1))
    assert (await lines.show.line(SERVICE, ACCOUNT)).next_reissue_at is None
    await lines.asks("reissue", "request-2")
    await lines.run(timedelta(hours=1))
    assert lines.made("reissue") == 2


async def test_a_sim_card_has_no_esim_to_issue_anew(lines):
    lines.sims.lines = [Line(NUMBER, LineState.ACTIVE, "active", product_number="AX0000000000001", iccid="898103")]
    with pytest.raises(Refused, match="LINE_NOT_IN_SERVICE"):
        await lines.asks("reissue")


async def test_no_number_is_left_in_a_process_that_has_ended(lines):
    await lines.asks("reissue")
    await lines.run(timedelta(hours=1))
    view = await lines.engine.read(KIND, lines.newest.change_id)
    assert NUMBER not in str(view.state)
    assert EID not in str(view.state)


# what nobody can tell


async def unclear(lines, kind="top_up"):
    lines.fail(CALLS[kind], "before", times=2)
    await lines.asks(kind)
    await lines.run(timedelta(hours=3))
    return lines.newest


@pytest.mark.parametrize("kind", KINDS)
async def test_what_nobody_can_tell_holds_the_line_and_is_told_once(lines, kind):
    change = await unclear(lines, kind)
    assert (change.state, change.code) == ("unclear", "LINE_CHANGE_UNCLEAR")
    assert lines.told == ["working", "unclear"]
    assert lines.charges.made == {}
    with pytest.raises(Refused, match="LINE_CHANGE_UNDER_WAY"):
        await lines.asks("change_network", "request-2")
    (standing,) = (await lines.close.list(ListStandingLineChanges(only_unclear=True))).changes
    assert (standing.change_id, standing.line) == (change.change_id, "…6001")


async def test_an_unclear_top_up_that_shows_after_all_ends_by_itself(lines):
    await unclear(lines)
    await lines.sims.top_up(NUMBER, 1000, f"topup-{lines.newest.change_id}")  # it was only very late
    await lines.run(timedelta(minutes=30))
    assert lines.newest.state == "done"
    assert list(lines.charges.made.values()) == [1100]


@pytest.mark.parametrize("happened", [True, False])
async def test_an_operator_says_how_an_unclear_change_ended(lines, happened):
    change = await unclear(lines)
    await lines.closes(happened=happened, dry_run=True)
    await lines.run(timedelta(minutes=1))
    assert lines.newest.state == "unclear"
    outcome = await lines.closes(happened=happened)
    await lines.run(timedelta(minutes=1))
    assert outcome.carried_out
    assert lines.newest.state == ("done" if happened else "refused")
    assert len(lines.charges.made) == happened
    assert await lines.operations.claim("top_up", "another", 1, NUMBER)
    assert lines.desk.actions[-1].target == change.change_id


async def test_a_change_that_is_not_unclear_is_not_closed_by_hand(lines):
    await lines.asks("top_up")
    await lines.run(timedelta(minutes=1))
    with pytest.raises(Refused, match="LINE_CHANGE_NOT_UNCLEAR"):
        await lines.closes(happened=True)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await lines.closes(happened=True, change_id="f" * 32, request_id="closing-2")


# what is shown


async def test_a_line_is_shown_with_its_options_offers_and_the_change_under_way(lines):
    await lines.asks("change_network")
    shown = await lines.show.line(SERVICE, ACCOUNT)
    assert (shown.state, shown.status.en, shown.esim, shown.network) == ("active", "In service", True, "5G")
    assert [(one.megabytes, one.price) for one in shown.top_ups] == [(100, 0), (1000, 1100)]
    assert shown.open_change is not None
    assert shown.open_change.kind == "change_network"


async def test_usage_has_a_day_for_each_amount_and_what_was_added(lines):
    await lines.asks("top_up")
    await lines.run(timedelta(minutes=1))
    usage = await lines.show.usage(SERVICE, ACCOUNT)
    today = lines.clock.today()
    assert [(one.day, one.megabytes) for one in usage.days[:2]] == [(today, 120), (today - timedelta(days=1), 900)]
    assert [one.megabytes for one in usage.added] == [1000]


async def test_nobody_sees_anybody_elses_line_or_change(lines):
    await lines.asks("top_up")
    for read in (lines.show.line, lines.show.usage, lines.show.history):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await read(SERVICE, SOMEBODY_ELSE)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await lines.show.change(lines.newest.change_id, SOMEBODY_ELSE)
    assert (await lines.show.change(lines.newest.change_id, ACCOUNT)).kind == "top_up"
    assert len((await lines.show.history(SERVICE, ACCOUNT)).changes) == 1
