"""What follows the end of a service: the SIM line, settlements and mails (C22, R214, D10)."""

from datetime import timedelta

import pytest

from portal_contracts.cancellation import (
    RequestPlanChange,
)
from portal_contracts.customer_news import ServiceCancellationProgressed
from portal_contracts.problems import TryLater
from portal_contracts.sim_lines import LineEnding
from portal_orders.cancellation_testing import INTERNET, SIM, VPN
from portal_orders.testing import CLIENT

# the SIM line (C22, automatic mode)


def standing(code):
    return LineEnding(state="stands", code=code)


async def over(life, cancelled, by=timedelta(hours=2)):
    await life.run(cancelled.effective_at - life.clock.now() + by)


async def test_the_line_ends_after_the_service_and_before_the_case_is_closed(automatic):
    automatic.lines.answers = [LineEnding(state="working"), LineEnding(state="working")]
    cancelled = await automatic.request()
    await automatic.run(cancelled.effective_at - automatic.clock.now() - timedelta(seconds=1))
    assert automatic.lines.asked == []
    automatic.billing.loses = 1
    await automatic.run(timedelta(seconds=1))
    assert (automatic.billing.ended, automatic.lines.asked) == ([SIM], [])  # WHMCS's answer was lost: not over yet
    await automatic.run(timedelta(hours=1))
    assert automatic.lines.asked == [(cancelled.cancellation_id, SIM)] * 3
    assert automatic.state() == ["completed"]
    assert automatic.cases.closed == list(automatic.cases.opened)
    assert automatic.cases.tasks == {}


@pytest.mark.parametrize("answer", [TryLater("SERVICE_UNAVAILABLE"), TryLater("DEADLINE_PASSED")])
async def test_an_answer_of_fulfillments_that_is_lost_is_asked_for_again_under_the_same_key(automatic, answer):
    automatic.lines.answers = [answer, answer]
    cancelled = await automatic.request()
    await over(automatic, cancelled)
    assert set(automatic.lines.asked) == {(cancelled.cancellation_id, SIM)}
    assert (automatic.state(), automatic.billing.ended) == (["completed"], [SIM])
    assert automatic.told == ["requested", "completed"]


@pytest.mark.parametrize("code", ["LINE_CHANGE_REFUSED", "LINE_CHANGE_UNCLEAR"])
async def test_a_line_that_stands_is_a_persons_turn_and_goes_on_by_itself_when_it_has_ended(automatic, code):
    automatic.lines.answers = [standing(code)] * 2
    cancelled = await automatic.request()
    await over(automatic, cancelled, timedelta(minutes=30))
    view = await automatic.view()
    assert (view.status, view.code, view.facts["why"]) == ("needs_human", "CANCELLATION_LINE_STANDS", code)
    assert (automatic.state(), automatic.stage(), automatic.cases.closed) == (["ending"], "cancelling", [])
    await automatic.run(timedelta(hours=3))
    assert (automatic.state(), automatic.stage()) == (["completed"], "cancelled")


async def test_a_line_the_operator_does_not_end_within_a_day_is_a_persons_turn(automatic):
    cancelled = await automatic.request()
    automatic.lines.answers = [
        LineEnding(state="working", again_at=cancelled.effective_at + timedelta(hours=hour)) for hour in range(1, 30)
    ]
    await over(automatic, cancelled, timedelta(hours=25))
    assert (await automatic.view()).code == "CANCELLATION_LINE_STANDS"


async def test_a_line_from_before_the_portal_is_a_task_of_staffs_alone(automatic):
    automatic.lines.known.clear()
    cancelled = await automatic.request()
    await over(automatic, cancelled)
    (task,) = automatic.cases.tasks.values()
    assert "end this SIM line at Freebit by hand" in task[2]
    assert automatic.state() == ["completed"]


@pytest.mark.parametrize("service_id", [INTERNET, VPN])
async def test_only_a_sim_has_a_line_to_end(life_of, world, carts, ordered, service_id):
    life = life_of(world, carts.buyer, cancellation_automatic=True)
    life.has(service_id, {INTERNET: "internet", VPN: "vpn"}[service_id], order_id=ordered)
    await over(life, await life.request(service_id))
    assert (life.state(), life.lines.asked) == (["completed"], [])


