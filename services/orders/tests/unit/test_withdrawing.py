"""Withdrawing an order, curated reasons, kept carts and building the read model anew (§5.7, C36, C40)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal_chassis.deadline import Deadline
from portal_contracts.identity import CustomerRegistered
from portal_contracts.orders import OrderRejected, OrderWithdrawn
from portal_contracts.orders_of_customers import KeepCart, KeptCartLine, WithdrawOrder
from portal_contracts.personal_data_exports import ExportOrders
from portal_contracts.problems import Refused
from portal_orders.testing import ACCOUNT, CLIENT

OTHER = "001000000000009AAA"
CART = "cart-example-0001"


async def withdraw(world, order_id, key="withdraw-1", account=ACCOUNT):
    use = world.orders.for_customers.customers
    return await use.withdraw(WithdrawOrder(request_id=key, order_id=order_id), account, Deadline.after(5))


async def later(world):
    """Let everything that waits be tried again."""
    world.clock.advance(timedelta(minutes=30))
    await world.processes.run_until_idle()


async def test_a_withdrawn_order_is_cancelled_with_its_opportunity_and_told_as_the_customers_wish(world):
    """C40; nobody is told that staff rejected it."""
    order_id = await world.place_one()
    assert (await world.detail(order_id)).withdrawable
    await withdraw(world, order_id)
    await world.processes.run_until_idle()
    order = world.sales.orders[order_id]
    assert (order.state, world.sales.opportunities[order.opportunity_id].stage) == ("cancelled", "void")
    shown = await world.detail(order_id)
    assert (shown.status.en, shown.withdrawable, shown.rejection) == ("Withdrawn", False, None)
    assert world.book.kinds(order_id)[-1] == "order.withdrawn"
    assert world.recorded(OrderRejected) == []
    assert world.recorded(OrderWithdrawn) == [OrderWithdrawn(order_id=order_id, account_id=ACCOUNT, why="withdrawn")]
    assert [case.kind for case in world.cases.opened.values()] == ["general_inquiry"]


async def test_withdrawing_is_harmless_to_repeat_with_one_key_or_another(world):
    order_id = await world.place_one()
    for key in ("withdraw-1", "withdraw-1", "withdraw-2"):
        await withdraw(world, order_id, key)
    assert world.book.kinds(order_id).count("order.withdrawn") == 1
    assert world.sales.writes.count("cancel") == 1


async def test_a_withdrawal_whose_answer_was_lost_is_no_rejection(world):
    order_id = await world.place_one()
    world.sales.lost_answers = ["cancel"]
    await withdraw(world, order_id)
    await world.deliver_hint(order_id)
    assert world.book.kinds(order_id)[-1] == "order.withdrawn"
    await withdraw(world, order_id, "withdraw-2")
    await later(world)
    assert world.book.kinds(order_id).count("order.withdrawn") == 1
    assert world.recorded(OrderRejected) == []
    assert [event.why for event in world.recorded(OrderWithdrawn)] == ["withdrawn"]
    assert len(world.cases.opened) == 1


async def test_a_withdrawal_while_salesforce_is_away_is_carried_out_when_it_is_back(world):
    """§5.7, C40: the wish is never half kept."""
    order_id = await world.place_one()
    world.sales.away = True
    await withdraw(world, order_id)
    shown = await world.detail(order_id)
    assert (shown.status.en, shown.who_acts.owner, shown.withdrawable) == ("Being withdrawn", "us", False)
    world.sales.away = False
    await later(world)
    order = world.sales.orders[order_id]
    assert (order.state, world.sales.opportunities[order.opportunity_id].stage) == ("cancelled", "void")
    assert (await world.detail(order_id)).status.en == "Withdrawn"


@pytest.mark.parametrize(("state", "told"), [("pending_review", ["withdrawn"]), ("cancelled", []), ("draft", [])])
async def test_the_end_of_an_order_that_vanishes_is_told_unless_it_had_ended_or_was_a_draft(world, state, told):
    """A wish that waits for Salesforce is what the customer knows of it."""
    order_id = await world.place_one()
    world.book.orders[order_id] = replace(world.book.orders[order_id], state=state, withdrawn=True)
    del world.sales.orders[order_id]
    world.clock.advance(timedelta(hours=1))
    for _ in range(2):
        await world.deliver_hint(order_id)
    assert [event.why for event in world.recorded(OrderWithdrawn)] == told


async def test_staff_who_reject_meanwhile_carry_the_wish_out_and_the_opportunity_is_void(world):
    """C36, C40: the wish came first, so it is no rejection."""
    order_id = await world.place_one()
    world.sales.away = True
    await withdraw(world, order_id)
    world.sales.away = False
    await world.change(order_id, "Status", state="cancelled", rejection_reason="REQUEST they phoned")
    await later(world)
    order = world.sales.orders[order_id]
    assert world.sales.opportunities[order.opportunity_id].stage == "void"
    assert world.book.kinds(order_id)[-1] == "order.withdrawn"


async def test_staff_who_approve_meanwhile_come_first_and_the_customer_is_told(world):
    order_id = await world.place_one()
    world.sales.away = True
    await withdraw(world, order_id)
    world.sales.away = False
    await world.approve(order_id)
    await later(world)
    assert world.book.kinds(order_id)[-1] == "order.withdrawn_too_late"
    assert (await world.detail(order_id)).status.en == "Approved"
    assert world.sales.orders[order_id].state == "approved"
    assert world.recorded(OrderWithdrawn) == []
    with pytest.raises(Refused) as refused:
        await withdraw(world, order_id)
    assert refused.value.code == "ORDER_NOT_WITHDRAWABLE"
    await world.change(order_id, "Status", message_id="change-9", state="cancelled")
    assert (await world.detail(order_id)).status.en == "Cancelled"
    assert [event.why for event in world.recorded(OrderWithdrawn)] == ["cancelled"]


async def test_an_order_that_changes_at_the_moment_of_the_withdrawal_is_read_again(world):
    """A review card, say, is written in between."""
    order_id = await world.place_one()
    cancel, moved = world.sales.cancel, []

    async def in_between(order, note):
        if not moved:
            moved.append(world.sales.change(order_id))
        return await cancel(order, note)

    world.sales.cancel = in_between
    await withdraw(world, order_id)
    assert world.sales.orders[order_id].state == "cancelled"


@pytest.mark.parametrize("state", ["approved", "completed"])
async def test_what_was_approved_meanwhile_is_not_withdrawn(world, state):
    order_id = await world.place_one()
    world.sales.change(order_id, state=state)
    with pytest.raises(Refused) as refused:
        await withdraw(world, order_id)
    assert refused.value.code == "ORDER_NOT_WITHDRAWABLE"


async def test_nobody_withdraws_somebody_elses_order(world):
    order_id = await world.place_one()
    with pytest.raises(Refused) as refused:
        await withdraw(world, order_id, account=OTHER)
    assert refused.value.code == "NOT_FOUND"


async def test_a_withdrawn_internet_order_makes_room_for_another(world, carts):
    """C14."""
    order_id = (await world.check_out(*carts.internet(), address_confirmed=True, key="first-key")).orders[0].order_id
    await withdraw(world, order_id)
    again = await world.check_out(*carts.internet(), address_confirmed=True, key="second-key")
    assert again.state == "placed"


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("ADDRESS he typed nonsense again", "the address could not be verified"),
        ("[duplicate] see 0000123", "you have this service already"),
        ("a difficult customer", "Please contact support"),
        ("", "Please contact support"),
    ],
)
async def test_a_rejection_is_told_in_curated_words(world, note, words):
    """C36."""
    order_id = await world.place_one()
    await world.change(order_id, "Status", state="cancelled", rejection_reason=note)
    shown = await world.detail(order_id)
    assert words in shown.rejection.en
    assert words in (await world.orders.use.read_orders.mail(order_id)).rejection.en
    assert words in world.book.timelines[order_id][-1].text.en
    for raw in ("nonsense", "0000123", "difficult"):
        assert raw not in shown.model_dump_json()


def cart(*skus):
    return [KeptCartLine(reference=f"line-{number}", sku=sku) for number, sku in enumerate(skus)]


async def test_a_cart_from_before_signing_up_waits_for_its_customer_until_it_is_ordered(world):
    """R029: the sign-up carries its id."""
    carts = world.orders.for_customers.customers.carts
    await carts.keep(KeepCart(cart_id=CART, lines=cart("VPN-US")))
    await carts.keep(KeepCart(cart_id=CART, lines=cart("VPN-US", "VPN-ACTIVATION")))
    assert (await carts.waiting(ACCOUNT)).lines == ()
    registered = CustomerRegistered(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=CLIENT, cart_id=CART)
    await world.deliver(registered)
    await world.deliver(registered.model_copy(update={"account_id": OTHER}), "message-2")
    assert [line.sku for line in (await carts.waiting(ACCOUNT)).lines] == ["VPN-US", "VPN-ACTIVATION"]
    assert (await carts.waiting(OTHER)).lines == ()
    exported = [(await world.bus.call(ExportOrders(account_id=one))).kept_cart for one in (ACCOUNT, OTHER)]
    assert [len(cart.lines) for cart in exported] == [2, 0], "D17"
    with pytest.raises(Refused) as refused:
        await carts.keep(KeepCart(cart_id=CART, lines=cart("SIM-DATA-ESIM-10G")))
    assert refused.value.code == "NOT_FOUND"
    await world.place_one()
    assert (await carts.waiting(ACCOUNT)).lines == ()


@pytest.mark.parametrize("has_fields", [True, False])
async def test_numbers_to_bring_along_are_exported_as_salesforce_has_them(world, carts, has_fields):  # D17
    """Where the org has no fields for them, the portal's own row says it."""
    world.sales.has_fields = has_fields
    sim = carts.line("sim", "SIM-VOICE-ESIM-20G", eid="89049032000000000000000000000163", porting=carts.porting())
    fee = carts.line("fee", "SIM-ACTIVATION", parent="sim")
    order_id = await world.place_one(sim, fee)
    (kept,) = (await world.bus.call(ExportOrders(account_id=ACCOUNT))).number_portings
    assert (kept.order_id, kept.data["phone_number"]) == (order_id, "09000000000")
    assert (await world.bus.call(ExportOrders(account_id=OTHER))).number_portings == []


async def test_a_cart_is_forgotten_after_thirty_days(world):
    carts = world.orders.for_customers.customers.carts
    await carts.keep(KeepCart(cart_id=CART, lines=cart("VPN-US")))
    world.clock.advance(timedelta(days=31))
    await world.deliver(CustomerRegistered(user_id="user-1", account_id=ACCOUNT, whmcs_client_id=CLIENT, cart_id=CART))
    assert (await carts.waiting(ACCOUNT)).lines == ()


async def test_a_list_of_five_hundred_orders_asks_salesforce_as_often_as_one_of_five(world):
    """Once, for what was there before the portal; then never again."""
    order_id = await world.place_one()
    asked = []
    for number in (5, 499):
        row = world.book.orders[order_id]
        for copy in range(number):
            other = f"801{copy:012d}"
            world.book.orders[other] = replace(row, order_id=other, order_number=f"{copy:08}")
        world.book.complete.clear()
        before = world.sales.reads
        shown = await world.orders.use.read_orders.all(ACCOUNT)
        await world.orders.use.read_orders.all(ACCOUNT)
        asked.append(world.sales.reads - before)
        assert len(shown.orders) == number + 1
    assert asked == [1, 1]
