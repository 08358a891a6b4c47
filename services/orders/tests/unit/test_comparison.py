"""The comparison of Salesforce, WHMCS and the portal's links, and repairs, on fakes (D14)."""

from datetime import timedelta

import pytest

from portal_chassis.metrics import rendered
from portal_chassis.testing.operators import operator_call
from portal_contracts.drift import CompareSystems, RepairDrift
from portal_contracts.orders import CartLine, ProvisionRequested
from portal_contracts.orders_rebuild import RebuildOrders
from portal_contracts.problems import Refused, TryLater
from portal_contracts.whmcs_orders import BilledClient, BilledService
from portal_orders import comparison_process
from portal_orders.comparison_process import ComparisonState
from portal_orders.testing import ACCOUNT, CLIENT

HOUR = 3601


def service(order_id, number=8, **facts):
    return BilledService(
        **{
            "service_id": number,
            "whmcs_order_id": 7,
            "order_id": order_id,
            "whmcs_product_id": 301,
            "state": "active",
            "billing_cycle": "monthly",
            "amount": 2500,
            **facts,
        }
    )


def fee(order_id):
    return service(order_id, 9, whmcs_product_id=311, billing_cycle="one_time", amount=3000)


def bill(world, *services, client=CLIENT, number="SNX-10001", address="0" * 64):
    world.clients.clients[client] = BilledClient(
        whmcs_client_id=client, customer_number=number, address_fingerprint=address, services=services
    )


async def place(world, **facts):
    """An order that is as it should be everywhere, and has been for an hour, unless `facts` say otherwise."""
    order_id = await world.place_one()
    order = world.sales.orders[order_id]
    wanted = {"state": "completed", "activation": "activated", "whmcs_order_id": 7, "whmcs_service_id": 8}
    opportunity = world.sales.opportunities[order.opportunity_id]
    opportunity.stage, opportunity.service_id = "active", 8
    await world.change(order_id, "Status", **{**wanted, **facts})
    bill(world, service(order_id), fee(order_id))
    world.clock.advance(HOUR)
    return order_id


async def compare(world):
    """Run a whole comparison."""
    async with world.database.transaction() as transaction:
        kind, key = comparison_process.KIND, comparison_process.KEY
        await world.processes.start(transaction, kind, key, ComparisonState())
    await world.processes.run_until_idle()
    await command(world, CompareSystems)
    for _ in range(20):
        await world.processes.run_until_idle()
        world.clock.advance(1)
    return await report(world)


async def report(world, kind=None):
    return await world.orders.use.drifts.report(kind)


async def command(world, kind, *, dry_run=False, request_id=None, **facts):
    number = len(world.desk.actions)
    message = kind(request_id=request_id or f"request-{number:04}", dry_run=dry_run, reason="A test", **facts)
    drifts = world.orders.use.drifts
    return await (drifts.compare if kind is CompareSystems else drifts.repair)(message, operator_call())


async def kinds(world):
    return [drift.kind for drift in (await compare(world)).drifts]


async def test_systems_that_agree_differ_in_nothing(world):
    await place(world)
    found = await compare(world)
    assert found.drifts == []
    assert not found.running
    assert found.compared_at is not None


async def test_an_active_order_without_a_service_is_for_a_person(world):
    """Never a second service for one that somebody deleted."""
    order_id = await place(world)
    bill(world)
    drift = (await compare(world)).drifts[0]
    assert (drift.id, drift.repairable) == (f"order_without_service:{order_id}", False)
    with pytest.raises(Refused) as caught:
        await command(world, RepairDrift, drift_id=drift.id)
    assert caught.value.code == "DRIFT_NOT_REPAIRABLE"
    assert world.desk.actions[-1].result == "DRIFT_NOT_REPAIRABLE"


