"""The order protocol's rules one by one: architecture §6, reliability.md (b)§3, D01, D02."""

import pytest

from portal_billing.order_process import WHMCS_ORDER
from portal_billing.testing import Fate
from portal_contracts.billing import OrderLine
from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater
from portal_contracts.values import long_salesforce_id

ORDER = long_salesforce_id("801000000000001")
OTHER = long_salesforce_id("801000000000002")
QUIET = 125


def line(product_id, price, **more):
    known = {"sku": f"SKU-{product_id}", "billing_cycle": "monthly", "quantity": 1, "service": True}
    return OrderLine(whmcs_product_id=product_id, unit_price=price, **{**known, **more})


async def test_a_reservation_is_one_pending_order_and_a_repeat_finds_it_again(world):
    first = await world.reserve()
    again = await world.reserve()
    assert first == again
    assert first.state == "done"
    assert (first.service_id, first.service_ids) == (100, (100, 101))
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["pending"]


async def test_accepting_makes_the_winner_active_writes_notes_and_forgets_personal_data(world):
    reserved = await world.reserve()
    accepted = await world.accept()
    assert accepted.whmcs_order_id == reserved.whmcs_order_id
    assert len(world.orders.effects("accepted", ORDER)) == 1
    notes = world.orders.notes[accepted.service_id]
    assert (notes.phone_number, notes.iccid) == ("070-1234-5678", "8981100000000000001")
    assert ORDER in notes.text
    assert world.orders.notes[101].phone_number is None
    desk = world.book.desks[ORDER]
    assert (desk.eid, desk.phone_number, desk.iccid) == (None, None, None)
    assert await world.accept() == accepted
    assert await world.reserve() == accepted


async def test_a_lost_reply_is_found_again_by_its_marker_after_the_quiet_period(world):
    world.fate("AddOrder", Fate("lost_after"))
    assert (await world.reserve()).state == "working"
    await world.pass_time(QUIET - 1)
    assert (await world.reserve()).state == "working"
    assert world.fates.calls.count("AddOrder") == 1
    await world.pass_time(2)
    assert (await world.reserve()).state == "done"
    assert len(world.orders.effects("created", ORDER)) == 1


async def test_a_call_lost_before_its_effect_is_made_once_more_after_the_quiet_period(world):
    world.fate("AddOrder", Fate("lost_before"))
    reply = await world.until_done(world.reserve)
    assert reply.state == "done"
    assert world.fates.calls.count("AddOrder") == 2
    assert len(world.orders.effects("created", ORDER)) == 1


async def test_twice_unclear_needs_a_human_and_is_still_searched_every_quarter_of_an_hour(world):
    world.fate("AddOrder", Fate("lost_before"), Fate("late", 5000))
    assert await world.until_done(world.reserve) == "WHMCS_ORDER_UNCLEAR"
    view = await world.engine.read(WHMCS_ORDER, ORDER)
    assert view.status == "needs_human"
    assert [call["state"] for call in view.facts["calls"]] == ["unknown", "unknown"]
    await world.pass_time(6000)
    assert world.fates.calls.count("AddOrder") == 2
    assert (await world.reserve()).state == "done"  # the late order was adopted, nobody had to decide


async def test_an_effect_beyond_the_quiet_period_loses_and_is_cancelled_within_five_minutes(world):
    world.fate("AddOrder", Fate("late", 600))
    reply = await world.until_done(world.reserve)
    await world.accept()
    await world.pass_time(600 + 300)
    orders = world.orders.orders_of(ORDER)
    assert {order.id: order.state for order in orders} == {reply.whmcs_order_id: "active", 200: "cancelled"}
    landed = next(effect.at for effect in world.orders.effects("created", ORDER) if effect.whmcs_order_id == 200)
    ended = world.orders.effects("cancelled", ORDER)[0].at
    assert (ended - landed).total_seconds() <= 300


