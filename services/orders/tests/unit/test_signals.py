"""Signals on fakes: every source of an approval asks for provisioning, and each has a defined end."""

import pytest
from prometheus_client import REGISTRY

from portal_chassis.memory import InMemoryTransaction
from portal_chassis.telemetry import continue_from, current_traceparent
from portal_contracts.changefeed import OrderChanged, OrderItemChanged, ProvisionEventReceived
from portal_contracts.orders import OrderWithdrawn, ProvisionRequested
from portal_contracts.values import long_salesforce_id


def changed(world, order_id, *fields, by_us=False, change="updated"):
    now = world.clock.now()
    return OrderChanged(record_id=order_id, change=change, fields=fields, by_us=by_us, committed_at=now)


def provision_event(world, order_id, **facts):
    return ProvisionEventReceived(order_id=order_id, event_id="event-1", occurred_at=world.clock.now(), **facts)


async def test_an_approval_is_told_once_and_asks_for_provisioning(world):
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.deliver(changed(world, order_id, "Description"), "message-2")
    await world.follow()
    assert world.book.kinds(order_id) == ["order.placed", "order.approved"]
    assert world.sources == ["change_event"]
    assert (await world.detail(order_id)).status.en == "Approved"


async def test_the_portals_own_change_is_no_signal(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    await world.deliver(changed(world, order_id, "Status", by_us=True))
    assert not world.hints.kept


async def test_an_edit_elsewhere_is_no_signal(world):
    """A failed order must not be retried because somebody mended a typo (§2.1)."""
    order_id = await world.place_one()
    await world.approve(order_id, activation="failed", error_code="SIM_REFUSED")
    before = len(world.sources)
    await world.deliver(changed(world, order_id, "Description"), "message-2")
    await world.follow()
    assert len(world.sources) == before


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
    assert world.sources == []
    world.sales.change(order_id, state="approved")
    world.clock.advance(1)
    await world.follow()
    assert world.sources == ["platform_event"]


async def test_an_event_for_what_is_rolled_back_is_left_to_the_sweeper_after_a_minute(world):
    order_id = await world.place_one()
    await world.deliver(provision_event(world, order_id))
    await world.deliver(provision_event(world, "801000000000077AAA"), "message-2")
    world.clock.advance(61)
    await world.follow()
    assert not world.hints.kept
    assert world.sources == []


async def test_an_explicit_signal_is_passed_on_even_for_a_stranger(world):
    """So that fulfillment writes CUSTOMER_NOT_LINKED where staff see it."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    world.book.orders.clear()
    world.customers.links.clear()
    await world.deliver(provision_event(world, order_id))
    await world.follow()
    assert world.sources == ["platform_event"]


async def test_a_late_signal_for_a_completed_order_is_told_as_absorbed(world):
    """C01: the timeline shows every source."""
    order_id = await world.place_one()
    await world.approve(order_id)
    world.sales.change(order_id, state="completed", activation="activated", whmcs_order_id=7)
    await world.deliver(provision_event(world, order_id), "message-2")
    await world.follow()
    assert world.sources == ["change_event"]
    assert world.book.kinds(order_id)[-1] == "provisioning.absorbed"


async def test_who_asked_and_the_correlation_travel_with_the_request(world):
    """R148, R149."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    await world.deliver(
        provision_event(world, order_id, requested_by="staff@example.jp", correlation_id="approval-0001")
    )
    await world.follow()
    request = world.recorded(ProvisionRequested)[0]
    assert (request.requested_by, request.correlation_id) == ("staff@example.jp", "approval-0001")


