"""Checkout on fakes: keys, gates, claims, and what is lost or refused on the way."""

import asyncio

import pytest

from portal_chassis.deadline import Deadline
from portal_contracts.billing import Subscription
from portal_contracts.orders import CheckOut, OrderPlaced, TimelineGrew
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.values import Address
from portal_orders.check_out import Buyer
from portal_orders.testing import ACCOUNT, EID, HOME, REFUSAL

ELSEWHERE = Address(postcode="530-0001", prefecture="大阪府", city="大阪市北区", street="梅田9-9-9")


def subscription(pid, state, group="Internet"):
    return Subscription(
        service_id=1,
        name="x",
        group=group,
        whmcs_product_id=pid,
        state=state,
        billing_cycle="Monthly",
        amount=5500,
        started_on=None,
        next_due_on=None,
    )


async def refused(action):
    with pytest.raises(Refused) as caught:
        await action
    return caught.value.code


async def test_a_cart_of_three_services_makes_three_orders_on_three_opportunities(world, carts):
    """R100, R101, C12."""
    checkout = await world.check_out(*carts.sim(), *carts.internet(), *carts.vpn(), address_confirmed=True)
    assert checkout.state == "placed"
    assert [order.category for order in checkout.orders] == ["sim", "internet", "vpn"]
    assert len({order.opportunity_id for order in checkout.orders}) == 3
    assert [(order.monthly, order.one_time) for order in checkout.orders] == [(2970, 3300), (5500, 0), (2500, 3000)]
    assert {order.state for order in world.sales.orders.values()} == {"pending_review"}
    assert len(world.recorded(OrderPlaced)) == len(world.recorded(TimelineGrew)) == 3
    assert world.book.kinds(checkout.orders[0].order_id) == ["order.placed"]


async def test_two_identical_lines_make_two_orders_and_a_double_click_makes_no_more(world, carts):
    """C16, R102."""
    first = await world.check_out(*carts.sim("a"), *carts.sim("b"))
    again = await world.check_out(*carts.sim("b"), *carts.sim("a"))
    assert again == first
    assert len(world.sales.orders) == len(world.sales.opportunities) == 2


async def test_the_same_cart_after_ten_minutes_is_a_new_one(world, carts):
    """C16: an intentional repeat."""
    await world.check_out(*carts.vpn())
    world.clock.advance(601)
    await world.check_out(*carts.vpn())
    assert len(world.sales.orders) == 2


async def test_a_key_holds_for_longer_and_refuses_another_cart(world, carts):
    """C16."""
    first = await world.check_out(*carts.vpn(), key="request-0001")
    world.clock.advance(86_400)
    assert await world.check_out(*carts.vpn(), key="request-0001") == first
    assert await refused(world.check_out(*carts.sim(), key="request-0001")) == "IDEMPOTENCY_KEY_REUSED"


async def test_another_customers_key_is_another_key(world, carts):
    await world.check_out(*carts.vpn(), key="request-0001")
    other = Buyer("001000000000002AAA", 43)
    await world.check_out(*carts.vpn(), key="request-0001", buyer=other)
    assert len(world.sales.orders) == 2


async def test_without_a_payment_method_nothing_is_written_and_the_same_key_works_afterwards(world, carts):
    """R061, R064."""
    world.billing.pays = False
    assert await refused(world.check_out(*carts.vpn(), key="request-0001")) == "PAYMENT_METHOD_MISSING"
    assert not world.sales.orders
    world.billing.pays = True
    assert (await world.check_out(*carts.vpn(), key="request-0001")).state == "placed"


async def test_a_plan_that_is_not_available_at_the_address_is_refused(world, carts):
    """R080."""
    cart = carts.internet(sku="INT-APT-1G")
    assert await refused(world.check_out(*cart, address_confirmed=True)) == "NOT_ELIGIBLE"


@pytest.mark.parametrize("state", ["active", "pending", "suspended"])
async def test_an_account_with_an_internet_service_cannot_order_another(world, carts, state):
    """R107, C14. The product of the service is another one of the same WHMCS group."""
    world.billing.subscriptions = [subscription(104, state)]
    action = world.check_out(*carts.internet(), address_confirmed=True)
    assert await refused(action) == "INTERNET_ALREADY_ORDERED"
    assert not world.checkouts.claims
    assert not world.sales.orders


async def test_an_internet_service_of_old_or_another_kind_is_in_nobodys_way(world, carts):
    world.billing.subscriptions = [subscription(101, "cancelled"), subscription(202, "active", group="SIM")]
    assert (await world.check_out(*carts.internet(), address_confirmed=True)).state == "placed"