async def test_by_hand_staff_end_the_line_too(life):
    cancelled = await life.request()
    await life.run()
    (case,) = life.cases.opened.values()
    assert "SIM回線の手続き: our staff" in case[2]
    life.billing.set_state(SIM, "terminated")
    await over(life, cancelled)
    assert (life.state(), life.lines.asked) == (["completed"], [])


async def test_a_cancellation_that_was_taken_back_ends_no_line(automatic):
    cancelled = await automatic.request()
    await automatic.revoke()
    await over(automatic, cancelled)
    assert (automatic.billing.ended, automatic.lines.asked) == ([], [])


# what staff settle, and what nobody sold here


@pytest.mark.parametrize("mode", [False, True])
async def test_what_is_paid_beyond_the_end_is_a_task_with_its_figures(life_of, world, carts, ordered, mode):  # R214
    life = life_of(world, carts.buyer, cancellation_automatic=mode)
    life.has(SIM, "sim", order_id=ordered)
    cancelled = await life.request()
    paid = {"next_due_on": cancelled.ends_on + timedelta(days=11), "amount": 3000}
    life.billing.subscriptions[SIM] = life.billing.subscriptions[SIM].model_copy(update=paid)
    life.billing.set_state(SIM, "active" if mode else "terminated")
    await over(life, cancelled)
    (task,) = life.cases.tasks.values()
    assert "Paid days after the last one: 10" in task[2]
    assert "yen" in task[2]
    assert f"{CLIENT}, {SIM}" in task[2]
    assert life.state() == ["completed"]
    assert not set(life.cases.tasks) & set(life.cases.closed)  # it outlives the case of the cancellation


async def test_an_initial_cancellation_is_settled_by_staff(life):  # D10
    today = life.clock.today()
    service = life.billing.subscriptions[INTERNET]
    life.billing.subscriptions[INTERNET] = service.model_copy(update={"started_on": today})
    await life.request(INTERNET, initial_cancellation=True, ends_on=today)
    life.billing.set_state(INTERNET, "terminated")
    await life.run(timedelta(hours=2))
    (task,) = life.cases.tasks.values()
    assert "Initial cancellation: yes" in task[2]


async def test_a_service_from_before_the_portal_has_mails_and_no_timeline(life_of, world, carts):
    life = life_of(world, carts.buyer)
    life.has(SIM, "sim")
    cancelled = await life.request()
    await life.run()
    await life.revoke()
    await life.run(timedelta(hours=1))
    told = life.world.recorded(ServiceCancellationProgressed)
    assert [(one.stage, one.service_id, one.name.ja) for one in told] == [
        ("requested", SIM, "Service"),
        ("withdrawn", SIM, "Service"),
    ]
    assert {one.cancellation_id for one in told} == {cancelled.cancellation_id}
    assert life.told == []


@pytest.mark.parametrize("service_id", [SIM, INTERNET])
async def test_the_customer_reads_nothing_internal_in_the_case(life, service_id):
    await life.request(service_id, reason="引っ越し")
    await life.run()
    (case,) = life.cases.opened.values()
    for internal in ("Freebit", "Opportunity", "006"):
        assert internal not in case[2]


@pytest.mark.parametrize("known", [True, False])
async def test_a_plan_change_of_a_sim_says_how_to_find_the_line(life, known):
    if not known:
        life.lines.finds = TryLater("FREEBIT_UNAVAILABLE")
    command = RequestPlanChange(request_id="request-p1", service_id=SIM, sku="SIM-DATA-ESIM-10G")
    await life.use.plan_change.request(command, life.buyer)
    (case,) = life.cases.opened.values()
    for words in ("2970 yen monthly", "SIM-DATA-ESIM-10G", "1650 yen monthly", "880 yen"):
        assert words in case[2]
    line = ("07000006001", "ICCID 8981030000000000015", "PASI_20G", "翌月1日")
    assert all((words in case[2]) is known for words in line)