async def test_a_hundred_copies_of_one_event_are_one_request(world):
    """T-11: whoever repeats an event, also in the other form of its id, asks once."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    for number in range(100):
        await world.deliver(provision_event(world, order_id[: 15 if number % 2 else 18]), f"copy-{number}")
    await world.follow()
    assert world.sources == ["platform_event"]
    assert not world.hints.kept


async def test_an_event_for_a_cancelled_order_ends_in_the_timeline(world):
    order_id = await world.place_one()
    await world.change(order_id, "Status", state="cancelled")
    await world.deliver(provision_event(world, order_id, requested_by="staff@example.jp"), "message-2")
    await world.follow()
    assert world.sources == []
    entry = (await world.orders.use.read_orders.file(order_id)).timeline[-1]
    assert (entry.kind, entry.requested_by) == ("order.signal_ignored", "staff@example.jp")
    assert "staff@example.jp" not in str(world.book.timelines[order_id]), "customers do not see staff's addresses"


async def test_an_event_whose_approval_never_comes_ends_in_the_timeline_and_the_sweeper_finds_a_later_one(world):
    """T-13."""
    order_id = await world.place_one()
    await world.deliver(provision_event(world, order_id))
    world.clock.advance(61)
    await world.follow()
    assert world.book.kinds(order_id)[-1] == "order.signal_ignored"
    world.sales.change(order_id, state="approved")
    await world.sweep()
    assert world.sources == ["sweeper"]


@pytest.mark.parametrize("field", ["Activation_Scheduled_At__c", "SIM_Card_Number__c"])
async def test_what_an_approved_order_waits_for_is_a_signal_when_it_changes(world, field):
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.progress(order_id, "blocked", code="SIM_CARD_NUMBER_MISSING")
    await world.change(order_id, field)
    assert world.sources == ["change_event", "change_event"]


async def test_a_corrected_item_wakes_what_waits_for_it(world):
    """§2.1: a price that staff corrected resumes the order at once."""
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.progress(order_id, "blocked", code="PRICE_MISMATCH")
    item, now = long_salesforce_id(f"802{order_id[3:15]}"), world.clock.now()
    await world.deliver(OrderItemChanged(record_id=item, change="updated", by_us=False, committed_at=now), "item-1")
    await world.follow()
    assert [event.order_id for event in world.recorded(ProvisionRequested)] == [order_id, order_id]


@pytest.mark.parametrize("stage", ["failed", "withdrawn", "cancelled"])
async def test_an_edit_of_data_starts_nothing_again_that_has_ended(world, stage):
    """§2.1: after a failure only an explicit retry opens another attempt."""
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.progress(order_id, stage, code="SIM_REFUSED")
    await world.change(order_id, "SIM_Card_Number__c")
    assert world.sources == ["change_event"]
    await world.change(order_id, "Activation_Status__c", message_id="retry", activation="activating")
    assert world.sources == ["change_event", "change_event"]


async def test_a_request_continues_the_trace_of_its_signal(world):
    """The checkout's trace is linked from it later, so it must not get lost on the way through the hint."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    seen = []
    recorded = InMemoryTransaction.record

    class Watched(InMemoryTransaction):
        async def record(self, event):
            seen.append(current_traceparent())
            await recorded(self, event)

    with continue_from(traceparent):
        await world.deliver(provision_event(world, order_id))
    hint = world.hints.kept[0]
    assert hint.traceparent == traceparent
    transaction = Watched(events=[])
    reading = world.sales.orders[order_id]
    await world.orders.follow.pass_signals(transaction, [hint], reading, None, known=True)
    assert seen == [traceparent]


async def test_an_order_that_was_deleted_is_shown_as_cancelled_and_comes_back_when_it_is_undeleted(world):
    order_id = await world.place_one()
    deleted = world.sales.orders.pop(order_id)
    world.clock.advance(3600)
    await world.deliver(changed(world, order_id, change="deleted"))
    await world.follow()
    assert (await world.detail(order_id)).state == "cancelled"
    assert world.book.kinds(order_id)[-1] == "order.removed"
    assert [event.why for event in world.recorded(OrderWithdrawn)] == ["removed"]
    world.sales.orders[order_id] = deleted
    world.sales.change(order_id)
    await world.deliver(changed(world, order_id, change="undeleted"), "message-2")
    await world.follow()
    assert (await world.detail(order_id)).state == "pending_review"


async def test_a_young_order_that_cannot_be_read_yet_is_not_taken_for_deleted(world):
    """Queries lag behind writes by seconds."""
    order_id = await world.place_one()
    world.sales.orders.pop(order_id)
    await world.deliver(changed(world, order_id))
    await world.follow()
    assert (await world.detail(order_id)).state == "pending_review"


async def test_signals_and_the_time_staff_took_are_counted(world):
    """R013: time from placed to approved is staff's part of the time to activate."""

    def read(name, **labels):
        return REGISTRY.get_sample_value(name, labels or None) or 0.0

    forwarded = {"source": "change_event", "outcome": "forwarded"}
    before = read("portal_orders_signals_total", **forwarded), read("portal_orders_review_seconds_sum")
    order_id = await world.place_one()
    world.clock.advance(7200)
    await world.approve(order_id)
    assert read("portal_orders_signals_total", **forwarded) == before[0] + 1
    assert 7200 <= read("portal_orders_review_seconds_sum") - before[1] < 7201