async def test_an_approved_order_that_lies_still_is_asked_for_again(world):
    order_id = await place(world, state="approved", activation="not_started")
    bill(world)
    drift = (await compare(world)).drifts[0]
    assert (drift.kind, drift.repairable) == ("order_without_service", True)
    before = len(world.sources)
    shown = await command(world, RepairDrift, drift_id=drift.id, dry_run=True)
    await world.follow()
    assert (shown.carried_out, len(shown.changes), len(world.sources)) == (False, 1, before)
    for _ in range(2):
        done = await command(world, RepairDrift, drift_id=drift.id, request_id="repair-0001")
        assert done.carried_out
    await world.follow()
    request = world.recorded(ProvisionRequested)[-1]
    assert world.sources[before:] == ["operator"]
    assert (request.order_id, request.requested_by) == (order_id, "operator@staff.example")


@pytest.mark.parametrize("stage", ["blocked", "needs_human", "scheduled", "preflight_failed", "failed", "cancelled"])
async def test_what_stands_for_a_known_reason_is_no_difference(world, stage):
    order_id = await place(world, state="approved", activation="activating")
    bill(world)
    await world.progress(order_id, stage)
    world.clock.advance(HOUR)
    assert await kinds(world) == []


async def test_an_order_that_moved_within_the_hour_is_work_under_way(world):
    order_id = await place(world, state="approved", activation="not_started")
    bill(world)
    await world.progress(order_id, "reserved")
    assert await kinds(world) == []


async def test_a_service_no_opportunity_names_is_entered_there(world):
    """R162: only what is missing is written."""
    order_id = await place(world, whmcs_service_id=None)
    order = world.sales.orders[order_id]
    world.sales.opportunities[order.opportunity_id].service_id = None
    drift = (await compare(world)).drifts[0]
    assert (drift.kind, drift.repairable) == ("service_without_opportunity", True)
    await command(world, RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    assert world.sales.opportunities[order.opportunity_id].service_id == 8
    assert world.sales.writes == ["service"]
    assert (await report(world)).drifts == []
    entry = (await world.orders.use.read_orders.file(order_id)).timeline[-1]
    assert (entry.kind, entry.actor, entry.requested_by) == ("order.repaired", "staff", "operator@staff.example")


async def test_a_lost_answer_during_a_repair_is_no_second_write_of_another_kind(world):
    order_id = await place(world, whmcs_service_id=None)
    world.sales.lost_answers.append("service")
    drift = (await compare(world)).drifts[0]
    await command(world, RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    world.clock.advance(60)
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].whmcs_service_id == 8
    assert (await report(world)).drifts == []


async def test_another_service_than_the_opportunity_names_is_for_a_person(world):
    await place(world, whmcs_service_id=99)
    drift = (await compare(world)).drifts[0]
    assert (drift.kind, drift.repairable) == ("service_without_opportunity", False)


async def test_a_service_of_nobodys_order_is_listed_once_for_its_whmcs_order(world):
    order_id = await place(world)
    strange = [service(None, number, whmcs_order_id=70) for number in (20, 21)]
    bill(world, service(order_id), fee(order_id), *strange)
    drifts = (await compare(world)).drifts
    assert [(drift.kind, drift.whmcs_service_id) for drift in drifts] == [("service_without_opportunity", 20)]


async def test_a_finished_order_that_is_shown_inactive_for_good_gets_its_outcome(world):
    order_id = await place(world)
    for _ in range(4):
        await world.change(order_id, "Activation_Status__c", message_id=f"{world.clock.now()}", activation="activating")
        world.clock.advance(HOUR)
    drift = (await compare(world)).drifts[0]
    assert (drift.kind, drift.repairable) == ("status_mismatch", True)
    await command(world, RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].activation == "activated"


async def test_what_an_order_from_before_the_portal_says_of_its_activation_is_no_difference(world):
    await place(world, activation="not_started")
    assert await kinds(world) == []


async def test_an_active_service_whose_order_was_never_completed_gets_its_outcome(world):
    order_id = await place(world, state="approved", activation="activating", whmcs_order_id=None, whmcs_service_id=None)
    await world.progress(order_id, "accepted")
    world.clock.advance(HOUR)
    drift = (await compare(world)).drifts[0]
    assert (drift.kind, drift.repairable, drift.facts) == (
        "status_mismatch",
        True,
        {"salesforce": "approved", "whmcs": "active"},
    )
    await command(world, RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].state == "completed"
    assert (await report(world)).drifts == []


async def test_an_order_cancelled_between_plan_and_repair_is_not_opened_again(world):
    order_id = await place(world, state="approved", activation="activating", whmcs_order_id=None, whmcs_service_id=None)
    await world.progress(order_id, "accepted")
    world.clock.advance(HOUR)
    drift = (await compare(world)).drifts[0]
    await command(world, RepairDrift, drift_id=drift.id)
    world.sales.change(order_id, state="cancelled")
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].state == "cancelled"
    assert world.sales.writes == []


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"state": "cancelled", "activation": "not_started"}, "active"),
        ({}, "pending"),
        ({}, "terminated"),
        ({"state": "approved", "activation": "activating"}, "active"),
    ],
)
async def test_other_statuses_that_differ_are_for_a_person(world, facts, state):
    order_id = await place(world, **facts)
    bill(world, service(order_id, state=state), fee(order_id))
    world.clock.advance(HOUR)
    drifts = (await compare(world)).drifts
    assert [(drift.kind, drift.repairable) for drift in drifts] == [("status_mismatch", False)]


