"""Whatever blocks an order names who acts and until when, and goes on by itself once it is mended (C04, C37, §2.1)."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from portal_local.demo.customer import Problem
from portal_testing.invariants import broken_invariants
from portal_testing.salesforce_dialects import SalesforceDialect
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

CARD = "AX0000000000001"
CARD_LINE = "07000008001"
VPN_US, VPN_YEN = 301, 2500
RECHECK_SECONDS = 35
"""Longer than what stands still is left alone (PORTAL_RECHECK_SECONDS of a local portal)."""


async def blocked(shopper: Shopper, order_id: str, code: str, owner: str) -> dict[str, Any]:
    """Wait until an order is blocked; see that Salesforce, order and timeline agree on why, and give the order."""
    entry = await shopper.see(order_id, "provisioning.blocked")
    assert entry["whoActs"]["owner"] == owner
    assert entry["whoActs"]["text"]["ja"]
    assert datetime.fromisoformat(entry["whoActs"]["until"])
    in_salesforce = await shopper.salesforce.read("Order", order_id)
    assert in_salesforce["Activation_Status__c"] == "Failed"  # C04
    assert in_salesforce["Activation_Error__c"].startswith(f"{code}: ")  # C37
    assert in_salesforce["Activation_Error_DateTime__c"]
    order = await shopper.read(order_id)
    assert (order["whoActs"]["owner"], order["whoActs"]["text"]) == (owner, entry["whoActs"]["text"])
    return order


async def activated(stack: PortalStack, shopper: Shopper, order_id: str, **line: str) -> None:
    """See that an order went on without a person and became one service."""
    await shopper.see(order_id, "order.activated")
    assert "provisioning.resumed" in [entry["kind"] for entry in await shopper.timeline(order_id)]
    assert await broken_invariants(stack, order_id, **line) == []


def going_on(stack: PortalStack) -> Callable[[], Awaitable[None]]:
    """Let business time run while somebody looks."""

    async def wait() -> None:
        await stack.sandbox.advance_clock(RECHECK_SECONDS)

    return wait


@pytest.mark.timeout(180)
async def test_an_order_without_a_card_waits_for_the_customer_who_says_when_it_is_done(
    shopper, shoppers, portal_stack: PortalStack, operator
) -> None:  # R067, R068
    pressed, left_alone = await shopper.order_services({"sku": "VPN-US"}, {"sku": "VPN-UK"})
    await shopper.journey.remove_card()
    await shopper.journey.approve()
    for order_id in (pressed, left_alone):
        order = await blocked(shopper, order_id, "PAYMENT_METHOD_MISSING", "customer")
        assert order["activation"] == "awaiting_payment_method"
        assert order["status"]["en"] == "Awaiting payment method"
        assert order["whoActs"]["action"] == "/billing/payment-methods"
    stranger = await shoppers.somebody()
    with pytest.raises(Problem) as caught:
        await stranger.customer.post(f"/orders/{pressed}/recheck", {})
    assert (caught.value.status, caught.value.code) == (404, "NOT_FOUND")
    await shopper.customer.post(f"/orders/{pressed}/recheck", {})  # too early: it looks and stays where it is
    await shopper.journey.add_card()
    await shopper.customer.post(f"/orders/{pressed}/recheck", {})
    await shopper.see(pressed, "order.activated")
    await shopper.see(left_alone, "order.activated", wait=going_on(portal_stack))  # found by its own re-check
    for order_id in (pressed, left_alone):
        await activated(portal_stack, shopper, order_id)
    assert await shopper.finish() == []
    attempts = (await operator.get(f"/operator/provisioning/{pressed}"))["attempts"]
    assert [one["state"] for one in attempts] == ["activated"]  # the same attempt waited and went on


async def whmcs_price(stack: PortalStack, pid: int, yen: int) -> None:
    """Have staff set a product's price in WHMCS."""
    async with httpx.AsyncClient(base_url=stack.sandbox_urls["whmcs"]) as staff:
        answer = await staff.post("/admin/products.php", data={"pid": pid, "price": yen})
    assert answer.status_code < 400, answer.text


