"""Provisioning on fakes: the straight ways, every refusal, every block."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal_contracts.problems import Misconfigured, Refused
from portal_fulfillment.sim import Line, LineState, VoiceOptions

ORDER = "801000000000001AAA"
EID = "89049032000000000000000000000357"


async def test_an_approved_esim_order_becomes_one_active_line_and_one_accepted_order(desk, new_order):  # C19, R163
    view = await desk.provision()
    assert view.status == "done"
    desk.assert_exactly_one_of_each()
    assert desk.stages == ["started", "reserved", "sim_requested", "sim_active", "accepted"]
    (line,) = desk.lines.kept.values()
    assert desk.billing.accepted_with[ORDER] == (line[1].account, line[1].iccid)
    (event,) = desk.activated
    assert (event.whmcs_order_id, event.whmcs_service_id, event.category) == (900, 1900, "sim")
    assert desk.orders.orders[ORDER].state == "completed"


@pytest.mark.parametrize("category", ["internet", "vpn"])
async def test_an_order_without_a_line_never_meets_the_operator(desk, new_order, category):
    assert (await desk.provision(new_order(category))).status == "done"
    desk.assert_exactly_one_of_each(sim=False)
    assert desk.sims.calls == []
    assert desk.stages == ["started", "reserved", "accepted"]


async def test_personal_data_is_forgotten_when_the_process_ends(desk):
    view = await desk.provision()
    (account,) = desk.lines.kept
    assert EID not in str(view.state)
    assert account not in str(view.state)


async def test_no_event_carries_a_number_an_eid_or_a_code(desk):  # I12, architecture §4
    await desk.provision()
    (line,) = [line for _, line in desk.lines.kept.values()]
    told = "".join(event.model_dump_json() for event in desk.events)
    for secret in (EID, line.account, line.iccid, line.activation_code):
        assert secret not in told


async def test_billing_that_is_working_is_asked_again_until_it_is_done(desk):
    desk.billing.working = {"reserve": 3, "accept": 2}
    assert (await desk.provision()).status == "done"
    desk.assert_exactly_one_of_each()
    assert desk.billing.calls.count("billing.reserve") == 4


@pytest.mark.parametrize("state", ["pending_review", "cancelled", "draft", "completed", "unknown"])
async def test_an_order_that_is_not_approved_is_left_alone(desk, new_order, state):  # I7
    view = await desk.provision(new_order(state=state))
    assert (view.status, view.code) == ("failed", "ORDER_NOT_APPROVED")
    assert (desk.billing.ledger, desk.sims.requested, desk.orders.outcomes, desk.orders.marks) == ([], [], [], [])
    assert desk.stages == ["started", "withdrawn"]


async def test_an_order_nobody_has_is_left_alone(desk):
    await desk.signal()
    assert (await desk.run()).code == "NOT_FOUND"
    assert desk.billing.ledger == []


async def test_billing_is_never_asked_for_an_order_whose_approval_is_gone(desk, new_order):  # I7
    desk.billing.working = {"reserve": 5}
    await desk.provision(by=timedelta(seconds=3))
    asked = desk.billing.calls.count("billing.reserve")
    desk.orders.put(new_order(state="cancelled"))
    desk.clock.advance(timedelta(seconds=2))
    view = await desk.run(timedelta(hours=1))
    assert (view.status, view.code) == ("failed", "ORDER_NOT_APPROVED")
    assert desk.billing.calls.count("billing.reserve") == asked


async def test_only_what_was_checked_is_reserved(desk, new_order):
    desk.billing.working = {"reserve": 1}
    await desk.provision(by=timedelta())
    desk.clock.advance(timedelta(seconds=2))
    line = new_order().lines[0]
    desk.orders.put(new_order(lines=[line.model_copy(update={"whmcs_product_id": 999})]))
    view = await desk.run(timedelta(minutes=1))
    assert (view.status, view.code) == ("blocked", "PRODUCT_UNMAPPED")
    assert desk.billing.calls.count("billing.reserve") == 1


async def test_a_withdrawn_approval_counts_even_after_the_reservation(desk, new_order):  # T-13
    desk.billing.working = {"reserve": 1}
    await desk.provision(by=timedelta())
    desk.orders.put(new_order(state="cancelled"))
    view = await desk.run(timedelta(hours=1))
    assert (view.status, view.code) == ("failed", "ORDER_NOT_APPROVED")
    assert desk.billing.ledger == [("created", ORDER), ("cancelled", ORDER)]
    assert desk.sims.requested == []


# what somebody mends: the attempt waits, tells, looks again by itself


def without_payment_method(desk, order):
    desk.billing.payment_method = False
    return order, lambda: setattr(desk.billing, "payment_method", True)


def with_another_price(desk, order):
    desk.billing.prices[202] = 3300
    return order, lambda: desk.billing.prices.update({202: 2970})


def without_a_marker(desk, order):
    desk.billing.unmarked.add(202)
    return order, desk.billing.unmarked.clear


def without_a_product(desk, order):
    del desk.billing.prices[202]
    return order, lambda: desk.billing.prices.update({202: 2970})


def without_a_link(desk, order):
    desk.orders.refuses = Refused("CUSTOMER_NOT_LINKED")
    return order, lambda: setattr(desk.orders, "refuses", None)


def without_an_eid(desk, order):
    return order.model_copy(update={"eid": None}), lambda: desk.orders.put(order)


def with_a_plan_nobody_mapped(desk, order):
    return order.model_copy(update={"sim_plan": "SIM-NEW"}), lambda: desk.orders.put(order)


def with_an_option_nobody_mapped(desk, order):
    return order.model_copy(update={"voice_options": ["SIM-NEW"]}), lambda: desk.orders.put(order)


BLOCKS = [
    (without_payment_method, "PAYMENT_METHOD_MISSING"),
    (with_another_price, "PRICE_MISMATCH"),
    (without_a_marker, "MARKER_UNMAPPED"),
    (without_a_product, "PRODUCT_UNMAPPED"),
    (without_a_link, "CUSTOMER_NOT_LINKED"),
    (without_an_eid, "EID_MISSING"),
    (with_a_plan_nobody_mapped, "PRODUCT_UNMAPPED"),
    (with_an_option_nobody_mapped, "PRODUCT_UNMAPPED"),
]


@pytest.mark.parametrize(("wrong", "code"), BLOCKS)
async def test_what_somebody_can_mend_blocks_visibly_and_resumes_by_itself(desk, new_order, wrong, code):  # §2.1, C04
    order, mend = wrong(desk, new_order())
    view = await desk.provision(order)
    assert (view.status, view.code) == ("blocked", code)
    assert [(one.outcome, one.code) for one in desk.orders.outcomes] == [("blocked", code)]  # once, not every 15 min
    assert desk.stages == ["started", "blocked"]
    assert (desk.billing.ledger, desk.sims.requested) == ([], [])
    mend()
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_a_blocked_order_does_not_flicker_in_salesforce(desk):  # C20: Activating would publish the event again
    desk.billing.payment_method = False
    await desk.provision(by=timedelta(hours=5))
    assert len(desk.orders.marks) == 1
    assert len(desk.orders.outcomes) == 1


async def test_somebody_who_asks_anew_wakes_a_blocked_order_at_once(desk):  # R176
    desk.billing.payment_method = False
    await desk.provision(by=timedelta(minutes=1))
    desk.billing.payment_method = True
    await desk.signal("platform_event")
    assert (await desk.run(timedelta(minutes=10))).status == "done"


async def test_an_order_cancelled_while_it_is_blocked_ends(desk, new_order):
    desk.billing.payment_method = False
    await desk.provision(by=timedelta(minutes=1))
    desk.orders.put(new_order(state="cancelled"))
    view = await desk.run(timedelta(hours=1))
    assert (view.status, view.code) == ("failed", "ORDER_NOT_APPROVED")
    assert desk.billing.ledger == []


async def test_a_sim_card_waits_for_staff_instead_of_being_billed_without_a_line(desk, new_order):
    view = await desk.provision(new_order(esim=False, eid=None), by=timedelta(days=1))
    assert (view.status, view.code) == ("blocked", "SIM_CARD_NUMBER_MISSING")
    assert len(desk.orders.outcomes) == 1
    assert (desk.billing.ledger, desk.sims.requested) == ([], [])


async def test_our_wrong_set_up_blocks_and_resumes(desk):
    desk.sims.refuses = Misconfigured("FREEBIT_MISCONFIGURED", facts={"message": "401"})
    view = await desk.provision()
    assert (view.status, view.code) == ("blocked", "FREEBIT_MISCONFIGURED")
    desk.sims.refuses = None
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


# a definite no before the pivot: release, then failed


@pytest.mark.parametrize("code", ["WHMCS_ORDER_REFUSED", "WHMCS_ORDER_CANCELLED"])
async def test_a_refused_reservation_fails_the_order(desk, code):
    desk.billing.refuses = {"reserve": Refused(code, facts={"message": "closed", "whmcs_order_id": 1})}
    view = await desk.provision()
    assert (view.status, view.code) == ("failed", code)
    assert [(one.outcome, one.code) for one in desk.orders.outcomes] == [("failed", code)]
    assert desk.sims.requested == []
    assert "billing.release" in desk.billing.calls


@pytest.mark.parametrize("refused", [Refused("SIM_REFUSED", facts={"pair": "400_320"}), Refused("SIM_IN_USE")])
async def test_a_refused_sim_releases_the_reservation_then_fails(desk, refused):
    desk.sims.refuses = refused
    view = await desk.provision()
    assert (view.status, view.code) == ("failed", refused.code)
    assert desk.billing.ledger == [("created", ORDER), ("cancelled", ORDER)]
    assert desk.orders.outcomes[-1].outcome == "failed"
    assert desk.stages[-1] == "failed"


async def test_an_activation_that_fails_at_the_operator_releases_the_reservation(desk):
    desk.sims.fails.add(EID)
    view = await desk.provision()
    assert (view.code, view.facts["pair"]) == ("SIM_REFUSED", "ACTIVATION_FAILED")
    assert desk.billing.ledger == [("created", ORDER), ("cancelled", ORDER)]
    assert {state for _, state in desk.operations.rows.values()} == {"failed"}


async def test_an_eid_that_is_in_use_is_not_asked_for(desk):
    desk.sims.one_line_per_eid = False  # the operator would give a second line: the look before the request must not
    desk.sims.put(Line("07000009999", LineState.ACTIVE, "active", eid=EID))
    view = await desk.provision()
    assert (view.status, view.code) == ("failed", "SIM_IN_USE")
    assert desk.sims.requested == []


async def test_a_dead_line_on_the_eid_is_no_obstacle_and_not_taken_for_ours(desk):
    desk.sims.put(Line("07000009999", LineState.FAILED, "failed", eid=EID))
    desk.sims.put(Line("07000009998", LineState.ENDED, "cancelled", eid=EID))
    assert (await desk.provision()).status == "done"
    assert [order for order, _ in desk.lines.kept.values()] == [ORDER]
    desk.assert_exactly_one_of_each()


async def test_two_orders_never_hold_one_eid_at_the_same_time(desk, new_order):
    other = "801000000000002AAA"
    desk.sims.one_line_per_eid = False
    desk.orders.put(new_order(order_id=other))
    await desk.signal(order_id=other)
    await desk.provision()
    states = sorted([(await desk.view()).status, (await desk.view(other)).status])
    assert states == ["done", "failed"]
    assert desk.sims.activated == [EID]


async def test_a_failed_order_that_is_asked_for_anew_succeeds_with_another_attempt(desk):  # R176
    desk.sims.fails.add(EID)
    await desk.provision()
    desk.sims.fails.clear()
    desk.clock.advance(60)
    await desk.signal("platform_event")
    assert (await desk.run(timedelta(hours=1))).status == "done"
    assert desk.billing.ledger == [(what, ORDER) for what in ("created", "cancelled", "created", "accepted")]
    assert desk.sims.activated == [EID]
    assert desk.activated
    assert {number: row.state for (_, number), row in desk.attempts.rows.items()} == {1: "failed", 2: "activated"}


# after the pivot only forward


@pytest.mark.parametrize("code", ["WHMCS_ORDER_CANCELLED", "WHMCS_SERVICE_NOT_ACTIVE", "WHMCS_ORDER_REFUSED"])
async def test_a_refusal_after_the_pivot_needs_a_person_and_never_goes_back(desk, code):
    desk.billing.refuses = {"accept": Refused(code, facts={"whmcs_order_id": 900, "message": "x"})}
    view = await desk.provision()
    assert (view.status, view.code) == ("needs_human", code)
    assert "billing.release" not in desk.billing.calls
    assert [(one.outcome, one.code) for one in desk.orders.outcomes] == [("blocked", code)]
    assert desk.stages[-1] == "needs_human"
    desk.billing.refuses = {}
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def an_order_closed_after_its_line_became_active(desk, new_order):
    await desk.provision(by=timedelta(minutes=1))
    desk.orders.put(new_order(state="cancelled"))
    return await desk.run(timedelta(hours=1))


async def test_an_approval_withdrawn_after_the_pivot_is_neither_billed_nor_released(desk, new_order):
    view = await an_order_closed_after_its_line_became_active(desk, new_order)
    assert (view.status, view.code) == ("needs_human", "ORDER_NOT_APPROVED")
    assert view.facts == {"whmcs_order_id": 900, "line": "active"}
    assert desk.billing.ledger == [("created", ORDER)]
    assert desk.activated == []


async def test_an_order_approved_again_after_the_pivot_goes_on(desk, new_order):
    await an_order_closed_after_its_line_became_active(desk, new_order)
    desk.orders.put(new_order())
    assert (await desk.run(timedelta(minutes=20))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_an_order_closed_after_the_pivot_ends_when_staff_end_its_line(desk, new_order):
    await an_order_closed_after_its_line_became_active(desk, new_order)
    desk.sims.lines[0] = replace(desk.sims.lines[0], state=LineState.ENDED, raw_state="ended")
    view = await desk.run(timedelta(minutes=20))
    assert (view.status, view.code) == ("failed", "ORDER_NOT_APPROVED")
    assert desk.billing.ledger == [("created", ORDER), ("cancelled", ORDER)]
    assert desk.stages[-1] == "withdrawn"


async def test_a_reservation_nobody_is_sure_of_needs_a_person_and_resumes(desk):
    desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_UNCLEAR")}
    view = await desk.provision()
    assert (view.status, view.code) == ("needs_human", "WHMCS_ORDER_UNCLEAR")
    desk.billing.refuses = {}
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


@pytest.mark.parametrize(
    ("problem", "status"),
    [(Refused("WHMCS_ORDER_UNCLEAR"), "needs_human"), (Misconfigured("WHMCS_MISCONFIGURED"), "blocked")],
)
async def test_what_an_order_stands_for_is_listed_while_billing_looks_again(desk, problem, status):
    """D13: an operator who lists what needs a person must not miss it for the moment of a look."""
    desk.billing.refuses = {"reserve": problem}
    before = await desk.provision()
    assert (before.status, before.code) == (status, problem.code)
    desk.billing.refuses, desk.billing.working = {}, {"reserve": 1}
    await desk.signal()
    await desk.run()
    assert desk.billing.working == {"reserve": 0}
    looking = await desk.view()
    assert (looking.status, looking.code, looking.facts) == (status, problem.code, before.facts)
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


# voice options


async def test_voice_options_are_on_before_the_customer_is_told(desk, new_order):  # freebit.md 3.6
    view = await desk.provision(new_order(voice_options=["SIM-VOICEMAIL"]))
    assert view.status == "done"
    (line,) = desk.sims.lines
    assert line.voice_options == VoiceOptions(voice_mail=True, call_waiting=False)
    assert desk.sims.options_requested == [line.account]
    desk.assert_exactly_one_of_each()


async def test_a_voice_line_without_add_ons_is_registered_once_with_all_off(desk):
    assert (await desk.provision()).status == "done"
    assert len(desk.sims.options_requested) == 1


async def test_a_data_line_has_no_voice_options(desk, new_order):
    assert (await desk.provision(new_order(voice=False, sim_plan="SIM-DATA-ESIM-10G"))).status == "done"
    assert desk.sims.options_requested == []


@pytest.mark.parametrize("fault", ["unsent", "before", "after", "kill_before", "kill_after"])
async def test_a_lost_request_for_voice_options_is_looked_up_before_it_is_repeated(desk, new_order, fault):
    once = iter([fault])
    desk.sims.faults = lambda call: next(once, None) if call == "sims.register_voice_options" else None
    assert (await desk.provision(new_order(voice_options=["SIM-VOICEMAIL"]), timedelta(hours=3))).status == "done"
    assert len(desk.sims.options_requested) == 1
    desk.assert_exactly_one_of_each()


async def test_refused_voice_options_need_a_person_after_the_order_is_accepted(desk, new_order):
    desk.sims.refuses_options = Refused("SIM_REFUSED", facts={"pair": "400_311"})
    view = await desk.provision(new_order(voice_options=["SIM-VOICEMAIL"]))
    assert (view.status, view.code, view.facts["what"]) == ("needs_human", "SIM_REFUSED", "voice options")
    assert desk.billing.count("accepted", ORDER) == 1
    desk.sims.refuses_options = None
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_options_set_by_hand_are_seen(desk, new_order):
    desk.sims.refuses_options = Refused("SIM_REFUSED", facts={"pair": "400_311"})
    await desk.provision(new_order(voice_options=["SIM-VOICEMAIL"]))
    desk.sims.refuses_options = None
    desk.sims.lines[0] = replace(desk.sims.lines[0], voice_options=VoiceOptions(voice_mail=True))
    assert (await desk.run(timedelta(hours=1))).status == "done"
