"""Two tests of a team that builds on the portal: the whole of it is one fixture."""

import httpx


def test_our_page_finds_the_plans(portal_stack) -> None:
    answer = httpx.get(f"{portal_stack.gateway_url}/openapi.json", timeout=10)
    assert "/catalog" in answer.json()["paths"]


async def test_an_order_survives_what_we_deploy(portal_stack, shopper) -> None:
    order_id = await shopper.order_vpn()
    await shopper.journey.approve()
    await portal_stack.restart("billing")
    assert await shopper.finish() == []
    accepted = await portal_stack.sandbox.ledger(kind="whmcs.order.accepted")
    assert len([entry for entry in accepted if entry["key"].startswith(order_id)]) == 1
