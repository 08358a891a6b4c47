"""Operators: what they see, and what retry, cancel and activate now do, shown first and done once (D13, R168, R176)."""

from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.testing import operator_call
from portal_contracts.fulfillment import ProvisioningProgressed
from portal_contracts.problems import Refused
from portal_contracts.provisioning import (
    ActivateNow,
    CancelProvisioning,
    ListProvisioning,
    ReadProvisioning,
    RetryProvisioning,
)
from portal_contracts.whmcs_orders import WhmcsOrderDecided
from portal_fulfillment.attempt import Verdict
from portal_fulfillment.take_decision import TakeDecision

ORDER, OTHER, UNKNOWN = "801000000000001AAA", "801000000000002AAA", "801000000000009AAA"
WHO = "operator@staff.example"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def command(of, order_id=ORDER, request_id="request-1", *, dry_run=False):
    return of(order_id=order_id, request_id=request_id, dry_run=dry_run, reason="The customer called")


async def blocked(desk, order=None):
    desk.billing.payment_method = False
    return await desk.provision(order, by=timedelta(minutes=1))


async def failed(desk, order):
    desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_REFUSED", facts={"message": "closed"})}
    await desk.provision(order)
    desk.billing.refuses = {}
    desk.clock.advance(60)


async def decide(desk, decision, order_id=ORDER):
    event = WhmcsOrderDecided(order_id=order_id, decision=decision, requested_by=WHO, occurred_at=desk.clock.now())
    async with desk.database.transaction() as transaction:
        await TakeDecision(desk.look_at_signal)(event, transaction, f"message {decision}")


# retry


async def test_a_retry_wakes_what_stands_still(desk, new_order):
    await blocked(desk, new_order("internet"))
    desk.billing.payment_method = True
    await desk.operate.retry(command(RetryProvisioning), operator_call())
    assert (await desk.run(timedelta(minutes=5))).status == "done"
    desk.assert_exactly_one_of_each(sim=False)


async def test_a_retry_opens_another_attempt_after_a_failed_one(desk, new_order):
    await failed(desk, new_order("internet"))
    outcome = await desk.operate.retry(command(RetryProvisioning), operator_call())
    assert outcome.changes == ("Attempt 2 is opened; attempt 1 has ended as failed.",)
    assert (await desk.run(timedelta(minutes=5))).status == "done"
    started = [event for event in desk.events if getattr(event, "stage", "") == "started"]
    assert [(event.attempt, event.source, event.requested_by) for event in started] == [
        (1, "platform_event", ""),
        (2, "operator", WHO),
    ]


async def test_a_retry_in_the_same_moment_as_the_failure_still_opens_another_attempt(desk, new_order):
    desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_REFUSED", facts={"message": "closed"})}
    await desk.provision(new_order("internet"), by=timedelta())
    desk.billing.refuses = {}
    await desk.operate.retry(command(RetryProvisioning), operator_call())
    assert (await desk.run(timedelta(minutes=5))).status == "done"


async def test_a_retry_does_not_wait_for_the_ladder(desk, new_order):
    desk.billing.faults = lambda _call: "unsent"
    await desk.provision(new_order("internet"), by=timedelta(minutes=4))
    desk.billing.faults = lambda _call: None
    await desk.operate.retry(command(RetryProvisioning), operator_call())
    assert (await desk.run(timedelta(seconds=10))).status == "done"


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(desk, new_order):
    await blocked(desk, new_order("internet"))
    looked = len(desk.billing.calls)
    for of in (RetryProvisioning, CancelProvisioning):
        act = desk.operate.retry if of is RetryProvisioning else desk.operate.cancel
        outcome = await act(command(of, dry_run=True), operator_call())
        assert outcome.changes
        assert not outcome.carried_out
    view = await desk.run(timedelta(minutes=5))
    assert (view.status, len(desk.billing.calls)) == ("blocked", looked)
    assert [action.carried_out for action in desk.operator_desk.actions] == [False, False]


async def test_a_repeated_command_is_done_once_and_everything_is_written_down(desk, new_order):
    await failed(desk, new_order("internet"))
    desk.billing.payment_method = False
    for _ in range(3):
        await desk.operate.retry(command(RetryProvisioning), operator_call())
        await desk.run(timedelta(minutes=1))
    assert len([event for event in desk.events if getattr(event, "stage", "") == "started"]) == 2
    (action,) = [one for one in desk.operator_desk.actions if one.carried_out]
    assert (action.operator, action.target, action.reason) == (WHO, ORDER, "The customer called")


@pytest.mark.parametrize(
    ("of", "name"), [(RetryProvisioning, "retry"), (CancelProvisioning, "cancel"), (ActivateNow, "activate_now")]
)
async def test_an_order_nobody_heard_of_is_not_found(desk, of, name):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await getattr(desk.operate, name)(command(of, UNKNOWN), operator_call())
    assert [one.result for one in desk.operator_desk.actions] == ["NOT_FOUND"]


