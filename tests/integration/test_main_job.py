"""From sign-up to an active, billed service (issue: the portal runs)."""

import asyncio

import pytest

from portal_local.demo.journey import new_eid

pytestmark = [pytest.mark.docker, pytest.mark.dialect]


@pytest.mark.timeout(240)
async def test_the_main_job_ends_with_all_systems_in_agreement_twice_in_a_row(shoppers) -> None:
    for _ in range(2):
        found = await shoppers.somebody(with_card=False)
        journey = found.journey
        await journey.be_refused_without_card(found.person)
        await journey.add_card()
        await journey.order(found.person)
        await journey.approve()
        assert await found.finish() == []
        await journey.pay()
        await journey.check_mails(found.person)
        assert [line for order in journey.orders for line in order.disagreements] == []


async def test_a_double_click_is_one_checkout_and_two_lines_are_two_orders(shopper, portal_stack) -> None:  # C16
    lines = []
    for number in ("1", "2"):
        lines.append({"reference": f"sim{number}", "sku": "SIM-VOICE-ESIM-20G", "eid": new_eid()})
        lines.append({"reference": f"fee{number}", "sku": "SIM-ACTIVATION", "parent": f"sim{number}"})
    cart = {"lines": lines}
    first, second = await asyncio.gather(
        *(shopper.customer.post("/orders", cart, key="the-same-key-0001") for _ in range(2)), return_exceptions=True
    )
    placed = [answer for answer in (first, second) if isinstance(answer, dict) and answer["state"] == "placed"]
    assert placed
    assert len({answer["checkoutId"] for answer in placed}) == 1
    orders = (await shopper.customer.get("/orders"))["orders"]
    assert len(orders) == 2  # R102


async def test_the_timeline_tells_the_whole_story_in_both_languages(shopper) -> None:
    order_id = await shopper.order_vpn()
    await shopper.journey.approve()
    assert await shopper.finish() == []
    timeline = await shopper.customer.get(f"/orders/{order_id}/timeline")
    entries = timeline["entries"]
    assert [entry["sequence"] for entry in entries] == sorted(entry["sequence"] for entry in entries)
    assert all(entry["text"]["en"] and entry["text"]["ja"] for entry in entries)
    assert entries[-1]["whoActs"]["owner"] == "nobody"
