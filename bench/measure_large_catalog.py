"""A catalog of 2,000 products: how soon it is on sale, how quick its pages are, and what they cost vendors."""

import asyncio
import re
import statistics
import time
from pathlib import Path
from typing import Any, Final

import httpx
from our_stack import customer_of, running

from portal_local.demo.customer import Customer
from portal_local.stack import LocalStack
from portal_local.state import StateFolder
from portal_testing.large_account import MODEL_SKU, add_products, products_on_sale

PRODUCTS: Final = 2_000
PAGES: Final = ("/catalog", "/catalog/personalized", f"/catalog/{MODEL_SKU}")
TIMES: Final = 50
QUIET_SECONDS: Final = 3.0
MOST_LOOKS: Final = 20
_VENDOR_CALLS: Final = re.compile(r"^portal_vendor_calls_total\{.*\} ([0-9.e+]+)$", re.MULTILINE)
Row = dict[str, Any]


async def measure_large_catalog(folder: Path) -> Row:
    """Start the portal afresh in a folder of its own, have staff add products, and look at the pages."""
    StateFolder(folder).reset()
    async with running(folder) as stack, customer_of(stack) as (journey, systems):
        await journey.sign_up(await journey.set_up_account())
        await systems.salesforce.log_in()
        row: Row = {"products": PRODUCTS}
        calls = await vendor_calls(stack)
        began = time.monotonic()
        await add_products(systems.salesforce, PRODUCTS)
        row["createdSeconds"] = time.monotonic() - began
        began = time.monotonic()
        await products_on_sale(systems, PRODUCTS)
        row["onSaleSeconds"] = time.monotonic() - began
        row["vendorCalls"] = await settled(stack) - calls
        row["pages"] = [await page(stack, systems.customer, path) for path in PAGES]
        print(
            f"  {PRODUCTS} products on sale {row['onSaleSeconds']:.1f} s after the last was written;"
            f" {row['vendorCalls']} vendor calls for all their change events",
            flush=True,
        )
        return row


async def page(stack: LocalStack, customer: Customer, path: str) -> Row:
    """Ask for a page many times in turn; `vendorCalls` are those of all services meanwhile, after the first one."""
    body = await customer.get(path)
    before = await vendor_calls(stack)
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await customer.get(path)
        seconds.append(time.perf_counter() - began)
    row = {
        "path": path,
        "characters": len(str(body)),
        "p50Milliseconds": statistics.median(seconds) * 1000,
        "slowestMilliseconds": max(seconds) * 1000,
        "vendorCalls": await vendor_calls(stack) - before,
    }
    print(_line(row), flush=True)
    return row


async def settled(stack: LocalStack) -> int:
    """Wait until change events cause no calls any more, or a minute where sweeps always do; give the count."""
    calls = await vendor_calls(stack)
    for _ in range(MOST_LOOKS):
        await asyncio.sleep(QUIET_SECONDS)
        before, calls = calls, await vendor_calls(stack)
        if calls == before:
            break
    return calls


async def vendor_calls(stack: LocalStack) -> int:
    """Count the calls that the services a page may reach have made to vendors."""
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
        f"  {row['path']:30} {row['characters']:9} characters  p50 {row['p50Milliseconds']:6.1f} ms"
        f"  slowest {row['slowestMilliseconds']:6.1f} ms  vendor calls in {TIMES} pages: {row['vendorCalls']}"
    )