async def test_an_open_internet_order_is_in_the_way_until_it_is_cancelled(world, carts):
    """C14, C40."""
    placed = await world.check_out(*carts.internet(), address_confirmed=True, key="request-0001")
    second = {"address_confirmed": True, "key": "request-0002"}
    assert await refused(world.check_out(*carts.internet(), **second)) == "INTERNET_ALREADY_ORDERED"
    world.sales.change(placed.orders[0].order_id, state="cancelled")
    await world.deliver_hint(placed.orders[0].order_id)
    assert (await world.check_out(*carts.internet(), **second)).state == "placed"


async def test_a_hundred_parallel_internet_checkouts_make_one_order(world, carts):
    """C14's acceptance test, on fakes."""

    async def one(number):
        try:
            return await world.check_out(*carts.internet(), address_confirmed=True, key=f"request-{number:04d}")
        except Refused as problem:
            return problem.code

    outcomes = await asyncio.gather(*(one(number) for number in range(100)))
    assert outcomes.count("INTERNET_ALREADY_ORDERED") == 99
    assert len(world.sales.orders) == 1


async def test_the_profiles_address_is_the_snapshot(world, carts):
    """R054."""
    order_id = await world.place_one(*carts.vpn())
    assert world.sales.orders[order_id].address == HOME
    assert not world.billing.changes


async def test_a_changed_address_goes_to_the_profile_and_is_marked(world, carts):
    """C09."""
    checkout = await world.check_out(
        *carts.internet(), *carts.vpn(), address_confirmed=True, installation_address=ELSEWHERE
    )
    assert world.billing.home == ELSEWHERE
    assert {world.sales.orders[order.order_id].address for order in checkout.orders} == {ELSEWHERE}
    assert (await world.detail(checkout.orders[0].order_id)).address == ELSEWHERE


async def test_an_old_sign_in_changes_no_billing_address_at_checkout(world, carts):  # architecture §9, C09
    old = Buyer(ACCOUNT, 42)
    typed = {"address_confirmed": True, "buyer": old, "installation_address": ELSEWHERE}
    assert await refused(world.check_out(*carts.internet(), key="request-0001", **typed)) == "STEP_UP_REQUIRED"
    assert world.billing.changes == {}
    typed["buyer"] = Buyer(ACCOUNT, 42, may_change_address=True)
    assert (await world.check_out(*carts.internet(), key="request-0001", **typed)).state == "placed"


async def test_typing_the_profiles_own_address_needs_no_fresh_sign_in(world, carts):
    typed = {"address_confirmed": True, "buyer": Buyer(ACCOUNT, 42), "installation_address": HOME}
    assert (await world.check_out(*carts.internet(), **typed)).state == "placed"


async def test_an_internet_order_without_any_address_is_refused(world, carts):
    world.billing.home = None
    assert await refused(world.check_out(*carts.internet(), address_confirmed=True)) == "ADDRESS_NOT_CONFIRMED"
    assert not world.checkouts.claims


async def test_an_open_opportunity_is_used_once(world, carts):
    """C13: eligibility then order, the same opportunity; the second SIM gets its own."""
    known = world.sales.open_opportunity("ready", "sim")
    checkout = await world.check_out(*carts.sim("a"), *carts.sim("b", eid="1" * 32))
    first, second = (order.opportunity_id for order in checkout.orders)
    assert first == known
    assert second != known
    assert world.sales.opportunities[known].stage == "post_processing"


async def test_a_lost_answer_is_found_again_by_the_orders_key(world, carts):
    world.sales.lost_answers = ["place", "place"]
    checkout = await world.check_out(*carts.sim(), *carts.vpn())
    assert checkout.state == "placed"
    assert len(world.sales.orders) == len(world.sales.opportunities) == 2


async def test_a_checkout_survives_salesforces_absence_and_doubles_nothing(world, carts):
    """R255; the same key finds the same checkout while it works and when it is done."""
    world.sales.away = True
    working = await world.check_out(*carts.vpn(), key="request-0001")
    assert (working.state, working.orders) == ("working", ())
    assert await world.check_out(*carts.vpn(), key="request-0001") == working
    world.clock.advance(3600)
    await world.processes.run_until_idle()
    world.sales.away = False
    world.clock.advance(7200)
    await world.processes.run_until_idle()
    placed = await world.check_out(*carts.vpn(), key="request-0001")
    assert (placed.state, placed.checkout_id) == ("placed", working.checkout_id)
    assert len(world.sales.orders) == 1


async def test_a_cart_that_still_works_after_ten_minutes_is_not_ordered_again(world, carts):
    world.sales.away = True
    working = await world.check_out(*carts.vpn())
    world.clock.advance(3600)
    assert (await world.check_out(*carts.vpn())).checkout_id == working.checkout_id