async def test_an_active_order_is_neither_retried_nor_cancelled(desk, new_order):
    await desk.provision(new_order("internet"))
    with pytest.raises(Refused, match="PROVISIONING_ENDED"):
        await desk.operate.retry(command(RetryProvisioning), operator_call())
    with pytest.raises(Refused, match="PROVISIONING_ENDED"):
        await desk.operate.cancel(command(CancelProvisioning), operator_call())


async def test_only_a_scheduled_order_is_activated_now(desk, new_order):
    await blocked(desk, new_order("internet"))
    with pytest.raises(Refused, match="PROVISIONING_NOT_SCHEDULED"):
        await desk.operate.activate_now(command(ActivateNow), operator_call())


# cancel


async def test_a_cancelled_attempt_releases_what_it_reserved_and_stays_ended(desk, new_order):
    desk.sims.faults = lambda _call: "unsent"
    assert (await desk.provision(by=timedelta(hours=1))).status == "blocked"
    assert desk.billing.ledger == [("created", ORDER)]
    await desk.operate.cancel(command(CancelProvisioning), operator_call())
    view = await desk.run(timedelta(hours=1))
    assert (view.status, view.code) == ("failed", "PROVISIONING_CANCELLED")
    assert desk.billing.ledger == [("created", ORDER), ("cancelled", ORDER)]
    assert (desk.orders.outcomes[-1].outcome, desk.orders.outcomes[-1].code) == ("failed", "PROVISIONING_CANCELLED")
    ended = [event for event in desk.events if isinstance(event, ProvisioningProgressed)][-1]
    assert (ended.stage, ended.requested_by) == ("cancelled", WHO)
    desk.clock.advance(60)
    assert await desk.signal("sweeper") is Verdict.ABSORB
    assert (await desk.show.list(ListProvisioning())).totals == {"cancelled": 1}
    desk.sims.faults = lambda _call: None
    await desk.operate.retry(command(RetryProvisioning, request_id="request-2"), operator_call())
    assert (await desk.run(timedelta(hours=2))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_an_attempt_that_waits_for_the_customer_can_be_cancelled(desk, new_order):
    await blocked(desk, new_order("internet"))
    await desk.operate.cancel(command(CancelProvisioning), operator_call())
    assert (await desk.run(timedelta(minutes=1))).code == "PROVISIONING_CANCELLED"
    assert desk.billing.ledger == []


async def test_a_second_cancel_has_nothing_to_do(desk, new_order):
    await blocked(desk, new_order("internet"))
    await desk.operate.cancel(command(CancelProvisioning), operator_call())
    outcome = await desk.operate.cancel(command(CancelProvisioning, request_id="request-2"), operator_call())
    assert outcome.changes == ("Attempt 1 is on its way back already: nothing to do.",)


async def test_nothing_is_cancelled_past_the_pivot(desk):  # C19
    await desk.provision(by=timedelta(minutes=1))
    with pytest.raises(Refused, match="PROVISIONING_PAST_PIVOT"):
        await desk.operate.cancel(command(CancelProvisioning), operator_call())
    assert (await desk.run(timedelta(hours=1))).status == "done"


async def test_a_cancel_that_meets_a_request_under_way_goes_forward(desk, new_order):
    """The command was given while the request was on its way: the line may live, so the order goes on."""
    desk.orders.put(new_order())
    await desk.signal()

    def cancel_meanwhile(_eid):
        row = desk.attempts.rows[ORDER, 1]
        desk.attempts.rows[ORDER, 1] = type(row)(
            **{name: getattr(row, name) for name in row.__slots__} | {"cancelled_by": WHO}
        )

    desk.sims.on_request = cancel_meanwhile
    desk.sims.faults = lambda call: (
        "kill_after" if call == "sims.activate" and desk.sims.calls.count(call) == 1 else None
    )
    assert (await desk.run(timedelta(hours=3))).status == "done"
    assert desk.billing.count("cancelled", ORDER) == 0


# decisions taken at billing


async def unclear(desk, order):
    desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_UNCLEAR")}
    await desk.provision(order, by=timedelta(minutes=1))
    desk.billing.refuses = {}


@pytest.mark.parametrize("decision", ["linked", "retried"])
async def test_a_decision_at_billing_wakes_the_order_at_once(desk, new_order, decision):
    await unclear(desk, new_order("internet"))
    await decide(desk, decision)
    assert (await desk.run(timedelta(minutes=1))).status == "done"
    assert "resumed" in desk.stages
    signals = (await desk.show.read(ReadProvisioning(order_id=ORDER))).signals
    assert (signals[-1].source, signals[-1].requested_by, signals[-1].verdict) == ("operator", WHO, "wake")


async def test_a_reservation_cancelled_at_billing_takes_the_order_the_way_back(desk, new_order):
    await unclear(desk, new_order("internet"))
    await decide(desk, "cancelled")
    view = await desk.run(timedelta(minutes=1))
    assert (view.status, view.code) == ("failed", "PROVISIONING_CANCELLED")
    assert not desk.billing.is_reserved(ORDER)


async def test_a_decision_about_an_order_that_has_ended_changes_nothing(desk, new_order):
    await failed(desk, new_order("internet"))
    for decision in ("linked", "retried", "cancelled"):
        await decide(desk, decision)
        await decide(desk, decision, UNKNOWN)
    assert (await desk.run(timedelta(hours=1))).status == "failed"


# what operators see


async def test_a_list_shows_how_orders_stand_and_who_must_act(desk, new_order):
    await blocked(desk, new_order("internet"))
    desk.clock.advance(60)
    desk.orders.put(new_order("internet", order_id=OTHER, state="cancelled"))
    await desk.signal(order_id=OTHER)
    await desk.run(timedelta(minutes=2))
    found = await desk.show.list(ListProvisioning())
    assert [(one.order_id, one.status, one.code, one.owner) for one in found.processes] == [
        (ORDER, "blocked", "PAYMENT_METHOD_MISSING", "customer"),
        (OTHER, "failed", "ORDER_NOT_APPROVED", "staff"),
    ]
    assert (found.totals, found.more) == ({"blocked": 1, "failed": 1}, False)
    assert found.processes[0].due_at > desk.clock.now()
    for filtered in (
        ListProvisioning(status="blocked"),
        ListProvisioning(code="PAYMENT_METHOD_MISSING"),
        ListProvisioning(standing_longer_than_seconds=60),
    ):
        assert [one.order_id for one in (await desk.show.list(filtered)).processes] == [ORDER]
    assert not (await desk.show.list(ListProvisioning(standing_longer_than_seconds=3600))).processes


async def test_a_list_goes_on_where_the_page_before_ended(desk, new_order):
    orders = [f"8010000000000{number:02d}AAA" for number in range(1, 6)]
    desk.billing.payment_method = False
    for order_id in orders:
        desk.orders.put(new_order("internet", order_id=order_id))
        await desk.signal(order_id=order_id)
        desk.clock.advance(1)
    await desk.run()
    seen, after = [], None
    while True:
        page = await desk.show.list(ListProvisioning(limit=2, after_order_id=after))
        seen += [one.order_id for one in page.processes]
        if not page.more:
            break
        after = seen[-1]
    assert seen == orders


async def test_a_file_shows_attempts_signals_journal_and_trace_and_nothing_personal(desk, new_order):  # D13, I12
    desk.orders.put(new_order())
    await desk.signal("platform_event", request_id="event-1", requested_by="staff", correlation_id="flow-7")
    await desk.signal("change_event", request_id="change-1", at=datetime(2026, 4, 1, tzinfo=UTC))
    for _ in range(3):
        await desk.signal("sweeper")
    await desk.run(timedelta(hours=2))
    file = await desk.show.read(ReadProvisioning(order_id=ORDER))
    assert (file.summary.status, file.facts["whmcs_order_id"], file.facts["whmcs_service_id"]) == ("done", 900, 1900)
    (attempt,) = file.attempts
    assert (attempt.state, attempt.request_id, attempt.requested_by, attempt.correlation_id) == (
        "activated",
        "event-1",
        "staff",
        "flow-7",
    )
    assert [(one.source, one.request_id, one.verdict) for one in file.signals] == [
        ("platform_event", "event-1", "open"),
        ("change_event", "change-1", "absorb"),
        ("sweeper", "request-3", "absorb"),
    ]
    assert {entry.state for entry in file.journal} == {"succeeded"}
    assert {entry.attempt for entry in file.journal} == {1}
    text = file.model_dump_json()
    line = desk.sims.lines[0]
    for secret in (line.eid, line.account, line.iccid, line.activation_code):
        assert secret not in text


async def test_a_file_names_the_trace_of_whoever_asked(desk, new_order):
    from portal_contracts.orders import ProvisionRequested  # noqa: PLC0415 - only here

    desk.orders.put(new_order("internet"))
    event = ProvisionRequested(
        order_id=ORDER, source="platform_event", request_id="event-1", occurred_at=desk.clock.now()
    )
    async with desk.database.transaction() as transaction:
        await desk.look_at_signal(event, transaction, TRACEPARENT)
    assert (await desk.show.read(ReadProvisioning(order_id=ORDER))).trace_id == TRACEPARENT.split("-")[1]


async def test_a_file_of_an_order_nobody_heard_of_is_not_found(desk):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await desk.show.read(ReadProvisioning(order_id=UNKNOWN))
