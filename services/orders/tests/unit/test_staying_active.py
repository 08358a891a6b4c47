"""A finished order stays active in Salesforce, whoever writes otherwise: we ourselves, late, or somebody by mistake."""

import pytest

from portal_contracts.changefeed import OrderChanged
from portal_contracts.orders import MarkActivating, RecordOutcome
from portal_contracts.problems import Refused, TryLater


@pytest.fixture
async def finished(world):
    order_id = await world.place_one()
    await world.approve(order_id)
    write = world.orders.use.write_progress
    await write.mark_activating(MarkActivating(order_id=order_id, attempt=1))
    done = RecordOutcome(order_id=order_id, attempt=1, outcome="activated", whmcs_order_id=7, whmcs_service_id=8)
    await write.record(done)
    world.clock.advance(600)
    return order_id


async def in_our_name(world, order_id, **facts):
    """Have an order changed as the integration user does, and followed."""
    world.sales.change(order_id, **facts)
    now = world.clock.now()
    event = OrderChanged(
        record_id=order_id, change="updated", fields=["Activation_Status__c"], by_us=True, committed_at=now
    )
    await world.deliver(event, f"in-our-name-{now.isoformat()}")
    await world.follow()


@pytest.mark.parametrize("activation", ["activating", "not_started", "failed"])
async def test_what_sets_a_finished_order_back_in_our_name_is_noticed_and_written_again(world, finished, activation):
    await in_our_name(world, finished, activation=activation, error_code="SIM_REFUSED", error_text="SIM_REFUSED: no")
    order = world.sales.orders[finished]
    assert (order.state, order.activation, order.error_code) == ("completed", "activated", None)
    assert (order.whmcs_order_id, order.whmcs_service_id) == (7, 8)
    assert (await world.detail(finished)).activation == "activated"
    assert world.book.kinds(finished)[-1] == "order.put_right"


async def test_staff_who_set_a_finished_order_back_are_corrected_too(world, finished):
    await world.change(finished, "Activation_Status__c", activation="activating")
    assert world.sales.orders[finished].activation == "activated"


async def test_the_sweeper_notices_what_no_event_told(world, finished):
    world.sales.change(finished, activation="activating")
    await world.sweep()
    assert world.sales.orders[finished].activation == "activated"


async def test_an_order_that_is_set_back_again_and_again_is_left_to_staff(world, finished):
    for _ in range(5):
        await in_our_name(world, finished, activation="activating")
        world.clock.advance(60)
    assert world.sales.orders[finished].activation == "activating"
    assert world.sales.writes.count("activation_again") == 3


async def test_it_is_written_again_when_salesforce_is_back(world, finished):
    world.sales.lost_answers = ["activation_again"]
    await in_our_name(world, finished, activation="activating")
    assert world.sales.orders[finished].activation == "activated"
    world.sales.change(finished, activation="activating")
    world.clock.advance(5)
    await world.follow()
    assert world.sales.orders[finished].activation == "activated"
    assert not world.hints.kept


@pytest.mark.parametrize("facts", [{"state": "cancelled"}, {"state": "approved"}, {"activation": "unknown"}])
async def test_what_staff_decide_about_a_finished_order_stands(world, finished, facts):
    await world.change(finished, "Status", **facts)
    assert "activation_again" not in world.sales.writes


async def test_our_own_writes_are_no_reason_to_read(world):
    """They are taken into the rows by whoever writes; only a finished order has nobody left to look."""
    order_id = await world.place_one()
    await world.approve(order_id)
    write = world.orders.use.write_progress
    await write.mark_activating(MarkActivating(order_id=order_id, attempt=1))
    event = {"record_id": order_id, "change": "updated", "fields": ["Status"], "by_us": True}
    await world.deliver(OrderChanged(**event, committed_at=world.clock.now()), "marked")
    done = RecordOutcome(order_id=order_id, attempt=1, outcome="activated", whmcs_order_id=7, whmcs_service_id=8)
    await write.record(done)
    await world.deliver(OrderChanged(**event, committed_at=world.clock.now()), "done")
    assert not world.hints.kept


async def test_a_write_that_was_given_up_and_lands_late_changes_nothing(world, finished):
    """Found by the fault matrix: a mark took effect minutes after the order was finished."""
    stale = next(iter(world.sales.orders.values()))
    world.sales.change(finished)
    with pytest.raises(TryLater):
        await world.sales.write_activating(stale)
    assert world.sales.orders[finished].activation == "activated"


async def test_an_order_that_moves_between_reading_and_writing_is_read_again(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    write, written = world.orders.use.write_progress, world.sales.write_activating

    async def overtaken(order):
        world.sales.write_activating = written
        world.sales.change(order_id, state="cancelled")
        return await written(order)

    world.sales.write_activating = overtaken
    with pytest.raises(Refused, match="ORDER_NOT_APPROVED"):
        await write.mark_activating(MarkActivating(order_id=order_id, attempt=1))
    assert world.sales.writes == []
