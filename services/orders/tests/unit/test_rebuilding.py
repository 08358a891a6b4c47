"""The read model built anew, on fakes."""

from datetime import timedelta

from portal_chassis.testing.operators import operator_call
from portal_contracts.orders import CartLine
from portal_contracts.orders_rebuild import RebuildOrders


async def test_the_read_model_is_built_anew_by_one_command(world):
    """A restored or lost database: every order is read again, many in a call."""
    order_ids = [await world.place_one()]
    for number in range(2):
        world.sales.change(order_ids[0], state="cancelled")
        order_ids.append((await world.check_out(*cart(number), key=f"rebuild-{number:04}")).orders[0].order_id)
    before = dict(world.book.orders)
    world.book.orders.clear()
    rebuild = RebuildOrders(request_id="rebuild-request", dry_run=True, reason="A test")
    assert (await world.orders.use.rebuild(rebuild, operator_call())).changes == (
        "3 orders are read again from Salesforce.",
    )
    assert await world.follow() == 0
    await world.orders.use.rebuild(rebuild.model_copy(update={"dry_run": False}), operator_call())
    await world.follow()
    assert set(world.book.orders) == set(order_ids)
    assert {one.state for one in before.values()} == {"pending_review"}
    assert world.book.orders[order_ids[0]].state == "cancelled"


async def test_a_rebuild_shows_orders_as_removed_that_salesforce_has_no_more(world):
    """Their deletion was missed: nothing else looks at them."""
    gone, there = [(await world.check_out(*cart(n), key=f"rebuild-{n:04}")).orders[0].order_id for n in range(2)]
    del world.sales.orders[gone]
    world.clock.advance(timedelta(hours=1))
    await world.orders.use.rebuild(
        RebuildOrders(request_id="rebuild-request", dry_run=False, reason="A test"), operator_call()
    )
    await world.follow()
    assert (world.book.orders[gone].gone, world.book.kinds(gone)[-1]) == (True, "order.removed")
    assert not world.book.orders[there].gone


def cart(number):
    name = f"vpn{number}"
    return (
        CartLine(reference=name, sku="VPN-US"),
        CartLine(reference=f"{name}-fee", sku="VPN-ACTIVATION", parent=name),
    )
