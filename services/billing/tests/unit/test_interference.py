"""Staff at work in WHMCS, answers with old data, and a database restored to an earlier moment (T-09, T-21, F14)."""

from dataclasses import replace

import pytest

from portal_billing.sweep_order import SWEEP
from portal_billing.testing import Fate
from portal_contracts.problems import Refused
from portal_contracts.values import long_salesforce_id

CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
QUIET = 125


def states(world):
    return {order.id: order.state for order in world.orders.orders_of(ORDER)}


def restore_the_database(world):
    """Forget everything billing knew, as a restore to an earlier moment does; WHMCS has gone on."""
    world.store._rows.clear()
    world.book.desks.clear()
    world.book.judged.clear()
    world.engine, world.use = world.worker()


async def test_a_restored_database_finds_the_reservation_instead_of_making_another(world):
    reserved = await world.reserve()
    restore_the_database(world)
    assert await world.reserve() == reserved
    assert world.fates.calls.count("AddOrder") == 1


async def test_a_restored_database_adopts_the_order_that_is_active_already(world):
    accepted = await world.until_done(lambda: whole(world))
    restore_the_database(world)
    assert await world.until_done(lambda: whole(world)) == accepted
    assert len(world.orders.effects("created", ORDER)) == len(world.orders.effects("accepted", ORDER)) == 1
    assert world.book.judged[accepted.whmcs_order_id][1].winner


async def test_a_call_that_lands_after_a_restore_is_a_twin_and_cancelled_within_five_minutes(world):
    world.fate("AddOrder", Fate("late", 400))
    await world.reserve()
    restore_the_database(world)
    reply = await world.until_done(lambda: whole(world))
    await world.pass_time(400 + 300)
    assert states(world) == {reply.whmcs_order_id: "active", 200: "cancelled"}
    landed = world.orders.effects("created", ORDER)[-1].at
    assert (world.orders.effects("cancelled", ORDER)[0].at - landed).total_seconds() <= 300


async def test_a_restored_database_releases_the_reservation_it_never_knew(world):
    await world.reserve()
    world.store._rows.clear()
    world.book.judged.clear()
    world.engine, world.use = world.worker()
    assert (await world.until_done(world.release)).state == "done"
    assert states(world) == {100: "cancelled"}


async def whole(world):
    await world.reserve()
    return await world.accept()


@pytest.mark.parametrize("call", ["search", "read"])
@pytest.mark.parametrize("which", range(8))
async def test_one_answer_with_old_data_changes_nothing_in_the_end(world, call, which):
    world.fate(call, *[Fate()] * which, Fate("stale"))
    reply = await world.until_done(lambda: whole(world))
    await world.pass_time(3600)
    assert [number for number, state in states(world).items() if state == "active"] == [reply.whmcs_order_id]
    assert len(world.orders.effects("created", ORDER)) == 1


@pytest.mark.parametrize("call", ["search", "read"])
@pytest.mark.parametrize("which", range(5))
async def test_a_release_is_not_done_because_of_one_answer_with_old_data(world, call, which):
    await world.reserve()
    world.fate(call, *[Fate()] * which, Fate("stale"))
    assert (await world.until_done(world.release)).state == "done"
    await world.pass_time(1200)
    assert states(world) == {100: "cancelled"}


async def test_an_order_deleted_before_its_acceptance_blocks_and_no_other_is_made(world):
    await world.reserve()
    world.orders.forget(100)
    assert await world.until_done(world.accept) == "WHMCS_ORDER_CANCELLED"
    await world.pass_time(3600)
    assert world.fates.calls.count("AddOrder") == 1


async def test_an_order_deleted_before_anybody_saw_it_counts_as_never_made(world):
    world.fate("AddOrder", Fate("lost_after"))
    await world.reserve()
    await world.pass_time(QUIET - 1)
    world.orders.forget(100)
    assert (await world.until_done(world.reserve)).whmcs_order_id == 200


async def test_an_order_made_and_deleted_is_told(world):
    def deleted(call):
        if call == "search" and states(world):
            world.orders.forget(100)
        return Fate()

    world.fates.choose = deleted
    assert await world.until_done(world.reserve) == "WHMCS_ORDER_CANCELLED"
    assert world.fates.calls.count("AddOrder") == 1


async def test_a_twin_that_staff_accepted_takes_the_winners_place_and_no_second_one_becomes_active(world):
    reserved = await world.reserve()
    twin = replace(world.orders.orders_of(ORDER)[0], id=900, state="active", invoice_id=950)
    services = tuple(replace(one, id=one.id + 800, state="active") for one in twin.services)
    world.orders.have(replace(twin, services=services), CLIENT, ORDER)
    accepted = await world.until_done(world.accept)
    await world.pass_time(300)
    assert (reserved.whmcs_order_id, accepted.whmcs_order_id, accepted.service_id) == (100, 900, 900)
    assert states(world) == {100: "cancelled", 900: "active"}
    assert "AcceptOrder" not in world.fates.calls


