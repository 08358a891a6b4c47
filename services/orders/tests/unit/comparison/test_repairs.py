"""Repairs of differences, on fakes (D14)."""

import pytest

from portal_contracts.drift import RepairDrift
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Refused

UNFINISHED = {"state": "approved", "activation": "activating", "whmcs_order_id": None, "whmcs_service_id": None}


async def test_an_active_order_without_a_service_is_for_a_person(world, systems):
    """Never a second service for one that somebody deleted."""
    order_id = await systems.place()
    systems.bill()
    drift = (await systems.compare()).drifts[0]
    assert (drift.id, drift.repairable) == (f"order_without_service:{order_id}", False)
    with pytest.raises(Refused) as caught:
        await systems.command(RepairDrift, drift_id=drift.id)
    assert caught.value.code == "DRIFT_NOT_REPAIRABLE"
    assert world.desk.actions[-1].result == "DRIFT_NOT_REPAIRABLE"


async def test_an_approved_order_that_lies_still_is_asked_for_again(world, systems):
    order_id = await systems.place(state="approved", activation="not_started")
    systems.bill()
    drift = (await systems.compare()).drifts[0]
    assert (drift.kind, drift.repairable) == ("order_without_service", True)
    before = len(world.sources)
    shown = await systems.command(RepairDrift, drift_id=drift.id, dry_run=True)
    await world.follow()
    assert (shown.carried_out, len(shown.changes), len(world.sources)) == (False, 1, before)
    for _ in range(2):
        done = await systems.command(RepairDrift, drift_id=drift.id, request_id="repair-0001")
        assert done.carried_out
    await world.follow()
    request = world.recorded(ProvisionRequested)[-1]
    assert world.sources[before:] == ["operator"]
    assert (request.order_id, request.requested_by) == (order_id, "operator@staff.example")


async def test_a_service_no_opportunity_names_is_entered_there(world, systems):
    """R162: only what is missing is written."""
    order_id = await systems.place(whmcs_service_id=None)
    order = world.sales.orders[order_id]
    world.sales.opportunities[order.opportunity_id].service_id = None
    drift = (await systems.compare()).drifts[0]
    assert (drift.kind, drift.repairable) == ("service_without_opportunity", True)
    await systems.command(RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    assert world.sales.opportunities[order.opportunity_id].service_id == 8
    assert world.sales.writes == ["service"]
    assert (await systems.report()).drifts == []
    entry = (await world.orders.use.read_orders.file(order_id)).timeline[-1]
    assert (entry.kind, entry.actor, entry.requested_by) == ("order.repaired", "staff", "operator@staff.example")


async def test_a_lost_answer_during_a_repair_is_no_second_write_of_another_kind(world, systems):
    order_id = await systems.place(whmcs_service_id=None)
    world.sales.lost_answers.append("service")
    drift = (await systems.compare()).drifts[0]
    await systems.command(RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    world.clock.advance(60)
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].whmcs_service_id == 8
    assert (await systems.report()).drifts == []


async def test_a_finished_order_that_is_shown_inactive_for_good_gets_its_outcome(world, systems):
    order_id = await systems.place()
    for _ in range(4):
        await world.change(order_id, "Activation_Status__c", message_id=f"{world.clock.now()}", activation="activating")
        world.clock.advance(systems.hour)
    drift = (await systems.compare()).drifts[0]
    assert (drift.kind, drift.repairable) == ("status_mismatch", True)
    await systems.command(RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].activation == "activated"


async def test_an_active_service_whose_order_was_never_completed_gets_its_outcome(world, systems):
    order_id = await systems.place(
        state="approved", activation="activating", whmcs_order_id=None, whmcs_service_id=None
    )
    await world.progress(order_id, "accepted")
    world.clock.advance(systems.hour)
    drift = (await systems.compare()).drifts[0]
    assert (drift.kind, drift.repairable, drift.facts) == (
        "status_mismatch",
        True,
        {"salesforce": "approved", "whmcs": "active"},
    )
    await systems.command(RepairDrift, drift_id=drift.id)
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].state == "completed"
    assert (await systems.report()).drifts == []


async def test_an_order_cancelled_between_plan_and_repair_is_not_opened_again(world, systems):
    order_id = await systems.place(
        state="approved", activation="activating", whmcs_order_id=None, whmcs_service_id=None
    )
    await world.progress(order_id, "accepted")
    world.clock.advance(systems.hour)
    drift = (await systems.compare()).drifts[0]
    await systems.command(RepairDrift, drift_id=drift.id)
    world.sales.change(order_id, state="cancelled")
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].state == "cancelled"
    assert world.sales.writes == []


async def test_a_difference_that_is_gone_when_it_is_repaired_just_closes(systems):
    order_id = await systems.place()
    systems.bill()
    drift = (await systems.compare()).drifts[0]
    systems.bill(systems.service(order_id), systems.fee(order_id))
    done = await systems.command(RepairDrift, drift_id=drift.id)
    assert "gone" in done.changes[0]
    assert (await systems.report()).drifts == []
    with pytest.raises(Refused) as caught:
        await systems.command(RepairDrift, drift_id=drift.id)
    assert caught.value.code == "NOT_FOUND"


async def test_a_row_of_ours_that_says_something_else_is_listed_and_read_again(world, systems):
    """The read model against Salesforce: an event was lost and so was every later one."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="cancelled")
    world.clock.advance(systems.hour)
    systems.bill()
    drift = (await systems.compare()).drifts[0]
    assert (drift.kind, drift.repairable) == ("copy_out_of_date", True)
    assert drift.facts == {"portal": "pending_review, not_started", "salesforce": "cancelled, not_started"}
    await systems.command(RepairDrift, drift_id=drift.id)
    await world.follow()
    assert world.book.orders[order_id].state == "cancelled"
    assert (await systems.report()).drifts == []