async def test_a_price_that_differs_is_told_to_the_yen(world):
    """R013: recurring prices; fees stand on the first invoice alone."""
    order_id = await place(world)
    bill(world, service(order_id, amount=2499), fee(order_id))
    drift = (await compare(world)).drifts[0]
    assert (drift.kind, drift.facts, drift.repairable) == ("price_mismatch", {"ordered": 2500, "billed": 2499}, False)


async def test_an_address_that_differs_is_told_without_the_address(world):
    await place(world)
    world.records.addresses[ACCOUNT] = "1" * 64
    assert await kinds(world) == ["address_mismatch"]
    world.records.addresses[ACCOUNT] = "0" * 64
    assert await kinds(world) == []


async def test_a_client_of_a_sign_up_that_ended_half_way_is_an_orphan(world):
    """D05; a client with services of its own is somebody who has not come to the portal yet."""
    await place(world)
    bill(world, client=50, number="SNX-10050")
    bill(world, service(None), client=51, number="SNX-10051")
    bill(world, client=52, number=None)
    drifts = (await compare(world)).drifts
    assert [(drift.kind, drift.whmcs_client_id) for drift in drifts] == [("orphan_client", 50)]


async def test_a_linked_client_whose_account_is_gone_is_no_orphan(world):
    order_id = await place(world)
    world.records.gone.add(ACCOUNT)
    assert {drift.id for drift in (await compare(world)).drifts} == {f"order_without_service:{order_id}"}


async def test_an_org_whose_opportunities_cannot_name_a_service_is_not_asked_to(world):
    """C17."""
    order_id = await place(world, whmcs_service_id=None)
    world.records.names_services = False
    bill(world, service(order_id), fee(order_id), service(None, 20))
    assert await kinds(world) == []


async def test_orders_completed_before_there_was_a_portal_are_not_looked_for(world):
    await place(world, key=None, whmcs_order_id=None, whmcs_service_id=None)
    bill(world)
    assert await kinds(world) == []


async def test_an_order_whose_account_has_no_client_is_found_too(world):
    order_id = await place(world)
    world.links.linked.clear()
    drifts = (await compare(world)).drifts
    assert {drift.id for drift in drifts} == {f"order_without_service:{order_id}", f"orphan_client:{CLIENT}"}


