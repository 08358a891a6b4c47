"""The order protocol where WHMCS refuses or staff act by hand, and releases: architecture §6, reliability.md (b)§3."""

import pytest

from portal_billing.testing import Fate
from portal_contracts.billing import OrderLine
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import long_salesforce_id

ORDER = long_salesforce_id("801000000000001")


def line(product_id, price, **more):
    known = {"sku": f"SKU-{product_id}", "billing_cycle": "monthly", "quantity": 1, "service": True}
    return OrderLine(whmcs_product_id=product_id, unit_price=price, **{**known, **more})


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line(298, 1650)], "PRODUCT_UNMAPPED"),
        ([line(202, 2970, billing_cycle="annually")], "PRODUCT_UNMAPPED"),
        ([line(299, 1650)], "MARKER_UNMAPPED"),
        ([line(202, 2969)], "PRICE_MISMATCH"),
        ([line(301, 2500)], "PRICE_MISMATCH"),
    ],
)
async def test_what_whmcs_would_bill_otherwise_is_refused_before_anything_is_made(world, lines, code):
    with pytest.raises(Refused, match=code):
        await world.reserve(lines=lines)
    assert "AddOrder" not in world.fates.calls
    with pytest.raises(Refused, match=code):
        await world.reserve(lines=lines)


async def test_a_price_mended_in_whmcs_is_seen_by_the_next_ask(world):
    with pytest.raises(Refused, match="PRICE_MISMATCH"):
        await world.reserve(lines=[line(202, 3000)])
    assert (await world.reserve()).state == "done"


async def test_an_order_that_whmcs_bills_otherwise_is_refused_before_the_pivot_and_can_be_released(world):
    world.orders.surcharge = 1
    with pytest.raises(Refused, match="PRICE_MISMATCH"):
        await world.reserve()
    assert (await world.release()).state == "done"
    world.orders.surcharge = 0
    assert (await world.reserve()).whmcs_order_id == 200
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["cancelled", "pending"]


async def test_an_order_whose_markers_whmcs_dropped_is_refused_and_released_by_its_number(world):
    world.orders.drop_markers = True
    with pytest.raises(Refused, match="MARKER_UNMAPPED"):
        await world.reserve()
    assert (await world.release()).state == "done"
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["cancelled"]


async def test_a_closed_client_is_refused_and_nothing_waits(world):
    world.orders.closed_clients.add(5011)
    with pytest.raises(Refused, match="WHMCS_ORDER_REFUSED"):
        await world.reserve()


async def test_an_order_staff_cancelled_is_told_and_after_a_release_made_anew(world):
    await world.reserve()
    world.orders.move(100, "cancelled", "cancelled", "cancelled")
    with pytest.raises(Refused, match="WHMCS_ORDER_CANCELLED"):
        await world.accept()
    assert (await world.release()).state == "done"
    assert (await world.reserve()).whmcs_order_id == 200


async def test_a_cancellation_that_staff_took_back_lets_the_order_go_on_by_itself(world):
    await world.reserve()
    world.orders.move(100, "cancelled", "cancelled", "cancelled")
    with pytest.raises(Refused, match="WHMCS_ORDER_CANCELLED"):
        await world.accept()
    owner, key, order = world.orders._orders[100]
    world.orders._orders[100] = (owner, key, type(order)(100, "pending", order.amount, 150, order.services))
    await world.pass_time(901)
    assert len(world.orders.effects("accepted", ORDER)) == 1


async def test_an_order_staff_accepted_by_hand_is_adopted(world):
    await world.reserve()
    world.orders.move(100, "active", "active", "accepted")
    assert (await world.accept()).state == "done"
    assert "AcceptOrder" not in world.fates.calls


async def test_an_order_staff_accepted_by_hand_is_not_released(world):
    await world.reserve()
    world.orders.move(100, "active", "active", "accepted")
    with pytest.raises(Refused, match="WHMCS_ORDER_REFUSED"):
        await world.release()
    assert (await world.accept()).state == "done"


async def test_an_accepted_order_cannot_be_released(world):
    await world.reserve()
    await world.accept()
    with pytest.raises(Refused, match="WHMCS_ORDER_REFUSED"):
        await world.release()


async def test_a_service_that_is_not_active_blocks_until_it_is(world):
    world.orders.stuck = True
    await world.reserve()
    assert await world.until_done(world.accept) == "WHMCS_SERVICE_NOT_ACTIVE"
    owner, key, order = world.orders._orders[100]
    services = tuple(type(one)(**{**_fields(one), "state": "active"}) for one in order.services)
    world.orders._orders[100] = (owner, key, type(order)(100, "active", order.amount, 150, services))
    await world.pass_time(901)
    assert (await world.accept()).state == "done"


async def test_a_failed_module_action_blocks_although_the_order_is_active(world):
    world.orders.module_failures[100] = ["autorelease Create"]
    await world.reserve()
    with pytest.raises(Refused, match="WHMCS_SERVICE_NOT_ACTIVE"):
        await world.accept()


async def test_a_caller_that_was_taken_over_is_turned_away(world):
    await world.reserve(generation=7)
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await world.release(generation=6)
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["pending"]


async def test_a_standing_reservation_keeps_its_lines(world):
    await world.reserve()
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await world.reserve(lines=[line(202, 2970)])


async def test_releasing_what_was_never_reserved_is_done_and_turns_a_late_reservation_away(world):
    assert (await world.release(generation=5)).state == "done"
    assert world.fates.calls == []
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await world.reserve(generation=4)
    assert (await world.reserve(generation=6)).state == "done"


async def test_accepting_what_was_never_reserved_is_refused(world):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await world.accept()


async def test_accepting_after_a_release_is_refused(world):
    await world.reserve()
    await world.release()
    with pytest.raises(Refused, match="WHMCS_ORDER_CANCELLED"):
        await world.accept()


@pytest.mark.parametrize("after", [60, 123])  # before the sweeper looks, and after it did
async def test_a_release_waits_for_an_unclear_creation_and_cancels_what_landed(world, after):
    world.fate("AddOrder", Fate("late", after))
    assert (await world.reserve()).state == "working"
    assert (await world.release()).state == "working"
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await world.reserve()
    assert (await world.until_done(world.release)).state == "done"
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["cancelled"]
    assert (await world.reserve()).whmcs_order_id == 200


async def test_an_order_that_lands_after_its_release_is_swept(world):
    world.fate("AddOrder", Fate("late", 900))
    await world.reserve()
    assert (await world.until_done(world.release)).state == "done"
    await world.pass_time(900 + 300)
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["cancelled"]


async def test_the_sweeper_leaves_an_order_alone_that_is_not_decided_yet(world):
    world.fate("AddOrder", Fate("lost_after"))
    await world.reserve()
    await world.pass_time(120)
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["pending"]


def _fields(service):
    return {name: getattr(service, name) for name in service.__dataclass_fields__}