async def test_a_worker_paused_between_check_and_write_is_fenced_and_its_order_is_cancelled(world):
    world.fate("AddOrder", Fate("paused", 400))
    with pytest.raises(TryLater):
        await world.reserve()
    reply = await world.until_done(world.reserve)
    await world.until_done(world.accept)
    await world.pass_time(700)
    states = {order.id: order.state for order in world.orders.orders_of(ORDER)}
    assert states.pop(reply.whmcs_order_id) == "active"
    assert list(states.values()) == ["cancelled"]


@pytest.mark.parametrize("fate", ["killed_before", "killed_after"])
@pytest.mark.parametrize(
    "call", ["search", "read", "GetProducts", "AddOrder", "invoice", "AcceptOrder", "module queue", "annotate"]
)
async def test_a_worker_killed_at_any_call_leaves_exactly_one_accepted_order(world, call, fate):
    world.fate(call, Fate(fate))

    async def whole_order():
        await world.reserve()
        return await world.accept()

    assert (await world.until_done(whole_order)).state == "done"
    assert len(world.orders.effects("accepted", ORDER)) == 1
    assert [order.state for order in world.orders.orders_of(ORDER) if order.state == "pending"] == []


@pytest.mark.parametrize("fate", ["lost_before", "lost_after", "killed_before", "killed_after"])
async def test_an_unclear_cancellation_is_settled_before_the_release_is_done(world, fate):
    await world.reserve()
    world.fate("CancelOrder", Fate(fate))
    assert (await world.until_done(world.release)).state == "done"
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["cancelled"]


@pytest.mark.parametrize("fate", ["lost_before", "lost_after"])
async def test_an_unclear_acceptance_waits_and_then_reads_what_became_of_it(world, fate):
    await world.reserve()
    world.fate("AcceptOrder", Fate(fate))
    assert (await world.accept()).state == "working"
    await world.pass_time(QUIET - 1)
    assert (await world.accept()).state == "working"
    assert world.fates.calls.count("AcceptOrder") == 1
    assert (await world.until_done(world.accept)).state == "done"
    assert len(world.orders.effects("accepted", ORDER)) == 1


async def test_a_connection_that_could_not_be_made_costs_no_quiet_period_and_no_human(world):
    world.fate("AddOrder", *[Fate("down")] * 5)
    reply = await world.until_done(world.reserve)
    assert reply.state == "done"
    assert world.book.judged[reply.whmcs_order_id][1].winner
    assert len(world.orders.effects("created", ORDER)) == 1


async def test_a_failed_search_is_not_an_empty_one(world):
    world.fate("search", Fate("down"))
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await world.reserve()
    assert "AddOrder" not in world.fates.calls


async def test_asking_again_and_again_does_not_start_the_ladder_again(world):
    """The pause until the next try grows whoever asks, and is told, so that the callers' own ladder grows too."""
    world.fates.choose = lambda call: Fate("down") if call == "search" else Fate()
    told = []
    for _ in range(4):
        with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE") as caught:
            await world.reserve()
        told.append(caught.value.retry_after)
    assert told == [5, 30, 120, 600]
    view = await world.engine.read(WHMCS_ORDER, ORDER)
    assert (view.status, view.attempts) == ("waiting", 4)
    world.clock.advance(73 * 3600)
    with pytest.raises(PortalProblem, match="TOO_MANY_FAILURES"):
        await world.reserve()
    world.fates.choose = lambda _: Fate()
    assert (await world.reserve()).state == "done"


async def test_an_order_that_nobody_has_asked_for_lately_is_not_made(world):
    """C19: what was approved when WHMCS went away may have been cancelled since."""
    world.fate("search", Fate("down"), Fate("down"), Fate("down"))
    with pytest.raises(TryLater):
        await world.reserve()
    await world.pass_time(3600)
    assert "AddOrder" not in world.fates.calls
    view = await world.engine.read(WHMCS_ORDER, ORDER)
    assert (view.status, view.because) == ("waiting", "nobody has asked for it lately")
    assert (await world.reserve()).state == "done"


