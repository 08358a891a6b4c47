"""Checkout of the running service: lost answers, crashes, crowds, absences."""

import asyncio

import pytest

from portal_contracts.orders import ReadCheckout
from portal_contracts.problems import Refused


async def accounts_orders(staff, account):
    return await staff.children("Order", "AccountId", account)


async def placed_in_the_end(stack, checkout, eventually, within=40.0):
    async def look():
        found = await stack.gateway.ask(ReadCheckout(checkout_id=checkout.checkout_id), actor=stack.token())
        return found if found.state == "placed" else None

    return await eventually(look, within)


async def test_a_cart_of_three_services_makes_three_orders_waiting_for_review(stack, staff, carts, account):
    """R093, R100, C12."""
    checkout = await stack.check_out(*carts.sim, *carts.internet, *carts.vpn, key="request-0001")
    assert checkout.state == "placed"
    orders = await accounts_orders(staff, account)
    assert {order["Status"] for order in orders} == {"Pending Review"}
    assert len({order["OpportunityId"] for order in orders}) == len(orders) == 3
    shown = await stack.list()
    assert {order.order_id for order in shown} == {order["Id"] for order in orders}
    assert {order.status.ja for order in shown} == {"審査中"}
    assert [order.activation for order in shown] == [None, None, None]
    assert len(await stack.recorded("orders.order.placed.v1")) == 3
    assert await stack.check_out(*carts.sim, *carts.internet, *carts.vpn, key="request-0001") == checkout


async def test_another_customer_sees_none_of_it(stack, carts):
    """R098."""
    checkout = await stack.check_out(*carts.vpn)
    order_id = checkout.orders[0].order_id
    assert (await stack.order(order_id)).order_id == order_id
    with pytest.raises(Refused) as caught:
        await stack.order(order_id, account="001000000000009AAA")
    assert caught.value.code == "NOT_FOUND"


@pytest.mark.parametrize("kind", ["after_effect", "before_effect", "status", "late"])
@pytest.mark.parametrize("skip", [0, 1, 2])
async def test_a_fault_at_any_salesforce_call_doubles_nothing(stack, staff, carts, account, eventually, kind, skip):
    """The composite calls of a checkout are: look, write, look, write."""
    params = {"late": {"seconds": 1}, "before_effect": {"seconds": 0.2}}.get(kind, {})
    staff.fault("composite", kind, times=3, skip=skip, params=params)
    checkout = await stack.check_out(*carts.sim, *carts.vpn, key="request-0001")
    checkout = await placed_in_the_end(stack, checkout, eventually)
    await asyncio.sleep(1.1 if kind == "late" else 0)
    orders = await accounts_orders(staff, account)
    assert [order["Status"] for order in orders] == ["Pending Review"] * 2
    assert len(await staff.children("Opportunity", "AccountId", account)) == 2
    items = [len(await staff.children("OrderItem", "OrderId", order["Id"])) for order in orders]
    assert sorted(items) == [2, 3]
    assert {order.order_id for order in checkout.orders} == {order["Id"] for order in orders}


async def test_a_hundred_parallel_internet_checkouts_make_one_order(stack, staff, carts, account):
    """C14."""

    async def one(number):
        try:
            return await stack.check_out(*carts.internet, key=f"request-{number:04d}", timeout=30)
        except Refused as problem:
            return problem.code

    outcomes = await asyncio.gather(*(one(number) for number in range(100)))
    assert outcomes.count("INTERNET_ALREADY_ORDERED") == 99
    assert len(await accounts_orders(staff, account)) == 1


async def test_a_double_click_makes_one_order(stack, staff, carts, account):
    """C16."""
    answers = await asyncio.gather(*(stack.check_out(*carts.vpn) for _ in range(8)))
    assert len({answer.checkout_id for answer in answers}) == 1
    assert len(await accounts_orders(staff, account)) == 1


@pytest.mark.kill
@pytest.mark.parametrize("kind", ["slow", "late"])
async def test_a_checkout_goes_on_after_a_kill_in_its_middle(stack, staff, carts, account, eventually, kind):
    """The write is under way, takes effect or not, and nobody hears of it."""
    staff.fault("composite", kind, times=1, skip=1, params={"seconds": 1})
    asking = asyncio.create_task(stack.check_out(*carts.sim, *carts.vpn, key="request-0001", timeout=4))
    await eventually(lambda: journalled(stack))
    await stack.kill()
    await asyncio.gather(asking, return_exceptions=True)
    await stack.start()
    checkout = await stack.check_out(*carts.sim, *carts.vpn, key="request-0001")
    checkout = await placed_in_the_end(stack, checkout, eventually, within=60)
    orders = await accounts_orders(staff, account)
    assert [order["Status"] for order in orders] == ["Pending Review"] * 2
    assert {order["Id"] for order in orders} == {order.order_id for order in checkout.orders}
    assert len(await stack.recorded("orders.order.placed.v1")) == 2


async def journalled(stack):
    return await stack.rows("portal_process_journal")


async def test_salesforces_absence_makes_a_working_checkout(stack, staff, carts, account, eventually):
    """R255."""
    staff.fault("composite", "status", times=None)
    checkout = await stack.check_out(*carts.vpn, key="request-0001")
    assert checkout.state == "working"
    await staff.control("DELETE", "/faults")
    await placed_in_the_end(stack, checkout, eventually, within=40)
    assert len(await accounts_orders(staff, account)) == 1


async def test_a_refusal_of_the_org_leaves_no_claim(stack, staff, carts, account):
    stack.others.products = [
        one.model_copy(update={"pricebook_entry_id": "01u000000000009AAA"}) if one.sku == "VPN-US" else one
        for one in stack.others.products
    ]
    with pytest.raises(Refused) as caught:
        await stack.check_out(*carts.internet, *carts.vpn, key="request-0001")
    assert caught.value.code == "PRODUCT_NOT_ORDERABLE"
    assert {order["Status"] for order in await accounts_orders(staff, account)} == {"Cancelled"}
    assert [row["released_at"] is not None for row in await stack.rows("internet_claim")] == [True]
    assert (await stack.check_out(*carts.internet, key="request-0001")).state == "placed"
    assert len(await stack.list()) == 1
