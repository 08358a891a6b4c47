"""Withdrawing an order, curated reasons, kept carts and building the read model anew (§5.7, C36, C40)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal_contracts.identity import CustomerRegistered
from portal_contracts.orders import OrderRejected
from portal_contracts.orders_of_customers import KeepCart, KeptCartLine, WithdrawOrder
from portal_contracts.problems import Refused, TryLater
from portal_orders.testing import ACCOUNT, CLIENT

OTHER = "001000000000009AAA"
CART = "cart-example-0001"


async def withdraw(world, order_id, key="withdraw-1", account=ACCOUNT):
    use = world.orders.for_customers.customers
    return await use.withdraw(WithdrawOrder(request_id=key, order_id=order_id), account)


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
    with pytest.raises(TryLater):
        await withdraw(world, order_id)
    await world.deliver_hint(order_id)
    assert world.book.kinds(order_id)[-1] == "order.withdrawn"
    await withdraw(world, order_id)
    assert world.book.kinds(order_id).count("order.withdrawn") == 1
    assert world.recorded(OrderRejected) == []


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
    with pytest.raises(Refused) as refused:
        await carts.keep(KeepCart(cart_id=CART, lines=cart("SIM-DATA-ESIM-10G")))
    assert refused.value.code == "NOT_FOUND"
    await world.place_one()
    assert (await carts.waiting(ACCOUNT)).lines == ()


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
    for number in (5, 500):
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
