"""Orders whose processes were reduced to their proof: seen as before, and asked for by nobody again (§5.10)."""

from datetime import timedelta

import pytest

from portal_chassis.testing import grow_old
from portal_contracts.orders import OrderPlaced
from portal_orders.checkout import KIND
from portal_orders.testing import ACCOUNT


@pytest.fixture
async def old(world):
    """An order that was placed with a key, approved and activated years ago; gives its checkout."""
    checkout = await world.check_out(*world.cart, key="key-12345678")
    order_id = checkout.orders[0].order_id
    await world.processes.run_until_idle()
    await world.approve(order_id)
    world.asked = list(world.sources)
    await world.progress(order_id, "accepted")
    await world.change(
        order_id, "Status", "Activation_Status__c", message_id="outcome", state="completed", activation="activated"
    )
    await grow_old(world.processes, world.clock, world.processes._store)
    state = (await world.processes.read(KIND, checkout.checkout_id)).state
    assert set(state) == {"account_id", "whmcs_client_id", "orders"}
    return checkout


@pytest.fixture
def world(world, carts):
    world.cart = carts.sim()
    return world


async def test_an_old_order_is_asked_for_by_no_change_no_sweep_and_no_look(world, old):
    order_id = old.orders[0].order_id
    await world.change(order_id, "Status", message_id="late", state="completed")
    await world.deliver_hint(order_id)
    await world.sweep()
    world.clock.advance(timedelta(days=3))
    await world.sweep()
    await world.processes.run_until_idle()
    assert world.sources == world.asked


async def test_its_customer_sees_the_order_its_timeline_and_its_checkout(world, old):
    order_id = old.orders[0].order_id
    detail = await world.detail(order_id)
    assert (detail.order_id, detail.state) == (order_id, "completed")
    entries, _ = await world.book.entries(order_id, 0)
    assert entries
    assert await world.orders.use.look_at_checkout(old.checkout_id, ACCOUNT) == old


async def test_nothing_is_placed_twice_when_the_checkout_is_run_again(world, old):
    async with world.database.transaction() as transaction:
        assert not await world.processes.wake(transaction, KIND, old.checkout_id)
    await world.processes.run_until_idle()
    assert len(world.recorded(OrderPlaced)) == 1