async def test_two_candidates_for_active_wait_for_a_person_while_an_acceptance_may_still_land(world):
    await world.reserve()
    world.fate("AcceptOrder", Fate("late", 5000))
    assert (await world.accept()).state == "working"
    twin = replace(world.orders.orders_of(ORDER)[0], id=900, state="active", invoice_id=950)
    world.orders.have(
        replace(twin, services=tuple(replace(one, id=one.id + 800) for one in twin.services)), CLIENT, ORDER
    )
    assert await world.until_done(world.accept) == "WHMCS_ORDER_UNCLEAR"


async def test_an_extra_that_staff_accepted_is_told_once_and_stays_as_it_is(world):
    world.fate("AddOrder", Fate("late", 400))
    await world.until_done(lambda: whole(world))
    world.clock.advance(250)
    world.fates.land()
    world.orders.move(200, "active", "active", "accepted")
    await world.pass_time(1200)
    assert states(world) == {100: "active", 200: "active"}
    (sweep,) = [row for (kind, _), row in world.store._rows.items() if kind == SWEEP and row.due is not None]
    assert '"told":[200]' in sweep.state


async def test_the_invoice_of_a_twin_is_cancelled_even_if_whmcs_left_it_open(world):
    world.orders.keeps_invoices = True
    world.fate("AddOrder", Fate("late", 400))
    await world.until_done(lambda: whole(world))
    world.fate("UpdateInvoice", Fate("killed_before"))
    await world.pass_time(400 + 600)
    assert world.orders.invoices == {150: "unpaid", 250: "cancelled"}


async def test_the_invoice_of_a_released_order_is_cancelled_even_if_whmcs_left_it_open(world):
    world.orders.keeps_invoices = True
    await world.reserve()
    world.fate("UpdateInvoice", Fate("lost_before"))
    assert (await world.until_done(world.release)).state == "done"
    assert world.orders.invoices == {150: "cancelled"}


async def test_a_paid_invoice_of_a_released_order_is_left_to_a_person(world):
    world.orders.keeps_invoices = True
    await world.reserve()
    world.orders.invoices[150] = "paid"
    assert (await world.until_done(world.release)).state == "done"
    assert world.orders.invoices == {150: "paid"}


@pytest.mark.parametrize("kind", ["says_no", "forbidden", "down", "lost_before", "lost_after"])
async def test_the_search_for_twins_goes_on_whatever_goes_wrong_in_it(world, kind):
    world.fate("AddOrder", Fate("late", 400))
    await world.until_done(lambda: whole(world))
    world.fate("CancelOrder", Fate(kind))
    await world.pass_time(400 + 600)
    assert states(world) == {100: "active", 200: "cancelled"}


async def test_only_the_latest_search_for_twins_goes_on(world):
    world.fate("AddOrder", Fate("lost_before"))
    await world.until_done(lambda: whole(world))
    await world.pass_time(300)
    running = [row for (kind, _), row in world.store._rows.items() if kind == SWEEP and row.due is not None]
    assert len(running) == 1


async def test_every_accepted_order_is_looked_after_for_a_while_and_then_no_more(world):
    await world.until_done(lambda: whole(world))
    before = len(world.fates.calls)
    await world.pass_time(20 * 60)
    looks = world.fates.calls[before:]
    assert set(looks) == {"search"}
    assert 3 <= len(looks) <= 6
    await world.pass_time(24 * 3600)
    assert len(world.fates.calls) == before + len(looks)


async def test_an_invoice_that_charges_more_than_the_services_is_refused_before_the_pivot(world):
    world.orders.fee = 100
    with pytest.raises(Refused, match=r"PRICE_MISMATCH\(sku=total, ordered=6270, billed=6370\)"):
        await world.reserve()


async def test_amounts_changed_after_the_pivot_block_until_they_are_right_again(world):
    await world.reserve()
    world.orders.surcharge = 0
    world.orders.fee = 100
    assert await world.until_done(world.accept) == "PRICE_MISMATCH"
    world.orders.fee = 0
    await world.pass_time(901)
    assert (await world.accept()).state == "done"


async def test_a_service_terminated_by_hand_blocks_and_nothing_is_made_in_its_place(world):
    await world.reserve()
    world.fate("AcceptOrder", Fate("lost_after"))
    await world.accept()
    owner, key, order = world.orders._orders[100]
    world.orders.have(
        replace(order, services=tuple(replace(one, state="terminated") for one in order.services)), owner, key
    )
    assert await world.until_done(world.accept) == "WHMCS_SERVICE_NOT_ACTIVE"
    assert world.fates.calls.count("AddOrder") == world.fates.calls.count("AcceptOrder") == 1


@pytest.mark.parametrize("call", ["annotate", "UpdateInvoice"])
async def test_every_write_leaves_a_journalled_intent(world, call):  # I13
    world.orders.keeps_invoices = True
    if call == "annotate":
        await world.until_done(lambda: whole(world))
        assert [entry.state for entry in world.journal(ORDER) if entry.call == "UpdateClientProduct"] == [
            "succeeded"
        ] * 2
    else:
        await world.reserve()
        await world.release()
        assert [entry.call for entry in world.journal(ORDER)] == ["AddOrder", "CancelOrder", "UpdateInvoice"]
