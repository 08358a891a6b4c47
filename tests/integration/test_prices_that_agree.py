"""Prices that differ between Salesforce and WHMCS, and what staff and operators do about them (R090-R092)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from portal_local.demo.customer import Problem
from portal_testing.operators import OperatorAtWork
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.subscribers import until

SKU, PID, YEN, DEARER = "VPN-UK", 302, 2500, 2800


@asynccontextmanager
async def another_price_in_whmcs(stack: PortalStack) -> AsyncIterator[None]:
    """Have staff set another price in WHMCS, which tells nobody, and the old one again."""
    async with httpx.AsyncClient(base_url=stack.sandbox_urls["whmcs"]) as staff:

        async def price(yen: int) -> None:
            answer = await staff.post("/admin/products.php", data={"pid": PID, "price": yen})
            assert answer.status_code < 400, answer.text

        await price(DEARER)
        try:
            yield
        finally:
            await price(YEN)


async def clear(operator: OperatorAtWork) -> None:
    run = await operator.command_line("catalog", "clear", "--reason", "a price was put right", "--do")
    assert (run.exit_code, "Done:" in run.output) == (0, True), run.errors


async def test_a_price_that_only_whmcs_changed_stops_the_sale_until_both_agree(
    shopper: Shopper, portal_stack: PortalStack, operator: OperatorAtWork
) -> None:
    async def shown() -> Any:
        return await shopper.customer.get(f"/catalog/{SKU}")

    async def refused(language: str) -> dict[str, Any]:
        shopper.customer.prefer(language)
        with pytest.raises(Problem) as caught:
            await shopper.order_vpn(SKU)
        errors: list[dict[str, Any]] = caught.value.body["errors"]
        return errors[0]

    assert (await shown())["orderable"]
    async with another_price_in_whmcs(portal_stack):
        await clear(operator)
        product = await until(shown, lambda one: not one["orderable"], "the guard to close")
        assert (product["problem"], product["price"]) == ("PRICE_MISMATCH", YEN)
        japanese, english = await refused("ja"), await refused("en")
        assert japanese["code"] == english["code"] == "PRODUCT_NOT_ORDERABLE"
        assert japanese["detail"] != english["detail"]
        listed = (await shopper.customer.get("/catalog/personalized"))["groups"]
        marked = {one["sku"]: one["problem"] for group in listed for one in group["products"]}
        assert (marked[SKU], marked["VPN-US"]) == ("PRICE_MISMATCH", None)
        checked = await operator.get("/operator/catalog/setup", sku=SKU)
        assert [one["result"] for one in checked["checks"] if one["id"] == "product.same_price"] == ["failed"], checked
    assert (await operator.order("/operator/catalog/clear", do=True))["carriedOut"]
    await until(shown, lambda one: one["orderable"] and one["problem"] is None, "the guard to open")
    order_id = await shopper.order_vpn(SKU)
    await shopper.journey.approve()
    assert await shopper.finish() == []
    assert (await shopper.read(order_id))["state"] == "completed"
