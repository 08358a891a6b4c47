"""Hints on fakes: what staff do shows and is told, and every source of an approval asks for provisioning."""

from datetime import timedelta

import pytest

from portal_contracts.changefeed import EventsMissed, OrderChanged, OrderItemChanged, ProvisionEventReceived
from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed
from portal_contracts.orders import MarkActivating, OrderRejected, ProvisionRequested, TimelineGrew
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import long_salesforce_id
from portal_orders.testing import ACCOUNT

STRANGER = "001000000000009AAA"


def changed(world, order_id, *fields, by_us=False, change="updated"):
    now = world.clock.now()
    return OrderChanged(record_id=order_id, change=change, fields=fields, by_us=by_us, committed_at=now)


def provision_event(world, order_id, **facts):
    return ProvisionEventReceived(order_id=order_id, event_id="event-1", occurred_at=world.clock.now(), **facts)


def sources(world):
    return [event.source for event in world.recorded(ProvisionRequested)]


async def approve(world, order_id, **facts):
    world.sales.change(order_id, state="approved", **facts)
    await world.deliver(changed(world, order_id, "Status"))
    await world.follow()


async def test_an_approval_is_told_once_and_asks_for_provisioning(world):
    order_id = await world.place_one()
    await approve(world, order_id)
    await world.deliver(changed(world, order_id, "Description"), "message-2")
    await world.follow()
    assert world.book.kinds(order_id) == ["order.placed", "order.approved"]
    assert sources(world) == ["change_event"]
    assert (await world.detail(order_id)).status.en == "Approved"


