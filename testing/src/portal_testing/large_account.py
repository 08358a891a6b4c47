"""The largest shop and customer a portal is measured with: products, orders and invoices, made by staff."""

import asyncio
from typing import Any, Final

from portal_local.demo.comparing import Systems
from portal_local.demo.customer import eventually
from portal_local.demo.vendors import SalesforceStaff
from portal_testing.bulk_orders import BulkOrders

MODEL_SKU: Final = "INT-HOME-1G"
_STANDARD_FIELDS: Final = ("Name", "Description", "IsActive")
_AT_ONCE: Final = 8


async def add_products(staff: SalesforceStaff, count: int, *, model_sku: str = MODEL_SKU) -> None:
    """Copy one product so often, each copy with its two price book entries."""
    (found,) = await staff.query(f"SELECT Id FROM Product2 WHERE StockKeepingUnit = '{model_sku}'")  # noqa: S608 - ours
    model = await staff.read("Product2", found["Id"])
    fields = {name: model[name] for name in model if name.endswith("__c") or name in _STANDARD_FIELDS}
    (standard,) = await staff.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
    of_model = f"WHERE Product2Id = '{found['Id']}'"
    entries = await staff.query(f"SELECT Pricebook2Id, UnitPrice FROM PricebookEntry {of_model}")  # noqa: S608 - ours
    skus = [f"COPY-{number}" for number in range(count)]
    ids = await staff.create_many("Product2", [fields | {"StockKeepingUnit": sku, "ProductCode": sku} for sku in skus])
    for entry in sorted(entries, key=lambda one: one["Pricebook2Id"] != standard["Id"]):  # before any other book's
        priced = {"Pricebook2Id": entry["Pricebook2Id"], "UnitPrice": entry["UnitPrice"], "IsActive": True}
        await staff.create_many("PricebookEntry", [priced | {"Product2Id": product} for product in ids])


async def products_on_sale(systems: Systems, count: int) -> None:
    """Wait until the portal sells so many."""

    async def whole() -> bool:
        found = await systems.customer.get("/catalog")
        return sum(bool(one["orderable"]) for group in found["groups"] for one in group["products"]) >= count

    await eventually(whole, f"{count} products on sale", patience=120.0)


async def add_orders(systems: Systems, count: int) -> None:
    """Have staff take so many orders for the customer who is logged in; returns when the portal lists them."""
    account_id: str = (await systems.customer.get("/me"))["accountId"]
    before = await _orders(systems)
    await BulkOrders(systems.salesforce).create([account_id], count)

    async def listed() -> bool:
        return await _orders(systems) >= before + count

    await eventually(listed, f"{count} orders in the portal's list", patience=120.0)


async def _orders(systems: Systems) -> int:
    page = await systems.customer.get("/orders")
    count = len(page["orders"])
    while page.get("next"):
        page = await systems.customer.get(f"/orders?after={page['next']}")
        count += len(page["orders"])
    return count


async def add_invoices(systems: Systems, count: int) -> None:
    """Have WHMCS issue so many invoices to the customer who is logged in."""
    client_id: int = (await systems.customer.get("/me"))["whmcsClientId"]
    gate = asyncio.Semaphore(_AT_ONCE)
    line: dict[str, Any] = {"itemdescription1": "Monthly fee", "itemamount1": "2500", "paymentmethod": "stripe"}

    async def issue() -> None:
        async with gate:
            await systems.whmcs.call("CreateInvoice", userid=client_id, **line)

    await asyncio.gather(*(issue() for _ in range(count)))
