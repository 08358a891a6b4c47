"""Cancelling a service, on fakes and virtual time (R207-R218, C22, C27, C33, C34, D10)."""

import asyncio
from datetime import timedelta

import pytest

from portal_chassis.clocks import TOKYO
from portal_contracts.problems import Refused, TryLater
from portal_orders.cancellation_testing import (
    INTERNET,
    SIM,
    VPN,
)
from portal_orders.tell_staff import SUPERVISOR


async def test_a_preview_shows_what_it_would_mean_and_changes_nothing(life):
    found = await life.preview(INTERNET)
    assert found.ends_on == life.clock.today() + timedelta(days=30)
    assert (found.notice_days, found.equipment_return, found.revocable) == (30, True, True)
    assert found.remaining_total == sum(fee.amount for fee in found.remaining_fees) == 2970
    assert all(step.en and step.ja for step in found.next_steps)
    assert life.kept.rows == {}
    assert life.contracts.writes == []


async def test_a_request_opens_the_case_and_writes_the_stage_and_the_date(life, ordered):  # R207-R210
    cancelled = await life.request(reason="引っ越し")
    await life.run()
    (case,) = life.cases.opened.values()
    contract = life.contracts.rows[SIM]
    assert (case[0], "引っ越し" in case[2]) == ("cancellation_request", True)
    assert (contract.stage, contract.ends_at, contract.line_return) == (
        "cancelling",
        cancelled.effective_at,
        "not_needed",
    )
    assert life.told == ["requested"]
    assert life.world.book.kinds(ordered)[-1] == "service.cancellation_requested"
    assert "引っ越し" not in str((await life.view()).state)


async def test_equipment_is_to_come_back_for_internet(life):  # R218
    await life.request(INTERNET)
    await life.run()
    assert life.contracts.rows[INTERNET].line_return == "not_yet"


@pytest.mark.parametrize("service_id", [SIM, INTERNET])
async def test_by_hand_it_ends_when_staff_have_ended_the_service(life, service_id, ordered):  # C22, R212, R213
    cancelled = await life.request(service_id)
    await life.run(cancelled.effective_at - life.clock.now() - timedelta(minutes=1))
    assert life.state() == ["requested"]
    await life.run(timedelta(hours=2))
    assert life.state() == ["ending"]
    life.billing.set_state(service_id, "cancelled")
    await life.run(timedelta(hours=2))
    assert (life.state(), life.stage(service_id), life.told) == (["completed"], "cancelled", ["requested", "completed"])
    assert life.cases.closed == list(life.cases.opened)
    assert life.billing.ended == []
    assert life.world.book.kinds(ordered)[-1] == "service.cancelled"


@pytest.mark.parametrize("loses", [0, 2])
@pytest.mark.parametrize("service_id", [SIM, INTERNET])
async def test_by_itself_it_ends_with_the_same_stages_and_once(automatic, service_id, loses):  # C22
    automatic.billing.loses = loses
    cancelled = await automatic.request(service_id)
    await automatic.run(cancelled.effective_at - automatic.clock.now() - timedelta(seconds=1))
    assert automatic.billing.ended == []
    await automatic.run(timedelta(hours=1))
    assert automatic.billing.ended == [service_id]
    assert (automatic.state(), automatic.stage(service_id)) == (["completed"], "cancelled")
    assert automatic.contracts.writes == ["cancelling", "cancelled"]
    assert automatic.told == ["requested", "completed"]


async def test_a_service_that_stays_on_is_a_persons_turn_after_a_day_and_ends_when_it_is_off(life):  # C22: the SLA
    cancelled = await life.request()
    await life.run(cancelled.effective_at - life.clock.now() + timedelta(hours=23))
    assert (await life.view()).status == "waiting"
    await life.run(timedelta(hours=3))
    view = await life.view()
    assert (view.status, view.code) == ("needs_human", "CANCELLATION_OVERDUE")
    await life.run(timedelta(days=2))
    told = [title for title in life.world.cases.titles if title.startswith(f"{SUPERVISOR}Cancellation")]
    assert len(told) == 1, "a supervisor is told once, however often it is looked at"
    life.billing.set_state(SIM, "terminated")
    await life.run(timedelta(hours=2))
    assert life.state() == ["completed"]


async def test_vpn_ends_the_same_day(life):  # R217
    cancelled = await life.request(VPN)
    life.billing.set_state(VPN, "terminated")
    await life.run()
    assert cancelled.ends_on == life.clock.today()
    assert not cancelled.revocable
    assert life.state() == ["completed"]


# repeats and races


async def test_a_repeat_never_moves_the_date(life):  # C34
    first = await life.request(INTERNET, request_id="request-x1")
    await life.run(timedelta(days=3))
    again = await life.request(INTERNET, request_id="request-x1", ends_on=first.ends_on)
    assert (again.cancellation_id, again.ends_on) == (first.cancellation_id, first.ends_on)
    assert len(life.cases.opened) == 1


@pytest.mark.parametrize("same_key", [True, False])
async def test_two_tabs_make_one_cancellation(life, same_key):
    ends_on = (await life.preview()).ends_on
    keys = ["request-x1", "request-x1" if same_key else "request-x2"]
    both = await asyncio.gather(
        *(life.request(request_id=key, ends_on=ends_on) for key in keys), return_exceptions=True
    )
    await life.run()
    assert len(life.kept.rows) == len(life.cases.opened) == 1
    codes = [one.code for one in both if isinstance(one, Refused)]
    assert codes == ([] if same_key else ["CANCELLATION_UNDER_WAY"])