async def test_the_portals_own_change_is_no_signal(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    await world.deliver(changed(world, order_id, "Status", by_us=True))
    assert not world.hints.kept


async def test_an_edit_elsewhere_is_no_signal(world):
    """A failed order must not be retried because somebody mended a typo (§2.1)."""
    order_id = await world.place_one()
    await approve(world, order_id, activation="failed", error_code="SIM_REFUSED")
    before = len(sources(world))
    await world.deliver(changed(world, order_id, "Description"), "message-2")
    await world.follow()
    assert len(sources(world)) == before


async def test_the_platform_event_names_its_order_in_either_form(world):
    """C20, R146: ids are 18 characters from the edge on."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    await world.deliver(provision_event(world, order_id[:15], requested_by="staff@example.jp"))
    await world.follow()
    request = world.recorded(ProvisionRequested)[0]
    assert (request.order_id, request.source, request.requested_by) == (order_id, "platform_event", "staff@example.jp")
    assert request.request_id == "event-1"


@pytest.mark.parametrize(
    "facts", [{"order_id": ""}, {"order_id": "nonsense"}, {"order_id": "801000000000001AAA", "version": 2}]
)
async def test_an_event_nobody_can_read_is_a_dead_letter(world, facts):
    """R146, R150: the consumer raises, the chassis buries."""
    with pytest.raises(ValueError, match=r"id|version"):
        await world.deliver(provision_event(world, **facts))
    assert not world.hints.kept


async def test_an_event_ahead_of_its_commit_is_looked_at_for_a_minute(world):
    order_id = await world.place_one()
    await world.deliver(provision_event(world, order_id))
    for _ in range(30):
        await world.follow()
        world.clock.advance(1)
    assert sources(world) == []
    world.sales.change(order_id, state="approved")
    world.clock.advance(1)
    await world.follow()
    assert sources(world) == ["platform_event"]


async def test_an_event_for_what_is_rolled_back_is_left_to_the_sweeper_after_a_minute(world):
    order_id = await world.place_one()
    await world.deliver(provision_event(world, order_id))
    await world.deliver(provision_event(world, "801000000000077AAA"), "message-2")
    world.clock.advance(61)
    await world.follow()
    assert not world.hints.kept
    assert sources(world) == []


async def test_the_sweeper_alone_finds_an_approved_order_and_asks_once(world):
    """C01."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    for _ in range(3):
        await world.sweep()
        world.clock.advance(5)
    assert sources(world) == ["sweeper"]
    assert world.book.kinds(order_id) == ["order.placed", "order.approved"]


async def test_the_sweeper_asks_again_when_nobody_moved_and_not_when_somebody_did(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    await world.sweep()
    world.clock.advance(601)
    await world.sweep()
    assert sources(world) == ["sweeper", "sweeper"]
    await progress(world, order_id, "started")
    world.clock.advance(601)
    await world.sweep()
    assert len(sources(world)) == 2


async def test_the_sweeper_leaves_failed_orders_alone_until_staff_retry(world):
    """§2.1: a retry is a change by staff; the sweeper speaks for one whose event was missed."""
    order_id = await world.place_one()
    await approve(world, order_id)
    await progress(world, order_id, "failed", code="SIM_REFUSED")
    world.sales.change(order_id, activation="failed", error_code="SIM_REFUSED")
    await world.sweep()
    assert sources(world) == ["change_event"]
    world.sales.change(order_id, activation="activating", error_code=None)
    await world.sweep()
    assert sources(world) == ["change_event", "change_event"]


async def test_the_sweeper_does_not_ask_for_accounts_without_a_customer(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    world.book.orders.clear()
    world.customers.links.clear()
    for _ in range(3):
        await world.sweep()
    assert sources(world) == []
    assert not world.book.orders


async def test_an_explicit_signal_is_passed_on_even_for_a_stranger(world):
    """So that fulfillment writes CUSTOMER_NOT_LINKED where staff see it."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    world.book.orders.clear()
    world.customers.links.clear()
    await world.deliver(provision_event(world, order_id))
    await world.follow()
    assert sources(world) == ["platform_event"]


async def test_the_sweep_finds_what_no_event_told(world):
    """C29: a lost change event freezes nothing."""
    order_id = await world.place_one()
    await world.sweep()
    world.clock.advance(3600)
    world.sales.change(order_id, address=None, items=world.sales.orders[order_id].items[:1])
    world.clock.advance(3600)
    await world.deliver(EventsMissed(topic="x", reason="gap_event", detected_at=world.clock.now()))
    await world.processes.run_until_idle()
    await world.follow()
    assert len((await world.detail(order_id)).items) == 1


async def test_a_sweep_survives_salesforces_absence(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    world.sales.away = True
    await world.sweep()
    world.sales.away = False
    world.clock.advance(30)
    await world.processes.run_until_idle()
    await world.follow()
    assert sources(world) == ["sweeper"]


async def test_hints_wait_while_salesforce_is_away(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    await world.deliver(changed(world, order_id, "Status"))
    world.sales.away = True
    with pytest.raises(TryLater):
        await world.follow()
    world.sales.away = False
    assert await world.follow() == 0
    world.clock.advance(5)
    await world.follow()
    assert sources(world) == ["change_event"]


async def test_many_hints_are_one_reading(world, carts):
    checkout = await world.check_out(*carts.sim(), *carts.vpn())
    for number in range(20):
        for order in checkout.orders:
            await world.deliver(changed(world, order.order_id, "Status"), f"{order.order_id}-{number}")
    before = world.sales.reads
    await world.follow()
    assert world.sales.reads == before + 1


async def test_an_items_change_leads_to_its_order(world):
    order_id = await world.place_one()
    world.sales.change(order_id, items=world.sales.orders[order_id].items[:1])
    item = long_salesforce_id(f"802{order_id[3:15]}")
    now = world.clock.now()
    await world.deliver(OrderItemChanged(record_id=item, change="updated", fields=[], by_us=False, committed_at=now))
    gone = OrderItemChanged(record_id="802000000000099AAA", change="deleted", fields=[], by_us=False, committed_at=now)
    await world.deliver(gone, "message-2")
    await world.follow()
    assert len((await world.detail(order_id)).items) == 1
    assert not world.hints.kept


async def test_a_hint_during_a_checkout_waits_for_the_checkouts_own_row(world, carts):
    world.sales.lost_answers = []
    placed = world.sales.place

    async def then_away(order, opportunity_id):
        found = await placed(order, opportunity_id)
        world.sales.away = True
        return found

    world.sales.place = then_away
    assert (await world.check_out(*carts.sim(), *carts.vpn())).state == "working"
    world.sales.away, world.sales.place = False, placed
    order_id = next(iter(world.sales.orders))
    await world.deliver(changed(world, order_id, "Status"))
    await world.follow()
    assert not world.book.orders
    world.clock.advance(60)
    await world.processes.run_until_idle()
    await world.follow()
    assert not world.hints.kept
    assert world.book.kinds(order_id) == ["order.placed"]


async def test_a_rejection_is_announced_in_our_words_and_voids_the_opportunity(world):
    """R129, R265, C36, C40."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="cancelled", rejection_reason="rude customer")
    await world.deliver(changed(world, order_id, "Status"))
    await world.follow()
    await world.processes.run_until_idle()
    assert [event.order_id for event in world.recorded(OrderRejected)] == [order_id]
    opportunity = world.sales.opportunities[world.sales.orders[order_id].opportunity_id]
    assert (opportunity.stage, opportunity.reason) == ("void", "rude customer")
    mail = await world.orders.use.read_orders.mail(order_id)
    texts = str(mail) + str(world.book.timelines[order_id]) + str(await world.detail(order_id))
    assert mail.rejection is not None
    assert "rude" not in texts
    assert (await world.detail(order_id)).activation is None


async def test_a_cancellation_after_approval_is_no_rejection(world):
    order_id = await world.place_one()
    await approve(world, order_id)
    world.sales.change(order_id, state="cancelled")
    await world.deliver(changed(world, order_id, "Status"), "message-2")
    await world.follow()
    assert not world.recorded(OrderRejected)
    assert world.book.kinds(order_id)[-1] == "order.cancelled"
    assert (await world.orders.use.read_orders.mail(order_id)).rejection is None


async def test_a_rejected_orders_opportunity_is_voided_however_long_salesforce_is_away(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="cancelled")
    await world.deliver(changed(world, order_id, "Status"))
    await world.follow()
    world.sales.away = True
    await world.processes.run_until_idle()
    world.sales.away = False
    world.clock.advance(3600)
    await world.processes.run_until_idle()
    assert {one.stage for one in world.sales.opportunities.values()} == {"void"}


async def test_a_scheduled_order_is_shown_as_such_whatever_its_activation_says(world):
    """C38, R164: the not-started wording goes back; fulfillment hears at once and waits for the day."""
    order_id = await world.place_one()
    day = world.clock.now() + timedelta(days=10)
    await approve(world, order_id, scheduled=True, scheduled_at=day, activation="activating")
    await world.processes.run_until_idle()
    assert world.sales.writes == ["not_started"]
    detail = await world.detail(order_id)
    assert (detail.activation, detail.status.en) == ("scheduled", "Scheduled for 2026-04-11")
    assert detail.status.ja == "2026-04-11 開通予定"
    assert sources(world) == ["change_event"]
    assert world.book.kinds(order_id) == ["order.placed", "order.approved", "order.rescheduled"]


async def test_a_scheduled_order_that_is_started_early_stays_activating(world):
    """R168: Activate Now is the portal's own write, and no edit afterwards takes it back."""
    order_id = await world.place_one()
    await approve(world, order_id, scheduled=True, scheduled_at=world.clock.now() + timedelta(days=10))
    await world.orders.use.write_progress.mark_activating(MarkActivating(order_id=order_id, attempt=1))
    world.sales.change(order_id, address=None)
    await world.deliver(changed(world, order_id, "BillingCity"), "message-2")
    await world.follow()
    await world.processes.run_until_idle()
    assert world.sales.writes == ["activating"]


async def test_a_late_signal_for_a_completed_order_is_told_as_absorbed(world):
    """C01: the timeline shows every source."""
    order_id = await world.place_one()
    await approve(world, order_id)
    world.sales.change(order_id, state="completed", activation="activated", whmcs_order_id=7)
    await world.deliver(provision_event(world, order_id), "message-2")
    await world.follow()
    assert sources(world) == ["change_event"]
    assert world.book.kinds(order_id)[-1] == "provisioning.absorbed"


async def test_an_older_reading_never_overwrites_a_newer_one(world):
    order_id = await world.place_one()
    old = world.sales.orders[order_id]
    await approve(world, order_id)
    async with world.database.transaction() as transaction:
        kept = await world.orders.take_reading(transaction, old, [], ours=False)
    assert kept.state == "approved"
    assert len(kept.items) == 2


async def test_one_order_nobody_can_follow_does_not_stop_the_others(world, carts):
    checkout = await world.check_out(*carts.sim(), *carts.vpn())
    first, second = sorted(order.order_id for order in checkout.orders)
    world.sales.change(first, state="approved", account_id=None)
    world.sales.change(second, state="approved")
    del world.book.orders[first]

    async def broken(account_id):
        raise ZeroDivisionError

    world.customers.link = broken
    for number, order_id in enumerate((first, second)):
        await world.deliver(changed(world, order_id, "Status"), f"message-{number}")
    await world.follow()
    assert [event.order_id for event in world.recorded(ProvisionRequested)] == [second]
    assert [hint.record_id for hint in world.hints.kept] == [first]


async def progress(world, order_id, stage, **facts):
    event = ProvisioningProgressed(order_id=order_id, attempt=1, stage=stage, occurred_at=world.clock.now(), **facts)
    await world.deliver(event, f"{order_id}-{stage}")


async def test_fulfillments_progress_is_in_the_timeline_in_both_languages(world):
    order_id = await world.place_one()
    await progress(world, order_id, "started", source="platform_event")
    await progress(world, order_id, "blocked", code="PAYMENT_METHOD_MISSING")
    await progress(world, order_id, "absorbed", source="sweeper")
    read = world.orders.use.read_orders
    timeline = await read.timeline(order_id, ACCOUNT, 1)
    assert [entry.kind for entry in timeline.entries] == [
        "provisioning.started",
        "provisioning.blocked",
        "provisioning.absorbed",
    ]
    started, blocked, _ = timeline.entries
    assert "Salesforce's event" in started.text.en
    assert (blocked.who_acts.owner, blocked.who_acts.action) == ("customer", "/billing/payment-methods")
    assert "お支払い方法" in blocked.text.ja
    assert [event.sequence for event in world.recorded(TimelineGrew)] == [1, 2, 3, 4]
    assert (timeline.last_sequence, (await world.detail(order_id)).timeline_sequence) == (4, 4)
    assert (await read.timeline(order_id, ACCOUNT, 4)).entries == []


async def test_a_parked_order_takes_longer_than_usual_until_it_moves(world):
    order_id = await world.place_one()
    await approve(world, order_id, activation="activating")
    await progress(world, order_id, "needs_human", code="SIM_UNCLEAR")
    assert (await world.detail(order_id)).activation == "needs_reconciliation"
    await progress(world, order_id, "sim_active")
    assert (await world.detail(order_id)).activation == "activating"
    world.clock.advance(3600)
    assert (await world.detail(order_id)).status.en == "Taking longer than usual"


async def test_the_end_is_in_the_timeline(world):
    order_id = await world.place_one()
    event = OrderActivated(
        order_id=order_id,
        account_id=ACCOUNT,
        whmcs_order_id=7,
        whmcs_service_id=8,
        category="vpn",
        occurred_at=world.clock.now(),
    )
    await world.deliver(event)
    assert world.book.kinds(order_id) == ["order.placed", "order.activated"]


async def test_orders_from_before_the_portal_are_fetched_once(world, carts):
    order_id = await world.place_one()
    world.book.orders.clear()
    world.checkouts.rows.clear()
    read = world.orders.use.read_orders
    world.sales.away = True
    assert (await read.all(ACCOUNT)).orders == []
    world.sales.away = False
    world.clock.advance(31)
    assert [order.order_id for order in (await read.all(ACCOUNT)).orders] == [order_id]
    before = world.sales.reads
    await read.all(ACCOUNT)
    assert world.sales.reads == before


async def test_a_stranger_finds_nothing(world):
    """R098."""
    order_id = await world.place_one()
    read = world.orders.use.read_orders
    for action in (read.one(order_id, STRANGER), read.timeline(order_id, STRANGER, 0)):
        with pytest.raises(Refused) as caught:
            await action
        assert caught.value.code == "NOT_FOUND"
    assert (await read.all(STRANGER)).orders == []


async def test_a_draft_is_not_visible(world):
    """R111."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="draft")
    await world.deliver(changed(world, order_id, "Status"))
    await world.follow()
    assert (await world.orders.use.read_orders.all(ACCOUNT)).orders == []
    with pytest.raises(Refused):
        await world.detail(order_id)
