"""Customers' hands on their lines: done once, charged once, whatever is repeated, lost or raced (R177, R178, C18)."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import get_args

import pytest

from portal_chassis.testing import WorkerKilled
from portal_contracts.problems import Refused, TryLater
from portal_contracts.sim_lines import LineChangeKind, LineVoiceOptions, ListStandingLineChanges
from portal_fulfillment.line_change_process import KIND
from portal_fulfillment.sim import Line, LineState

NUMBER, ACCOUNT = "07000006001", "001000000000001AAA"
SOMEBODY_ELSE = "001000000000002AAA"
EID, OTHER_EID = "89049032000000000000000000000163", "89049032000000000000000000000357"
SERVICE = 7001
ICCID = "8981030000000000015"
FAULTS = ["unsent", "before", "after", "late", "kill_before", "kill_after"]
KINDS = get_args(LineChangeKind)


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
    lines.fail(kind, "after")  # the operator's answer is lost, so that the change stays open for a while
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
    lines.fail(kind, fault)
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
async def test_a_worker_killed_at_any_write_leaves_one_top_up_and_one_charge(new_lines, after_effect):  # T-01
    for dies_at in range(1, 40):
        lines = new_lines()
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
    assert (renewed.eid, renewed.iccid != ICCID) == (OTHER_EID, True)


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