async def test_a_key_with_something_else_is_refused(life):
    await life.request(request_id="request-x1")
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await life.request(INTERNET, request_id="request-x1")


async def test_a_day_that_turned_meanwhile_is_told(life):
    seen = (await life.preview(INTERNET)).ends_on
    life.clock.advance(24 * 3600)
    with pytest.raises(Refused, match="CANCELLATION_DATE_CHANGED") as no:
        await life.request(INTERNET, ends_on=seen)
    assert no.value.facts == {"ends_on": (seen + timedelta(days=1)).isoformat()}
    assert life.kept.rows == {}


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_lost_answer_of_salesforce_is_made_up_for(life, lost):
    life.contracts.lose = lost
    await life.request()
    await life.run(timedelta(minutes=1))
    assert life.stage() == "cancelling"
    assert life.contracts.writes == ["cancelling"]


async def test_salesforce_that_is_away_does_not_lose_the_request(life):
    ends_on = (await life.preview()).ends_on
    await life.request(ends_on=ends_on)
    life.contracts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    await life.run(timedelta(minutes=5))
    assert life.stage() == "active"
    life.contracts.fails_with = None
    await life.run(timedelta(hours=2))
    assert life.stage() == "cancelling"


# taking it back


async def test_it_can_be_taken_back_until_its_date(life, ordered):
    await life.request()
    await life.run(timedelta(days=3))
    assert (await life.revoke()).state == "withdrawing"
    await life.run()
    contract = life.contracts.rows[SIM]
    assert (life.state(), contract.stage, contract.ends_at) == (["withdrawn"], "active", None)
    assert life.told == ["requested", "withdrawn"]
    assert life.cases.closed == list(life.cases.opened)
    assert (await life.revoke()).state == "withdrawn"
    await life.run(timedelta(days=60))
    assert life.contracts.writes == ["cancelling", "active"]
    assert life.billing.ended == []


async def test_after_its_date_it_cannot_be_taken_back(life):
    cancelled = await life.request()
    await life.run(cancelled.effective_at - life.clock.now())
    with pytest.raises(Refused, match="CANCELLATION_TOO_LATE"):
        await life.revoke()


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_taking_back_waits_for_a_mark_whose_answer_was_lost(life, lost):
    life.contracts.lose = lost
    await life.request()
    await life.run()
    await life.revoke()
    await life.run(timedelta(minutes=10))
    assert (life.state(), life.stage()) == (["withdrawn"], "active")


async def test_a_service_that_was_kept_can_be_cancelled_anew(life):
    await life.request()
    await life.run()
    await life.revoke()
    await life.run()
    await life.request()
    await life.run()
    assert sorted(life.state()) == ["requested", "withdrawn"]


async def test_staff_may_take_it_back_in_salesforce(life):
    cancelled = await life.request()
    await life.run()
    life.contracts.change(SIM, stage="active")
    assert cancelled.effective_at > life.clock.now() + timedelta(days=2)
    await life.run(timedelta(days=1, minutes=1))
    assert life.state() == ["withdrawn"], "seen within a day (C33)"
    assert life.told == ["requested", "withdrawn"]


async def test_staff_may_give_a_later_date_in_salesforce(automatic):
    cancelled = await automatic.request()
    await automatic.run()
    later = cancelled.effective_at + timedelta(days=10)
    automatic.contracts.change(SIM, ends_at=later)
    await automatic.run(cancelled.effective_at - automatic.clock.now() + timedelta(days=9))
    assert automatic.billing.ended == []
    (kept,) = automatic.kept.rows.values()
    assert (kept.effective_at, kept.ends_on) == (later, (later - timedelta(seconds=1)).astimezone(TOKYO).date())
    await automatic.run(timedelta(days=2))
    assert automatic.billing.ended == [SIM]
    assert automatic.told == ["requested", "rescheduled", "completed"]


async def test_staff_may_give_an_earlier_date_in_salesforce_and_the_customer_is_told(automatic, ordered):  # C33
    cancelled = await automatic.request(INTERNET)
    await automatic.run()
    earlier = cancelled.effective_at - timedelta(days=10)
    automatic.contracts.change(INTERNET, ends_at=earlier)
    await automatic.run(timedelta(days=1, minutes=1))
    (kept,) = automatic.kept.rows.values()
    assert (kept.effective_at, kept.ends_on) == (earlier, cancelled.ends_on - timedelta(days=10))
    assert automatic.told == ["requested", "rescheduled"]
    assert automatic.world.book.kinds(ordered)[-1] == "service.cancellation_rescheduled"
    await automatic.run(earlier - automatic.clock.now() + timedelta(hours=1))
    assert automatic.billing.ended == [INTERNET]
    assert automatic.state() == ["completed"]


async def test_what_staff_end_before_its_date_is_closed_within_a_day(life):  # C24, C33
    cancelled = await life.request()
    await life.run()
    life.billing.set_state(SIM, "cancelled")
    assert cancelled.effective_at > life.clock.now() + timedelta(days=2)
    await life.run(timedelta(days=1, minutes=1))
    assert (life.state(), life.stage(), life.told) == (["completed"], "cancelled", ["requested", "completed"])


@pytest.mark.parametrize("how", ["service", "stage"])
async def test_what_staff_ended_already_cannot_be_taken_back(life, how):
    await life.request()
    await life.run()
    if how == "service":
        life.billing.set_state(SIM, "terminated")
    else:
        life.contracts.change(SIM, stage="cancelled")
    with pytest.raises(Refused, match="CANCELLATION_TOO_LATE"):
        await life.revoke()
    assert life.state() == ["requested"]