async def test_an_order_that_grew_old_during_the_search_is_not_made(world):
    def slow(call):
        if call == "search" and "AddOrder" not in world.fates.calls:
            world.clock.advance(61)
        return Fate()

    world.fates.choose = slow
    assert (await world.reserve()).state == "working"
    assert "AddOrder" not in world.fates.calls
    world.fates.choose = lambda _: Fate()
    assert (await world.reserve()).state == "done"


async def test_a_reservation_that_was_made_is_accepted_however_long_that_takes(world):
    """Behind the pivot there is only forward: a SIM may be active."""
    await world.reserve()
    world.fate("AcceptOrder", Fate("down"))
    with pytest.raises(TryLater):
        await world.accept()
    await world.pass_time(3600)
    assert len(world.orders.effects("accepted", ORDER)) == 1


async def test_a_write_is_abandoned_when_its_check_is_older_than_the_send_deadline(world):
    def slow(call):
        if call == "AddOrder":
            world.clock.advance(11)
        return Fate()

    world.fates.choose = slow
    with pytest.raises(TryLater):
        await world.reserve()
    assert world.orders.orders_of(ORDER) == []
    world.fates.choose = lambda _: Fate()
    assert (await world.until_done(world.reserve)).state == "done"


async def test_wrong_credentials_are_our_fault_and_resume_by_themselves(world):
    world.fate("AddOrder", Fate("forbidden"))
    with pytest.raises(Misconfigured, match="WHMCS_MISCONFIGURED"):
        await world.reserve()
    await world.pass_time(901)
    assert world.orders.orders_of(ORDER) == []  # the caller looks first whether it is still approved
    assert (await world.reserve()).state == "done"
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["pending"]


async def test_writes_for_one_client_follow_one_another(world):
    world.turns.taken.add(5011)
    assert (await world.reserve()).state == "working"
    assert "AddOrder" not in world.fates.calls
    world.turns.taken.clear()
    assert (await world.until_done(world.reserve)).state == "done"


async def test_a_line_of_three_becomes_three_services_with_the_same_marker(world):
    reply = await world.reserve(lines=[line(202, 2970), line(221, 330, quantity=3, service=False)])
    order = world.orders.orders_of(ORDER)[0]
    assert [service.ordinal for service in order.services] == [1, 2, 2, 2]
    assert order.amount == 2970 + 3 * 330
    assert reply.service_id == order.services[0].id


async def test_two_orders_of_one_client_do_not_see_one_another(world):
    first, second = await world.reserve(ORDER), await world.reserve(OTHER)
    assert first.whmcs_order_id != second.whmcs_order_id
    await world.accept(OTHER)
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["pending"]


async def test_an_order_needs_exactly_one_service(world):
    with pytest.raises(Refused, match="BAD_REQUEST"):
        await world.reserve(lines=[line(202, 2970), line(221, 330)])


async def test_every_creation_has_a_journalled_intent_with_a_fingerprint(world):
    world.fate("AddOrder", Fate("lost_before"))
    await world.until_done(world.reserve)
    entries = [entry for row in world.store._rows.values() for entry in await world.store.journal(row.id, "AddOrder")]
    assert [entry.state for entry in entries] == ["unknown", "succeeded"]
    assert len({entry.fingerprint for entry in entries}) == 1


async def test_the_longer_whmcs_does_not_say_what_became_of_an_acceptance_the_longer_it_is_left_alone(world):
    """Ten minutes of it are three calls, and one more once it answers."""
    await world.reserve()
    world.fates.choose = lambda call: Fate("lost_before") if call == "AcceptOrder" else Fate()
    assert (await world.accept()).state == "working"
    await world.pass_time(600)
    assert world.fates.calls.count("AcceptOrder") == 3
    world.fates.choose = lambda _: Fate()
    assert (await world.until_done(world.accept)).state == "done"
    assert world.fates.calls.count("AcceptOrder") == 4
