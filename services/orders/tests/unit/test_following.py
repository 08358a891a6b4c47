"""Hints on fakes: what staff do in Salesforce shows and is told."""

import pytest

from portal_contracts.changefeed import OrderChanged, OrderItemChanged
from portal_contracts.orders import OrderRejected, OrderWithdrawn, ProvisionRequested
from portal_contracts.problems import Refused, TryLater
from portal_contracts.provisioning_requests import RecheckOrder
from portal_contracts.values import long_salesforce_id
from portal_orders.testing import ACCOUNT

STRANGER = "001000000000009AAA"


def changed(world, order_id, *fields, by_us=False, change="updated"):
    now = world.clock.now()
    return OrderChanged(record_id=order_id, change=change, fields=fields, by_us=by_us, committed_at=now)


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
    assert world.sources == ["change_event"]


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
    assert not world.recorded(OrderWithdrawn), "one mail tells it"
    opportunity = world.sales.opportunities[world.sales.orders[order_id].opportunity_id]
    assert (opportunity.stage, opportunity.reason) == ("void", "rude customer")
    mail = await world.orders.use.read_orders.mail(order_id)
    texts = str(mail) + str(world.book.timelines[order_id]) + str(await world.detail(order_id))
    assert mail.rejection is not None
    assert "rude" not in texts
    assert (await world.detail(order_id)).activation is None


async def test_a_cancellation_after_approval_is_no_rejection(world):
    order_id = await world.place_one()
    await world.approve(order_id)
    world.sales.change(order_id, state="cancelled")
    await world.deliver(changed(world, order_id, "Status"), "message-2")
    await world.follow()
    assert not world.recorded(OrderRejected)
    assert [event.why for event in world.recorded(OrderWithdrawn)] == ["cancelled"]
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
    world.sales.lost_answers.append("void")
    for _ in range(2):
        world.clock.advance(3600)
        await world.processes.run_until_idle()
    assert {one.stage for one in world.sales.opportunities.values()} == {"void"}


async def test_an_older_reading_never_overwrites_a_newer_one(world):
    order_id = await world.place_one()
    old = world.sales.orders[order_id]
    await world.approve(order_id)
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


async def test_orders_from_before_the_portal_are_fetched_once(world, carts):
    """R255: while they cannot be, a part of them is not shown as if it were all."""
    order_id = await world.place_one()
    world.book.orders.clear()
    world.checkouts.rows.clear()
    read = world.orders.use.read_orders
    world.sales.away = True
    before = world.sales.reads
    for _ in range(2):
        with pytest.raises(TryLater):
            await read.all(ACCOUNT)
    assert world.sales.reads == before + 1, "each customer asks a vendor that is away once in a while"
    world.sales.away = False
    world.clock.advance(31)
    assert [order.order_id for order in (await read.all(ACCOUNT)).orders] == [order_id]
    before = world.sales.reads
    await read.all(ACCOUNT)
    assert world.sales.reads == before


async def test_an_own_order_from_before_the_portal_is_there_before_the_list_was_opened(world):
    """R098: for whoever follows a link in a mail; also its timeline, and "I have done it"."""
    order_id = await world.place_one()
    world.checkouts.rows.clear()
    read, recheck = world.orders.use.read_orders, world.orders.use.recheck
    actions = {
        "detail": lambda: read.one(order_id, ACCOUNT),
        "timeline": lambda: read.timeline(order_id, ACCOUNT, 0),
        "recheck": lambda: recheck(RecheckOrder(request_id="recheck-1", order_id=order_id), ACCOUNT),
    }
    for action in actions.values():
        world.book.orders.clear()
        world.book.complete.clear()
        assert await action()


async def test_an_order_nobody_can_look_up_now_is_not_denied(world):
    """R255: whether it is the caller's is known later; one of the portal's own rows is shown all the same."""
    order_id, read = await world.place_one(), world.orders.use.read_orders
    world.sales.away = True
    with pytest.raises(TryLater):
        await read.one("801000000000999AAA", ACCOUNT)
    assert (await read.one(order_id, ACCOUNT)).order_id == order_id
    world.sales.away = False
    world.clock.advance(31)
    with pytest.raises(Refused) as refused:
        await read.one("801000000000999AAA", ACCOUNT)
    assert refused.value.code == "NOT_FOUND"


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
