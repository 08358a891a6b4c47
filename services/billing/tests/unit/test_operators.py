"""What operators see of an order's protocol, and their buttons: link, retry, cancel (reliability.md (b)§7, D13)."""

from dataclasses import replace
from itertools import count

import pytest

from portal_billing.order import FoundOrder, FoundService
from portal_billing.order_process import WHMCS_ORDER
from portal_billing.testing import Fate
from portal_chassis.testing import operator_call
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import long_salesforce_id
from portal_contracts.whmcs_orders import (
    CancelWhmcsOrder,
    LinkWhmcsOrder,
    ReadWhmcsOrder,
    RetryWhmcsOrder,
    WhmcsOrderDecided,
)

CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
OTHER = long_salesforce_id("801000000000002")
NUMBERS = count(1)
BY_HAND = 900


def command(kind, *, dry_run=False, order_id=ORDER, **more):
    request_id = more.pop("request_id", f"request-{next(NUMBERS)}")
    return kind(request_id=request_id, dry_run=dry_run, reason="asked to", order_id=order_id, **more)


async def retry(world, **more):
    return await world.operators.retry(command(RetryWhmcsOrder, **more), operator_call())


async def cancel(world, **more):
    return await world.operators.cancel(command(CancelWhmcsOrder, **more), operator_call())


async def link(world, number=BY_HAND, **more):
    return await world.operators.link(command(LinkWhmcsOrder, whmcs_order_id=number, **more), operator_call())


async def read(world, order_id=ORDER):
    return await world.operators.read(ReadWhmcsOrder(order_id=order_id))


def decisions(world):
    return [event.decision for event in world.store.database.events if isinstance(event, WhmcsOrderDecided)]


async def unclear(world):
    """Bring the order to where nobody knows whether WHMCS made it."""
    world.fate("AddOrder", Fate("lost_before"), Fate("lost_before"))
    assert await world.until_done(world.reserve) == "WHMCS_ORDER_UNCLEAR"


def by_hand(number=BY_HAND, *, state="pending", marker=None, price=2970, fee=3300, plan=202):
    """Give an order as staff makes one: right products and prices, and no marker unless told."""
    running = "active" if state == "active" else "pending"
    ordinal = None if marker is None else 1
    services = (
        FoundService(number, plan, running, "monthly", price, price, marker, ordinal),
        FoundService(number + 1, 211, running, "one_time", fee, 0, None, None),
    )
    return FoundOrder(number, state, price + fee, number + 50, services)


async def test_an_order_nobody_asked_for_has_no_file_and_no_buttons(world):
    for press in (retry, cancel, link):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await press(world)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await read(world)
    assert [action.result for action in world.desk.actions] == ["NOT_FOUND"] * 3


async def test_the_file_shows_what_was_tried_what_was_found_and_what_was_decided(world):
    world.fate("AddOrder", Fate("late", 400))
    await world.until_done(world.reserve)
    await world.accept()
    await world.pass_time(700)
    file = await read(world)
    assert (file.goal, file.phase, file.round, file.code) == ("accept", "accepted", 1, None)
    assert {(one.whmcs_order_id, one.state, one.verdict) for one in file.found} == {
        (100, "active", "winner"),
        (200, "cancelled", "extra"),
    }
    calls = [(entry.call, entry.state) for entry in file.journal]
    assert calls[:3] == [("AddOrder", "unknown"), ("AddOrder", "succeeded"), ("AcceptOrder", "succeeded")]
    assert ("CancelOrder", "succeeded") in calls  # the search for twins is evidence too
    assert file.journal[0].evidence["seen"] == "lost, the effect comes later"


async def test_the_file_says_when_whmcs_could_not_be_asked(world):
    await world.reserve()
    world.fate("search", Fate("down"))
    assert (await read(world)).found is None


async def test_a_retry_searches_first_and_allows_exactly_one_more_creation(world):
    await unclear(world)
    assert (await read(world)).code == "WHMCS_ORDER_UNCLEAR"
    outcome = await retry(world)
    assert outcome.carried_out
    await world.pass_time(1)
    assert (await world.reserve()).state == "done"
    assert world.fates.calls.count("AddOrder") == 3
    assert decisions(world) == ["retried"]


async def test_a_retry_that_is_unclear_again_needs_a_person_again(world):
    await unclear(world)
    world.fate("AddOrder", Fate("lost_before"))
    await retry(world)
    assert await world.until_done(world.reserve) == "WHMCS_ORDER_UNCLEAR"
    await world.pass_time(3600)
    assert world.fates.calls.count("AddOrder") == 3


