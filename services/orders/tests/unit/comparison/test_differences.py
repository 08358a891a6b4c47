"""What differs between Salesforce, WHMCS and the portal's links, on fakes (D14)."""

import pytest

from portal_orders.testing import ACCOUNT, CLIENT


async def test_systems_that_agree_differ_in_nothing(systems):
    await systems.place()
    found = await systems.compare()
    assert found.drifts == []
    assert not found.running
    assert found.compared_at is not None


@pytest.mark.parametrize("stage", ["blocked", "needs_human", "scheduled", "preflight_failed", "failed", "cancelled"])
async def test_what_stands_for_a_known_reason_is_no_difference(world, systems, stage):
    order_id = await systems.place(state="approved", activation="activating")
    systems.bill()
    await world.progress(order_id, stage)
    world.clock.advance(systems.hour)
    assert await systems.kinds() == []


async def test_an_order_that_moved_within_the_hour_is_work_under_way(world, systems):
    order_id = await systems.place(state="approved", activation="not_started")
    systems.bill()
    await world.progress(order_id, "reserved")
    assert await systems.kinds() == []


async def test_another_service_than_the_opportunity_names_is_for_a_person(systems):
    await systems.place(whmcs_service_id=99)
    drift = (await systems.compare()).drifts[0]
    assert (drift.kind, drift.repairable) == ("service_without_opportunity", False)


async def test_a_service_of_nobodys_order_is_listed_once_for_its_whmcs_order(systems):
    order_id = await systems.place()
    strange = [systems.service(None, number, whmcs_order_id=70) for number in (20, 21)]
    systems.bill(systems.service(order_id), systems.fee(order_id), *strange)
    drifts = (await systems.compare()).drifts
    assert [(drift.kind, drift.whmcs_service_id) for drift in drifts] == [("service_without_opportunity", 20)]


async def test_what_an_order_from_before_the_portal_says_of_its_activation_is_no_difference(systems):
    await systems.place(activation="not_started")
    assert await systems.kinds() == []


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"state": "cancelled", "activation": "not_started"}, "active"),
        ({}, "pending"),
        ({}, "terminated"),
        ({"state": "approved", "activation": "activating"}, "active"),
    ],
)
async def test_other_statuses_that_differ_are_for_a_person(world, systems, facts, state):
    order_id = await systems.place(**facts)
    systems.bill(systems.service(order_id, state=state), systems.fee(order_id))
    world.clock.advance(systems.hour)
    drifts = (await systems.compare()).drifts
    assert [(drift.kind, drift.repairable) for drift in drifts] == [("status_mismatch", False)]


async def test_a_price_that_differs_is_told_to_the_yen(systems):
    """R013: recurring prices; fees stand on the first invoice alone."""
    order_id = await systems.place()
    systems.bill(systems.service(order_id, amount=2499), systems.fee(order_id))
    drift = (await systems.compare()).drifts[0]
    assert (drift.kind, drift.facts, drift.repairable) == ("price_mismatch", {"ordered": 2500, "billed": 2499}, False)


async def test_an_address_that_differs_is_told_without_the_address(world, systems):
    await systems.place()
    world.records.addresses[ACCOUNT] = "1" * 64
    assert await systems.kinds() == ["address_mismatch"]
    world.records.addresses[ACCOUNT] = "0" * 64
    assert await systems.kinds() == []


async def test_a_client_of_a_sign_up_that_ended_half_way_is_an_orphan(systems):
    """D05; a client with services of its own is somebody who has not come to the portal yet."""
    await systems.place()
    systems.bill(client=50, number="SNX-10050")
    systems.bill(systems.service(None), client=51, number="SNX-10051")
    systems.bill(client=52, number=None)
    drifts = (await systems.compare()).drifts
    assert [(drift.kind, drift.whmcs_client_id) for drift in drifts] == [("orphan_client", 50)]


async def test_a_linked_client_whose_account_is_gone_is_no_orphan(world, systems):
    order_id = await systems.place()
    world.records.gone.add(ACCOUNT)
    assert {drift.id for drift in (await systems.compare()).drifts} == {f"order_without_service:{order_id}"}


async def test_the_client_and_the_orders_of_a_deleted_customer_are_no_differences(world, systems):
    """D17: the client stays in WHMCS with its invoices, and nobody is to sign in as it again."""
    order_id = await systems.place()
    deleted = world.links.linked.pop(CLIENT)
    systems.bill(systems.service(order_id, state="terminated"))
    assert sorted(await systems.kinds()) == ["order_without_service", "orphan_client"], "as long as nobody says so"
    world.links.deleted[CLIENT] = deleted
    assert await systems.kinds() == []


async def test_who_signed_up_anew_after_a_deletion_is_compared_again(world, systems):
    order_id = await systems.place()
    world.links.deleted[CLIENT] = ACCOUNT
    systems.bill()
    assert {drift.id for drift in (await systems.compare()).drifts} == {f"order_without_service:{order_id}"}


async def test_an_org_whose_opportunities_cannot_name_a_service_is_not_asked_to(world, systems):
    """C17."""
    order_id = await systems.place(whmcs_service_id=None)
    world.records.names_services = False
    systems.bill(systems.service(order_id), systems.fee(order_id), systems.service(None, 20))
    assert await systems.kinds() == []


async def test_orders_completed_before_there_was_a_portal_are_not_looked_for(systems):
    await systems.place(key=None, whmcs_order_id=None, whmcs_service_id=None)
    systems.bill()
    assert await systems.kinds() == []


async def test_an_order_whose_account_has_no_client_is_found_too(world, systems):
    order_id = await systems.place()
    world.links.linked.clear()
    drifts = (await systems.compare()).drifts
    assert {drift.id for drift in drifts} == {f"order_without_service:{order_id}", f"orphan_client:{CLIENT}"}
