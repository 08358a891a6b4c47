"""Processes reduced to their proof: repeats are answered as before, and nothing is made twice in WHMCS (§5.10, I2)."""

import pytest

from portal_billing.client_process import CLIENT
from portal_billing.order_process import WHMCS_ORDER
from portal_billing.testing import Fate
from portal_chassis.testing import grow_old, operator_call
from portal_contracts.problems import Refused, TryLater
from portal_contracts.whmcs_orders import ReadWhmcsOrder, RetryWhmcsOrder

ORDER = "801000000000001AAA"
NUMBER = "SNX-10001"


async def grown_old(world):
    await grow_old(world.engine, world.clock, world.store)


async def test_an_accepted_order_is_told_as_it_was_and_made_once(world):
    await world.until_done(world.reserve)
    first = await world.until_done(world.accept)
    await world.pass_time(3600)
    await grown_old(world)
    assert await world.until_done(world.accept) == first
    assert (await world.reserve()).whmcs_order_id == first.whmcs_order_id
    with pytest.raises(Refused, match="WHMCS_ORDER_REFUSED"):
        await world.release()
    await world.pass_time(86_400)
    assert [effect.kind for effect in world.orders.ledger].count("created") == 1


async def test_operators_see_its_winner_and_can_do_nothing_more(world):
    await world.until_done(world.reserve)
    first = await world.until_done(world.accept)
    await world.pass_time(3600)
    await grown_old(world)
    seen = await world.operators.read(ReadWhmcsOrder(order_id=ORDER))
    assert [entry.external_id for entry in seen.journal if entry.call == "AddOrder"] == [str(first.whmcs_order_id)]
    command = RetryWhmcsOrder(order_id=ORDER, request_id="request-1", dry_run=False, reason="The customer called")
    with pytest.raises(Refused, match="PROVISIONING_ENDED"):
        await world.operators.retry(command, operator_call())


async def test_a_client_is_given_again_and_not_made_again(world):
    first = await world.ensure()
    await grown_old(world)
    assert (await world.engine.read(CLIENT, NUMBER)).state == {"whmcs_client_id": first.whmcs_client_id}
    assert await world.ensure() == first
    assert world.clients.created == [NUMBER]


async def test_a_client_that_failed_long_ago_knows_what_it_tried(world):
    world.fate("AddClient", Fate("lost_before"))
    with pytest.raises(TryLater):
        await world.ensure()
    await world.pass_time(3600)
    await grown_old(world)
    entries = world.journal(NUMBER)
    assert {entry.call for entry in entries} == {"AddClient"}
    assert [entry.state for entry in entries] == ["unknown", "succeeded"]
    assert all(set(entry.evidence) <= {"left"} for entry in entries)


async def test_an_order_nobody_decided_about_is_whole_after_years(world):
    await world.until_done(world.reserve)
    before = (await world.engine.read(WHMCS_ORDER, ORDER)).state
    await grown_old(world)
    assert (await world.engine.read(WHMCS_ORDER, ORDER)).state == before
    assert (await world.until_done(world.accept)).state == "done"