async def test_a_retry_adopts_what_landed_meanwhile_instead_of_making_another(world):
    world.fate("AddOrder", Fate("late", 300), Fate("lost_before"))
    assert await world.until_done(world.reserve) == "WHMCS_ORDER_UNCLEAR"
    world.clock.advance(200)
    world.fates.land()
    await retry(world)
    await world.pass_time(1)
    assert (await world.reserve()).whmcs_order_id == 100
    assert world.fates.calls.count("AddOrder") == 2


async def test_a_dry_run_tells_what_it_would_do_and_does_nothing(world):
    await unclear(world)
    world.orders.have(by_hand(), CLIENT, "")
    before = (dict(world.book.desks), dict(world.book.judged))
    told = [await press(world, dry_run=True) for press in (retry, cancel, link)]
    assert not any(outcome.carried_out for outcome in told)
    assert all(outcome.changes for outcome in told)
    assert (world.book.desks, world.book.judged) == before
    assert decisions(world) == []
    assert [action.carried_out for action in world.desk.actions] == [False] * 3


@pytest.mark.parametrize("press", [retry, cancel, link])
async def test_a_repeated_command_is_answered_from_its_row_and_done_once(world, press):
    await unclear(world)
    world.orders.have(by_hand(), CLIENT, "")
    first = await press(world, request_id="request-x")
    await world.pass_time(1000)  # by now the order may be over: the repeat is answered all the same
    assert await press(world, request_id="request-x") == first
    assert len(decisions(world)) == 1
    assert [action.operator for action in world.desk.actions] == ["operator@staff.example"]


async def test_nothing_is_retried_that_does_not_wait_for_a_person(world):
    await world.reserve()
    with pytest.raises(Refused, match="PROVISIONING_NOT_STANDING"):
        await retry(world)
    await world.accept()
    for press in (retry, cancel, link):
        with pytest.raises(Refused, match="PROVISIONING_ENDED"):
            await press(world)


async def test_a_refusal_told_to_the_caller_can_be_looked_at_anew(world):
    world.orders.surcharge = 1
    with pytest.raises(Refused, match="PRICE_MISMATCH"):
        await world.reserve()
    world.orders._orders = {
        number: (owner, key, repriced(order)) for number, (owner, key, order) in world.orders._orders.items()
    }
    await retry(world)
    await world.pass_time(1)
    view = await world.engine.read(WHMCS_ORDER, ORDER)
    assert view.state["phase"] == "reserved"


def repriced(order):
    return replace(
        order,
        services=tuple(
            replace(one, first_payment=one.first_payment - 1, recurring=max(0, one.recurring - 1))
            for one in order.services
        ),
    )


async def test_a_cancelled_reservation_is_taken_back_and_needs_the_callers_release_before_the_next(world):
    await world.reserve()
    outcome = await cancel(world)
    assert outcome.changes == ("Give the reservation up.", "Cancel WHMCS order 100 and its unpaid invoice.")
    with pytest.raises(Refused, match="PROVISIONING_CANCELLED"):
        await world.reserve()
    await world.pass_time(10)
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["cancelled"]
    assert world.orders.invoices[150] == "cancelled"
    with pytest.raises(Refused, match="PROVISIONING_CANCELLED"):
        await world.reserve()
    assert decisions(world) == ["cancelled"]
    assert (await world.release()).state == "done"
    assert (await world.reserve()).whmcs_order_id == 200


async def test_an_unclear_creation_that_was_cancelled_ends_without_any_order(world):
    world.fate("AddOrder", Fate("late", 700), Fate("lost_before"))
    assert await world.until_done(world.reserve) == "WHMCS_ORDER_UNCLEAR"
    await cancel(world)
    await world.pass_time(2000)
    assert [order.state for order in world.orders.orders_of(ORDER)] == ["cancelled"]


async def test_past_the_pivot_nothing_is_cancelled(world):
    world.orders.stuck = True
    await world.reserve()
    assert await world.until_done(world.accept) == "WHMCS_SERVICE_NOT_ACTIVE"
    with pytest.raises(Refused, match="PROVISIONING_PAST_PIVOT"):
        await cancel(world)


async def test_an_order_that_staff_accepted_is_not_cancelled(world):
    await world.reserve()
    world.orders.move(100, "active", "active", "accepted")
    with pytest.raises(Refused, match="PROVISIONING_PAST_PIVOT"):
        await cancel(world)
    assert world.book.desks[ORDER].goal == "reserve"