@pytest.mark.timeout(180)
async def test_what_staff_mend_in_salesforce_and_whmcs_lets_orders_go_on(
    shopper, portal_stack: PortalStack, salesforce_dialect: SalesforceDialect
) -> None:
    dearer, mispriced, card, unmapped = await shopper.order_services(
        {"sku": "VPN-US"},
        {"sku": "VPN-UK"},
        {"sku": "SIM-VOICE-PHYS-10G"},
        {"sku": "SIM-DATA-ESIM-10G", "eid": shopper.person.eid},
    )
    salesforce = shopper.salesforce
    items = "SELECT Id, UnitPrice FROM OrderItem WHERE OrderId = '{}' AND Product2.StockKeepingUnit = 'VPN-UK'"
    (item,) = await salesforce.query(items.format(mispriced))
    await salesforce.change("OrderItem", item["Id"], {"UnitPrice": item["UnitPrice"] + 10})
    number = salesforce_dialect.product_id_field
    products = f"SELECT Id, {number} FROM Product2 WHERE StockKeepingUnit = 'SIM-DATA-ESIM-10G'"
    (product,) = await salesforce.query(products)
    await salesforce.change("Product2", product["Id"], {number: None})
    await whmcs_price(portal_stack, VPN_US, VPN_YEN + 10)
    try:
        await shopper.journey.approve()
        await blocked(shopper, dearer, "PRICE_MISMATCH", "staff")
        await blocked(shopper, mispriced, "PRICE_MISMATCH", "staff")
        await blocked(shopper, card, "SIM_CARD_NUMBER_MISSING", "staff")
        await blocked(shopper, unmapped, "PRODUCT_UNMAPPED", "staff")
    finally:
        await whmcs_price(portal_stack, VPN_US, VPN_YEN)
        await salesforce.change("Product2", product["Id"], {number: product[number]})
    await salesforce.change("OrderItem", item["Id"], {"UnitPrice": item["UnitPrice"]})
    await shopper.change(card, SIM_Card_Number__c=CARD)
    await shopper.see(card, "order.activated")  # woken by the change
    await shopper.see(dearer, "order.activated", wait=going_on(portal_stack))
    await shopper.see(mispriced, "order.activated", wait=going_on(portal_stack))
    await shopper.see(unmapped, "order.activated", wait=going_on(portal_stack))
    shopper.journey.orders[2].card_number = CARD
    assert await shopper.finish() == []
    await activated(portal_stack, shopper, dearer)
    await activated(portal_stack, shopper, mispriced)
    await activated(portal_stack, shopper, card, card_line=CARD_LINE)
    await activated(portal_stack, shopper, unmapped, eid=shopper.person.eid)


async def test_a_live_stream_gives_each_entry_once_and_goes_on_where_it_ended(shopper) -> None:  # D12
    order_id = await shopper.order_esim()
    heard: list[tuple[str, str]] = []
    async with shopper.customer.follow(order_id) as events:
        await shopper.journey.approve()
        async for event_id, entry in events:
            heard.append((event_id, entry["kind"]))
            if entry["kind"] == "provisioning.started":
                break
    async with asyncio.timeout(60), shopper.customer.follow(order_id, after=heard[-1][0]) as events:
        heard += [(event_id, entry["kind"]) async for event_id, entry in until_activated(events)]
    polled = [(str(entry["sequence"]), entry["kind"]) for entry in await shopper.timeline(order_id)]
    assert heard == polled[: len(heard)]
    assert [int(event_id) for event_id, _ in heard] == list(range(1, len(heard) + 1))
    half = await shopper.customer.get(f"/orders/{order_id}/timeline?after={heard[2][0]}")
    assert [entry["kind"] for entry in half["entries"]] == [kind for _, kind in polled[3:]]
    assert await shopper.finish() == []


async def until_activated(events: AsyncIterator[tuple[str, Any]]) -> AsyncIterator[tuple[str, Any]]:
    async for event_id, entry in events:
        yield event_id, entry
        if entry["kind"] == "order.activated":
            return


async def test_two_pages_open_at_once_hear_the_same(shopper) -> None:
    order_id = await shopper.order_vpn()

    async def listen() -> list[str]:
        async with asyncio.timeout(60), shopper.customer.follow(order_id) as events:
            return [event_id async for event_id, _ in until_activated(events)]

    pages = [asyncio.create_task(listen()) for _ in range(2)]
    await shopper.journey.approve()
    first, second = await asyncio.gather(*pages)
    assert first == second
    assert all(int(after) - int(before) == 1 for before, after in itertools.pairwise(first))
    assert await shopper.finish() == []
