"""The catalog over HTTP, as customers and staff see it: what is for whom, and prices that agree (R073-R092)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from portal_local.demo.customer import Problem, eventually
from portal_testing.operators import OperatorAtWork

GUARDED = "VPN-UK"


async def shown_to(shopper: Any, path: str = "/catalog") -> dict[str, Any]:
    """Give the products of every group by SKU."""
    found = await shopper.customer.get(path)
    return {product["sku"]: product for group in found["groups"] for product in group["products"]}


async def internet_of(shopper: Any) -> dict[str, Any]:
    """Give the Internet group as it is for this customer."""
    found = await shopper.customer.get("/catalog/personalized")
    group: dict[str, Any] = next(group for group in found["groups"] if group["category"] == "internet")
    return group


async def until(look: Callable[[], Awaitable[Any]], pleases: Callable[[Any], bool], what: str) -> None:
    async def pleased() -> bool:
        return pleases(await look())

    await eventually(pleased, what, patience=30.0)


@asynccontextmanager
async def another_price(shopper: Any, sku: str, yen: int) -> AsyncIterator[None]:
    """Have staff write another price in Salesforce, and the old one again."""
    entries = await shopper.salesforce.query(
        "SELECT Id, UnitPrice FROM PricebookEntry WHERE Pricebook2.IsStandard = false "
        f"AND Product2.StockKeepingUnit = '{sku}'"
    )
    (entry,) = entries
    await shopper.salesforce.change("PricebookEntry", entry["Id"], {"UnitPrice": yen})
    try:
        yield
    finally:
        await shopper.salesforce.change("PricebookEntry", entry["Id"], {"UnitPrice": entry["UnitPrice"]})


async def test_plans_name_what_they_are_ordered_with(shopper) -> None:  # R075, R088, R089, R104, R106
    shown = await shown_to(shopper)
    assert shown["INT-HOME-1G"]["fees"] == ["INT-INSTALL-12", "INT-INSTALL-SINGLE"]
    assert shown["INT-INSTALL-12"]["installments"] == 12
    voice = shown["SIM-VOICE-ESIM-20G"]
    assert (voice["fees"], voice["feeRequired"]) == (["SIM-ACTIVATION"], True)
    assert set(voice["addOns"]) == {"SIM-VOICEMAIL", "SIM-CALLWAITING"}
    assert shown["VPN-US"]["region"] == {"en": "United States", "ja": "アメリカ"}


async def test_who_ordered_internet_finds_the_order_instead_of_plans(shopper) -> None:  # R077, R082, C14
    before = await internet_of(shopper)
    plans = {one["sku"]: one["notForYou"] for one in before["products"] if one["itemClass"] == "service"}
    assert (plans, before["notice"]) == ({"INT-HOME-1G": None}, None)
    (order_id,) = await shopper.order({"reference": "net", "sku": "INT-HOME-1G"})
    await until(lambda: internet_of(shopper), lambda group: group["notice"] is not None, "the notice")
    after = await internet_of(shopper)
    assert (after["notice"]["code"], after["notice"]["action"]) == ("INTERNET_ALREADY_ORDERED", f"/orders/{order_id}")
    marks = {one["notForYou"] for one in after["products"] if one["itemClass"] == "service"}
    assert marks == {"INTERNET_ALREADY_ORDERED"}


async def test_a_price_that_whmcs_does_not_have_is_not_sold_and_the_right_one_is_again(shopper) -> None:  # R092
    async def guarded() -> Any:
        return (await shown_to(shopper))[GUARDED]

    async with another_price(shopper, GUARDED, 2501):
        await until(guarded, lambda one: one["problem"] == "PRICE_MISMATCH", "the guard to close")
        assert (await guarded())["price"] == 2501
        with pytest.raises(Problem) as caught:
            await shopper.order_vpn(GUARDED)
        assert "PRODUCT_NOT_ORDERABLE" in {error["code"] for error in caught.value.body["errors"]}
    await until(guarded, lambda one: one["orderable"] and one["price"] == 2500, "the guard to open")


async def test_an_operator_has_the_catalog_read_anew(shopper, operator: OperatorAtWork) -> None:  # R092
    shown = await operator.order("/operator/catalog/clear")
    assert (shown["carriedOut"], len(shown["changes"])) == (False, 2)
    assert (await operator.order("/operator/catalog/clear", do=True))["carriedOut"]
    assert (await shown_to(shopper))["VPN-US"]["orderable"]
