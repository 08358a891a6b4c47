"""Orders that are to start at a time, on fakes (C15, C17, C38, R164)."""

from datetime import UTC, datetime, timedelta

import pytest

from portal_contracts.orders import MarkActivating, RecordOutcome
from portal_contracts.problems import Refused

AT = datetime(2026, 4, 11, 0, 30, tzinfo=UTC)
"""Half past nine in the morning, ten days ahead, Japanese time."""


def scheduled(order_id):
    return RecordOutcome(order_id=order_id, attempt=1, outcome="scheduled")


async def place(world, carts, at=AT):
    checkout = await world.check_out(*carts.vpn(), activate_at=at)
    return checkout.orders[0].order_id


@pytest.mark.parametrize("fields", [True, False])
async def test_a_wanted_time_reaches_provisioning_with_and_without_the_orgs_fields(world, carts, fields):
    """C17: without fields scheduling lives in the portal's own row."""
    world.sales.has_fields = fields
    order_id = await place(world, carts)
    assert world.sales.orders[order_id].scheduled is fields
    await world.approve(order_id)
    order = await world.orders.use.read_for_provisioning(order_id)
    assert (order.activation_type, order.scheduled_at) == ("scheduled", AT)
    detail = await world.detail(order_id)
    assert (detail.status.en, detail.status.ja) == ("Scheduled for 2026-04-11 09:30", "2026-04-11 09:30 開通予定")
    assert (detail.who_acts.owner, detail.who_acts.until) == ("us", AT)
    assert "order.rescheduled" not in world.book.kinds(order_id)


@pytest.mark.parametrize(
    ("at", "days"),
    [
        ("2026-04-01T23:59:00+09:00", None),
        ("2026-04-02T00:00:00+09:00", 1),
        ("2026-04-02T00:00:00", 1),
        ("2026-06-30T23:59:00+09:00", 90),
        ("2026-07-01T00:00:00+09:00", None),
        ("2026-03-01T00:00:00+09:00", None),
    ],
)
async def test_a_time_from_tomorrow_to_ninety_days_ahead_may_be_chosen(world, carts, at, days):
    """R164; days are Japanese ones, and a time without a zone is Japanese time."""
    wanted = datetime.fromisoformat(at)
    if days is not None:
        order_id = await place(world, carts, wanted)
        kept = world.book.orders[order_id].scheduled_at
        assert (kept + timedelta(hours=9)).isoformat()[:16] == at[:16]
        return
    with pytest.raises(Refused) as caught:
        await place(world, carts, wanted)
    assert (caught.value.code, dict(caught.value.facts)) == ("SCHEDULE_INVALID", {"days": 90})
    assert [fault.field for fault in caught.value.fields] == ["activateAt"]


async def test_the_not_started_wording_goes_back_when_fulfillment_says_so(world, carts):
    """C38: the Flow wrote Activating; fulfillment alone decides, and a repeat writes nothing."""
    order_id = await place(world, carts)
    await world.approve(order_id, activation="activating")
    await world.processes.run_until_idle()
    assert world.sales.writes == []
    for _ in range(2):
        await world.orders.use.write_progress.record(scheduled(order_id))
    assert world.sales.writes == ["not_started"]
    assert (await world.detail(order_id)).activation == "scheduled"
    assert world.sources == ["change_event"]


async def test_an_error_left_from_before_is_cleared_with_it(world, carts):
    order_id = await place(world, carts)
    await world.approve(order_id, error_code="PRICE_MISMATCH", error_text="PRICE_MISMATCH: differs")
    await world.orders.use.write_progress.record(scheduled(order_id))
    assert world.sales.orders[order_id].error_text is None


@pytest.mark.parametrize("facts", [{"activation": "activated"}, {"activation": "failed"}, {"state": "cancelled"}])
async def test_what_has_ended_never_goes_back(world, carts, facts):
    order_id = await place(world, carts)
    await world.approve(order_id)
    world.sales.change(order_id, **facts)
    await world.orders.use.write_progress.record(scheduled(order_id))
    assert world.sales.writes == []


async def test_a_scheduled_order_that_is_started_early_stays_activating(world, carts):
    """R168: Activate Now is the portal's own write, and no edit afterwards takes it back."""
    order_id = await place(world, carts)
    await world.approve(order_id)
    await world.orders.use.write_progress.mark_activating(MarkActivating(order_id=order_id, attempt=1))
    await world.change(order_id, "BillingCity", address=None)
    await world.processes.run_until_idle()
    assert world.sales.writes == ["activating"]


async def test_a_changed_and_a_removed_date_are_told_and_reach_fulfillment(world, carts):
    order_id = await place(world, carts)
    await world.approve(order_id)
    later = AT + timedelta(days=1)
    await world.change(order_id, "Activation_Scheduled_At__c", scheduled_at=later, message_id="m-1")
    await world.change(
        order_id,
        "Activation_Type__c",
        "Activation_Scheduled_At__c",
        scheduled=False,
        scheduled_at=None,
        message_id="m-2",
    )
    assert world.book.kinds(order_id)[-2:] == ["order.rescheduled", "order.rescheduled"]
    assert world.book.timelines[order_id][-2].text.en == "Scheduled for 2026-04-12 09:30"
    assert world.book.timelines[order_id][-1].text.en == "Starts as soon as possible."


async def test_what_the_preflight_misses_is_asked_of_the_customer_while_the_order_waits(world, carts):
    """R165: still scheduled, and what to do is told with where to do it."""
    order_id = await place(world, carts)
    await world.approve(order_id)
    await world.progress(order_id, "scheduled", until=AT)
    await world.progress(order_id, "preflight_failed", code="PAYMENT_METHOD_MISSING", until=AT)
    detail = await world.detail(order_id)
    assert (detail.activation, detail.who_acts.owner) == ("scheduled", "customer")
    assert detail.who_acts.action == "/billing/payment-methods"
    world.clock.advance(60)
    await world.progress(order_id, "preflight_passed", until=AT)
    assert (await world.detail(order_id)).who_acts.owner == "us"
    texts = [entry.text.ja for entry in world.book.timelines[order_id]]
    assert "2026-04-11 09:30 開通予定" in texts


async def test_a_number_must_still_be_good_on_the_day_that_was_chosen(world, carts):
    """D09: the reservation of the test ends on the day of activation, and two days are needed."""
    voice, fee = carts.sim()
    lines = (voice.model_copy(update={"porting": carts.porting()}), fee)
    with pytest.raises(Refused) as caught:
        await world.check_out(*lines, activate_at=AT)
    assert [(fault.field, fault.code) for fault in caught.value.fields] == [("lines[0].porting", "PORTING_TOO_SHORT")]
    assert (await world.check_out(*lines, activate_at=AT - timedelta(days=1))).state == "placed"
