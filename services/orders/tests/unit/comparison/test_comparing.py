"""How a comparison runs, page by page and night by night, on fakes (D14)."""

from datetime import timedelta

from portal_chassis.metrics import rendered
from portal_contracts.drift import CompareSystems
from portal_contracts.problems import TryLater
from portal_orders import comparison_process
from portal_orders.comparison_process import ComparisonState


async def test_a_difference_keeps_its_id_and_first_day_until_it_is_gone(world, systems):
    order_id = await systems.place()
    systems.bill()
    first = (await systems.compare()).drifts[0]
    world.clock.advance(timedelta(days=1))
    second = (await systems.compare()).drifts[0]
    assert (second.id, second.first_seen_at) == (first.id, first.first_seen_at)
    assert second.last_seen_at > first.last_seen_at
    systems.bill(systems.service(order_id), systems.fee(order_id))
    assert (await systems.compare()).drifts == []


async def test_a_page_that_cannot_be_read_is_read_again_and_nothing_is_closed_meanwhile(world, systems):
    await systems.place()
    for number in range(100, 105):
        systems.bill(client=number, number=f"SNX-{number}")
    assert len((await systems.compare()).drifts) == 5
    world.clients.asked.clear()
    world.clients.fails_with = [TryLater("WHMCS_UNAVAILABLE")]
    await systems.command(CompareSystems)
    await world.processes.run_until_idle()
    assert (await systems.report()).running
    assert len((await systems.report()).drifts) == 5
    for _ in range(20):
        world.clock.advance(1)
        await world.processes.run_until_idle()
    assert world.clients.asked == [0, 0, 100, 102]
    assert len((await systems.report()).drifts) == 5


async def test_a_running_comparison_is_not_started_twice(world, systems):
    await systems.place()
    world.clients.fails_with = [TryLater("WHMCS_UNAVAILABLE")]
    await systems.begin()
    assert not (await systems.command(CompareSystems)).changes
    assert not (await systems.command(CompareSystems, dry_run=True)).changes


async def test_the_comparison_runs_at_two_in_the_night_of_japan(world, systems):
    await systems.place()
    systems.bill()
    async with world.database.transaction() as transaction:
        kind, key = comparison_process.KIND, comparison_process.KEY
        await world.processes.start(transaction, kind, key, ComparisonState())
    await world.processes.run_until_idle()
    view = await world.processes.read(comparison_process.KIND, comparison_process.KEY)
    assert view.due_at.isoformat() == "2026-04-01T17:00:00+00:00"
    world.clock.advance_to(view.due_at)
    for _ in range(5):
        await world.processes.run_until_idle()
        world.clock.advance(1)
    assert len((await systems.report()).drifts) == 1
    again = await world.processes.read(comparison_process.KIND, comparison_process.KEY)
    assert again.due_at.isoformat() == "2026-04-02T17:00:00+00:00"


async def test_the_gauges_say_how_many_differences_of_each_kind_are_open(world, systems):
    await systems.place()
    systems.bill()
    await systems.compare()
    await world.place_one()
    world.clock.advance(systems.hour)
    await world.orders.upkeep.round()
    metrics = rendered().decode()
    assert 'portal_orders_differences{kind="order_without_service"} 1.0' in metrics
    assert 'portal_orders_differences{kind="orphan_client"} 0.0' in metrics
    assert "portal_orders_review_waiting 1.0" in metrics
    assert "portal_orders_review_oldest_seconds 3601.0" in metrics