async def test_a_refusal_of_the_org_takes_everything_back(world, carts):
    """A validation rule says no to the second order: the first is withdrawn, claim and key are free."""
    world.sales.lost_answers = []
    original = world.sales.place

    async def second_is_refused(order, opportunity_id):
        if order.category == "vpn":
            raise REFUSAL
        return await original(order, opportunity_id)

    world.sales.place = second_is_refused
    cart = (*carts.internet(), *carts.vpn())
    facts = {"address_confirmed": True, "key": "request-0001"}
    assert await refused(world.check_out(*cart, **facts)) == "PRODUCT_NOT_ORDERABLE"
    assert [order.state for order in world.sales.orders.values()] == ["cancelled"]
    assert [one.stage for one in world.sales.opportunities.values()] == ["void"]
    assert not world.checkouts.claims
    assert not world.events
    world.sales.place = original
    assert (await world.check_out(*cart, **facts)).state == "placed"


async def test_a_withdrawn_order_never_shows(world, carts):
    """Hints of a checkout that failed tell nobody anything."""
    world.sales.refusals = []
    world.billing.subscriptions = [subscription(101, "active")]
    await refused(world.check_out(*carts.internet(), address_confirmed=True))
    listed = await world.orders.use.read_orders.all(ACCOUNT)
    assert listed.orders == []


async def test_a_failed_checkout_says_why_to_its_owner_alone(world, carts):
    world.billing.subscriptions = [subscription(101, "active")]
    await refused(world.check_out(*carts.internet(), address_confirmed=True))
    checkout_id = next(iter(world.checkouts.rows))
    look = world.orders.use.look_at_checkout
    assert await refused(look(checkout_id, ACCOUNT)) == "INTERNET_ALREADY_ORDERED"
    assert await refused(look(checkout_id, "001000000000002AAA")) == "NOT_FOUND"
    assert await refused(look("no-such-checkout", ACCOUNT)) == "NOT_FOUND"


async def test_a_placed_checkout_can_be_read_by_its_owner(world, carts):
    placed = await world.check_out(*carts.vpn())
    assert await world.orders.use.look_at_checkout(placed.checkout_id, ACCOUNT) == placed


async def test_eids_and_addresses_are_forgotten_with_the_process(world, carts):
    placed = await world.check_out(*carts.sim())
    view = await world.processes.read("checkout", placed.checkout_id)
    assert EID not in str(view.state)
    assert HOME.street not in str(view.state)


async def test_the_catalogs_or_billings_absence_is_told_at_once(world, carts):
    """R255: nothing was begun."""
    world.products.fails_with = TryLater("SERVICE_UNAVAILABLE")
    with pytest.raises(TryLater):
        await world.check_out(*carts.vpn())
    world.products.fails_with = None
    world.billing.fails_with = TryLater("WHMCS_UNAVAILABLE")
    with pytest.raises(TryLater):
        await world.check_out(*carts.vpn())
    assert not world.checkouts.rows


async def test_our_wrong_set_up_keeps_the_checkout_working(world, carts):
    world.sales.refusals = [Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": "x"})]
    assert (await world.check_out(*carts.vpn())).state == "working"
    world.clock.advance(901)
    await world.processes.run_until_idle()
    assert (await world.check_out(*carts.vpn())).state == "placed"


async def test_a_price_change_after_checkout_does_not_change_the_order(world, carts):
    """C30."""
    order_id = await world.place_one(*carts.vpn())
    world.products.products = [one.model_copy(update={"price": 9999}) for one in world.products.products]
    await world.deliver_hint(order_id)
    assert {item.unit_price for item in (await world.detail(order_id)).items} == {2500, 3000}


async def test_a_refused_cart_reaches_nobody(world):
    command = CheckOut(lines=[])
    with pytest.raises(Refused):
        await world.orders.use.order_cart(command, Buyer(ACCOUNT, 42), Deadline.after(5))
    assert world.sales.reads == 0


async def test_a_number_to_bring_along_stands_in_salesforce_and_in_the_snapshot_and_in_nothing_else(world, carts):
    """R105: personal data stays out of events and out of the process that has ended."""
    voice, fee = carts.sim()
    number = carts.porting()
    checkout = await world.check_out(voice.model_copy(update={"porting": number}), fee)
    order_id = checkout.orders[0].order_id
    assert world.book.orders[order_id].porting == number
    assert world.sales.orders[order_id].porting.data["phone_number"] == "09000000000"
    view = await world.processes.read("checkout", checkout.checkout_id)
    told = str(world.events) + str(view) + str(world.book.timelines)
    assert not any(text in told for text in ("09000000000", "1100000000", "ミホン"))