async def test_a_difference_keeps_its_id_and_first_day_until_it_is_gone(world):
    order_id = await place(world)
    bill(world)
    first = (await compare(world)).drifts[0]
    world.clock.advance(timedelta(days=1))
    second = (await compare(world)).drifts[0]
    assert (second.id, second.first_seen_at) == (first.id, first.first_seen_at)
    assert second.last_seen_at > first.last_seen_at
    bill(world, service(order_id), fee(order_id))
    assert (await compare(world)).drifts == []


async def test_a_difference_that_is_gone_when_it_is_repaired_just_closes(world):
    order_id = await place(world)
    bill(world)
    drift = (await compare(world)).drifts[0]
    bill(world, service(order_id), fee(order_id))
    done = await command(world, RepairDrift, drift_id=drift.id)
    assert "gone" in done.changes[0]
    assert (await report(world)).drifts == []
    with pytest.raises(Refused) as caught:
        await command(world, RepairDrift, drift_id=drift.id)
    assert caught.value.code == "NOT_FOUND"


async def test_a_page_that_cannot_be_read_is_read_again_and_nothing_is_closed_meanwhile(world):
    await place(world)
    for number in range(100, 105):
        bill(world, client=number, number=f"SNX-{number}")
    assert len((await compare(world)).drifts) == 5
    world.clients.asked.clear()
    world.clients.fails_with = [TryLater("WHMCS_UNAVAILABLE")]
    await command(world, CompareSystems)
    await world.processes.run_until_idle()
    assert (await report(world)).running
    assert len((await report(world)).drifts) == 5
    for _ in range(20):
        world.clock.advance(1)
        await world.processes.run_until_idle()
    assert world.clients.asked == [0, 0, 100, 102]
    assert len((await report(world)).drifts) == 5


async def test_a_running_comparison_is_not_started_twice(world):
    await place(world)
    world.clients.fails_with = [TryLater("WHMCS_UNAVAILABLE")]
    await compare_only_begun(world)
    assert not (await command(world, CompareSystems)).changes
    assert not (await command(world, CompareSystems, dry_run=True)).changes


async def compare_only_begun(world):
    async with world.database.transaction() as transaction:
        kind, key = comparison_process.KIND, comparison_process.KEY
        await world.processes.start(transaction, kind, key, ComparisonState())
    await world.processes.run_until_idle()
    await command(world, CompareSystems)
    await world.processes.run_until_idle()


async def test_the_comparison_runs_at_two_in_the_night_of_japan(world):
    await place(world)
    bill(world)
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
    assert len((await report(world)).drifts) == 1
    again = await world.processes.read(comparison_process.KIND, comparison_process.KEY)
    assert again.due_at.isoformat() == "2026-04-02T17:00:00+00:00"


async def test_the_gauges_say_how_many_differences_of_each_kind_are_open(world):
    await place(world)
    bill(world)
    await compare(world)
    await world.place_one()
    world.clock.advance(HOUR)
    await world.orders.upkeep.round()
    metrics = rendered().decode()
    assert 'portal_orders_differences{kind="order_without_service"} 1.0' in metrics
    assert 'portal_orders_differences{kind="orphan_client"} 0.0' in metrics
    assert "portal_orders_review_waiting 1.0" in metrics
    assert "portal_orders_review_oldest_seconds 3601.0" in metrics


async def test_a_row_of_ours_that_says_something_else_is_listed_and_read_again(world):
    """The read model against Salesforce: an event was lost and so was every later one."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="cancelled")
    world.clock.advance(HOUR)
    bill(world)
    drift = (await compare(world)).drifts[0]
    assert (drift.kind, drift.repairable) == ("copy_out_of_date", True)
    assert drift.facts == {"portal": "pending_review, not_started", "salesforce": "cancelled, not_started"}
    await command(world, RepairDrift, drift_id=drift.id)
    await world.follow()
    assert world.book.orders[order_id].state == "cancelled"
    assert (await report(world)).drifts == []


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
