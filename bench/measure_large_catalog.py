"""A catalog of 2,000 products: how soon it is on sale, how quick its pages are, and what they cost vendors."""

import asyncio
import re
import statistics
import time
from pathlib import Path
from typing import Any, Final

import httpx
from our_stack import MODEL_SKU, customer_of, running

from portal_local.demo.customer import Customer, eventually
from portal_local.demo.vendors import SalesforceStaff
from portal_local.stack import LocalStack
from portal_local.state import StateFolder

PRODUCTS: Final = 2_000
PAGES: Final = ("/catalog", "/catalog/personalized", f"/catalog/{MODEL_SKU}")
TIMES: Final = 50
QUIET_SECONDS: Final = 3.0
_PRODUCT_FIELDS: Final = ("Name", "Description", "IsActive")
_VENDOR_CALLS: Final = re.compile(r"^portal_vendor_calls_total\{.*\} ([0-9.e+]+)$", re.MULTILINE)
Row = dict[str, Any]


async def measure_large_catalog(folder: Path) -> Row:
    """Start the portal afresh in a folder of its own, have staff add products, and look at the pages."""
    StateFolder(folder).reset()
    async with running(folder) as stack, customer_of(stack) as (journey, systems):
        await journey.sign_up(await journey.set_up_account())
        await systems.salesforce.log_in()
        row: Row = {"products": PRODUCTS, "pages": []}
        calls = await _vendor_calls(stack)
        began = time.monotonic()
        await _fill(systems.salesforce)
        row["createdSeconds"] = time.monotonic() - began

        async def whole() -> bool:
            found = await systems.customer.get("/catalog")
            return sum(one["orderable"] for group in found["groups"] for one in group["products"]) >= PRODUCTS

        began = time.monotonic()
        await eventually(whole, f"{PRODUCTS} products on sale", patience=120.0)
        row["onSaleSeconds"] = time.monotonic() - began
        row["vendorCalls"] = await _settled(stack) - calls
        for path in PAGES:
            row["pages"].append(await _page(stack, systems.customer, path))
            print(_line(row["pages"][-1]), flush=True)
        print(
            f"  {PRODUCTS} products on sale {row['onSaleSeconds']:.1f} s after the last was written;"
            f" {row['vendorCalls']} vendor calls for all their change events",
            flush=True,
        )
        return row


async def _fill(staff: SalesforceStaff) -> None:
    """Copy one product until there are enough, each with its two price book entries."""
    (found,) = await staff.query(f"SELECT Id FROM Product2 WHERE StockKeepingUnit = '{MODEL_SKU}'")  # noqa: S608 - ours
    model = await staff.read("Product2", found["Id"])
    fields = {
        name: model[name] for name in model if name.endswith("__c") or name in ("Name", "Description", "IsActive")
    }
    (standard,) = await staff.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
    of_model = f"WHERE Product2Id = '{found['Id']}'"
    entries = await staff.query(f"SELECT Pricebook2Id, UnitPrice FROM PricebookEntry {of_model}")  # noqa: S608 - ours
    skus = [f"BENCH-{number}" for number in range(PRODUCTS)]
    ids = await staff.create_many("Product2", [fields | {"StockKeepingUnit": sku, "ProductCode": sku} for sku in skus])
    for entry in sorted(entries, key=lambda one: one["Pricebook2Id"] != standard["Id"]):  # before any other book's
        priced = {"Pricebook2Id": entry["Pricebook2Id"], "UnitPrice": entry["UnitPrice"], "IsActive": True}
        await staff.create_many("PricebookEntry", [priced | {"Product2Id": product} for product in ids])


async def _page(stack: LocalStack, customer: Customer, path: str) -> Row:
    """Ask for a page many times in turn; `vendorCalls` are those of all services meanwhile, after the first one."""
    body = await customer.get(path)
    before = await _vendor_calls(stack)
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await customer.get(path)
        seconds.append(time.perf_counter() - began)
    return {
        "path": path,
        "characters": len(str(body)),
        "p50Milliseconds": statistics.median(seconds) * 1000,
        "slowestMilliseconds": max(seconds) * 1000,
        "vendorCalls": await _vendor_calls(stack) - before,
    }


async def _settled(stack: LocalStack) -> int:
    """Wait until change events cause no calls any more; give the count."""
    calls, before = await _vendor_calls(stack), -1
    while calls != before:
        await asyncio.sleep(QUIET_SECONDS)
        calls, before = await _vendor_calls(stack), calls
    return calls


async def _vendor_calls(stack: LocalStack) -> int:
    """Count the calls that the services a catalog page may reach have made to vendors."""
    running = stack.state.running()
    total = 0.0
    async with httpx.AsyncClient() as client:
        for name in ("catalog", "orders", "billing"):
            url = running.ready_urls[name] if running is not None else ""
            found = await client.get(url.replace("/readyz", "/metrics"))
            total += sum(float(number) for number in _VENDOR_CALLS.findall(found.text))
    return round(total)


def _line(row: Row) -> str:
    return (
        f"  {row['path']:24} {row['characters']:9} characters  p50 {row['p50Milliseconds']:6.1f} ms"
        f"  slowest {row['slowestMilliseconds']:6.1f} ms  vendor calls in {TIMES} pages: {row['vendorCalls']}"
    )