@pytest.mark.parametrize("state", ["pending", "active"])
async def test_a_linked_order_gets_our_markers_and_becomes_the_one(world, state):
    await unclear(world)
    world.orders.have(by_hand(state=state), CLIENT, ORDER)
    outcome = await link(world)
    assert outcome.changes == (
        f"WHMCS order 900 ({state}) becomes the order of {ORDER}.",
        "Write the marker to service 900.",
        "Write the marker to service 901.",
    )
    await world.pass_time(1)
    assert (await world.reserve()).whmcs_order_id == BY_HAND
    accepted = await world.until_done(world.accept)
    assert (accepted.whmcs_order_id, accepted.service_id) == (BY_HAND, BY_HAND)
    (order,) = world.orders.orders_of(ORDER)
    assert [(one.order_id, one.ordinal) for one in order.services] == [(ORDER, 1), (ORDER, 2)]
    assert world.fates.calls.count("AddOrder") == 2
    assert world.fates.calls.count("AcceptOrder") == (1 if state == "pending" else 0)
    assert decisions(world) == ["linked"]


async def test_the_former_winner_of_a_linked_order_is_cancelled_as_a_twin(world):
    await world.reserve()
    world.orders.have(by_hand(state="active"), CLIENT, ORDER)
    outcome = await link(world)
    assert outcome.changes[-1] == "WHMCS order 100 is cancelled if it is Pending."
    await world.pass_time(300)
    states = {order.id: order.state for order in world.orders.orders_of(ORDER)}
    assert states == {100: "cancelled", BY_HAND: "active"}
    assert (await world.until_done(world.accept)).whmcs_order_id == BY_HAND
    assert "AcceptOrder" not in world.fates.calls


@pytest.mark.parametrize(
    ("order", "owner", "difference"),
    [
        (by_hand(), CLIENT + 1, "does not exist or is another client's"),
        (by_hand(state="cancelled"), CLIENT, "it is cancelled"),
        (by_hand(marker=OTHER), CLIENT, f"service 900 carries the marker of order {OTHER}"),
        (by_hand(plan=203), CLIENT, "service 900 \\(product 203\\) is no line of this order"),
        (by_hand(price=2969), CLIENT, "SIM-VOICE-ESIM-20G costs 2969 yen instead of 2970 yen"),
        (replace(by_hand(), services=by_hand().services[:1]), CLIENT, "product 211 is missing"),
        (replace(by_hand(), invoice_id=None), CLIENT, "SIM-VOICE-ESIM-20G costs 0 yen instead of 2970 yen"),
    ],
)
async def test_an_order_that_is_not_this_one_is_not_linked(world, order, owner, difference):
    await unclear(world)
    world.orders.have(order, owner, "")
    with pytest.raises(Refused, match=difference):
        await link(world)
    assert world.book.judged == {}
    assert decisions(world) == []


async def test_an_order_that_belongs_to_another_salesforce_order_is_not_linked(world):
    taken = await world.reserve(OTHER)
    await unclear(world)
    number = taken.whmcs_order_id
    services = tuple(replace(one, order_id=None, ordinal=None) for one in world.orders._orders[number][2].services)
    world.orders.have(replace(world.orders._orders[number][2], services=services), CLIENT, OTHER)
    with pytest.raises(Refused, match="it belongs to another order"):
        await link(world, number)
    assert world.book.judged[number][0] == OTHER
    assert world.book.desks[ORDER].ask == world.book.desks[ORDER].ask


async def test_no_second_active_order_comes_into_being_by_linking(world):
    await world.reserve()
    world.orders.move(100, "active", "active", "accepted")
    world.orders.have(by_hand(), CLIENT, "")
    with pytest.raises(Refused, match="order 100 is Active already"):
        await link(world)


async def test_whmcs_away_is_said_to_the_operator_too(world):
    await unclear(world)
    world.fate("read", Fate("down"))
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await link(world)
    assert [action.result for action in world.desk.actions] == ["WHMCS_UNAVAILABLE"]


async def test_an_order_taken_over_by_an_older_caller_goes_on_after_a_retry(world):
    """Fulfillment's database was restored: its generation is smaller than billing has seen."""
    world.fate("AddOrder", Fate("lost_before"), Fate("lost_before"))
    assert await world.until_done(lambda: world.reserve(generation=50)) == "WHMCS_ORDER_UNCLEAR"
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await world.reserve(generation=3)
    await retry(world)
    await world.pass_time(1)
    assert (await world.reserve(generation=3)).state == "done"
