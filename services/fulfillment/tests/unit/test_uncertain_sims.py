"""The pivot when answers are lost: looked up until definite, never repeated blindly (reliability.md b3 rule 9)."""

from datetime import timedelta

import pytest

ORDER = "801000000000001AAA"
EID = "89049032000000000000000000000357"


def break_once(desk, fault, *, times=1, call="sims.activate"):
    left = [fault] * times
    desk.sims.faults = lambda asked: left.pop() if asked == call and left else None


@pytest.mark.parametrize("one_line_per_eid", [True, False])
@pytest.mark.parametrize("fault", ["unsent", "before", "after", "late", "kill_before", "kill_after"])
async def test_a_lost_request_is_never_doubled(desk, fault, one_line_per_eid):  # I3
    desk.sims.one_line_per_eid = one_line_per_eid
    break_once(desk, fault)
    assert (await desk.provision(by=timedelta(hours=3))).status == "done"
    desk.assert_exactly_one_of_each()
    assert len(desk.sims.requested) == 1


async def test_a_lost_request_is_not_repeated_before_the_quiet_period_is_over(desk):
    break_once(desk, "before")
    await desk.provision(by=timedelta(minutes=14))
    assert desk.sims.calls.count("sims.activate") == 1
    await desk.run(timedelta(minutes=2))
    assert desk.sims.calls.count("sims.activate") == 2


async def test_every_request_directly_follows_a_look(desk):
    break_once(desk, "before")
    await desk.provision(by=timedelta(hours=3))
    for index, call in enumerate(desk.sims.calls):
        if call == "sims.activate":
            assert desk.sims.calls[index - 1] == "sims.lines_of"


async def test_a_request_that_landed_while_it_was_written_off_is_adopted(desk):
    desk.sims.late_by = timedelta(minutes=15)
    break_once(desk, "late")
    assert (await desk.provision(by=timedelta(hours=3))).status == "done"
    assert desk.sims.activated == [EID]


async def test_twice_without_a_trace_needs_a_person_who_may_mend_it_by_hand(desk):
    break_once(desk, "before", times=2)
    view = await desk.provision(by=timedelta(hours=3))
    assert (view.status, view.code) == ("needs_human", "SIM_UNCLEAR")
    assert desk.sims.calls.count("sims.activate") == 2
    assert [one.code for one in desk.orders.outcomes] == ["SIM_UNCLEAR"]
    await desk.sims.activate(desk.plans.activation_of(desk.orders.orders[ORDER]))  # staff asks the operator
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_an_operator_that_answers_no_look_for_a_quarter_of_an_hour_needs_a_person(desk):
    await desk.provision(by=timedelta(seconds=30))
    desk.sims.faults = lambda call: "before" if call == "sims.lines_of" else None
    assert (await desk.run(timedelta(minutes=14))).status == "waiting"
    view = await desk.run(timedelta(minutes=5))
    assert (view.status, view.code) == ("needs_human", "SIM_UNCLEAR")
    desk.sims.faults = lambda _call: None
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_a_line_that_never_ends_becoming_active_needs_a_person_and_nothing_is_released(desk):
    desk.sims.never.add(EID)
    view = await desk.provision(by=timedelta(hours=5))
    assert (view.status, view.code) == ("needs_human", "SIM_UNCLEAR")
    assert desk.billing.ledger == [("created", ORDER)]
    assert len(desk.orders.outcomes) == 1
    desk.sims.never.clear()
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_a_yes_without_a_line_is_never_asked_again(desk):
    desk.sims.completion = timedelta(days=1)
    await desk.provision(by=timedelta(seconds=10))
    lines, desk.sims.lines = desk.sims.lines, []
    view = await desk.run(timedelta(hours=5))
    assert (view.status, desk.sims.calls.count("sims.activate")) == ("needs_human", 1)
    desk.sims.lines = lines
    assert (await desk.run(timedelta(days=2))).status == "done"


async def test_an_operator_that_is_away_delays_the_order_without_losing_or_doubling_it(desk):  # T-16
    desk.sims.faults = lambda _call: "unsent"
    await desk.provision(by=timedelta(hours=24))
    desk.sims.faults = lambda _call: None
    assert (await desk.run(timedelta(hours=8))).status == "done"
    desk.assert_exactly_one_of_each()
    assert len(desk.sims.requested) == 1


async def test_neighbours_that_are_away_delay_the_order_without_losing_it(desk):
    desk.orders.faults = desk.billing.faults = lambda _call: "before"
    await desk.provision(by=timedelta(hours=24))
    desk.orders.faults = desk.billing.faults = lambda _call: None
    assert (await desk.run(timedelta(hours=8))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_a_neighbour_that_is_away_for_long_is_shown_and_asked_every_quarter_of_an_hour(desk):  # §2.1
    desk.billing.faults = lambda _call: "before"
    assert (await desk.provision(by=timedelta(minutes=10))).status == "waiting"
    view = await desk.run(timedelta(hours=12))
    assert (view.status, view.code) == ("blocked", "SERVICE_UNAVAILABLE")
    assert [(one.outcome, one.code) for one in desk.orders.outcomes] == [("blocked", "SERVICE_UNAVAILABLE")]
    assert 40 < len(desk.billing.calls) < 60
    desk.billing.faults = lambda _call: None
    assert (await desk.run(timedelta(minutes=40))).status == "done"
    desk.assert_exactly_one_of_each()
