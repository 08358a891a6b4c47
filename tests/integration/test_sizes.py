"""Pages cost vendors the same calls whatever the size: many products, orders and invoices, or one of each.

Invoices alone cost one call for each hundred, when nothing is kept of them: WHMCS is asked for no more at a time.
Counted by the vendors themselves, on a portal of its own whose background work pauses. By default as many as make a
difference, more than vendors give in one page; with `PORTAL_SIZES=2000,500,300` it is the largest shop and customer.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Final

import httpx
import pytest

from portal_testing.large_account import add_invoices, add_orders, add_products, products_on_sale
from portal_testing.salesforce_dialects import SalesforceDialect
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

PRODUCTS, ORDERS, INVOICES = map(int, os.environ.get("PORTAL_SIZES", "250,60,300").split(","))
AN_HOUR: Final = "3600"
QUIET: Final = {
    "PORTAL_CASE_WATCH_SECONDS": AN_HOUR,
    "PORTAL_SWEEP_SECONDS": AN_HOUR,
    "PORTAL_CATALOG_CHECK_SECONDS": AN_HOUR,
}
PAGES: Final = {
    "catalog": "/catalog",
    "catalog for the customer": "/catalog/personalized",
    "product": "/catalog/INT-HOME-1G",
    "orders": "/orders",
    "order": "/orders/{order}",
    "timeline": "/orders/{order}/timeline",
    "first invoices": "/billing/invoices",
    "most invoices": "/billing/invoices?limit=200",
    "invoice": "/billing/invoices/{invoice}",
    "services": "/subscriptions",
    "service": "/services/{service}",
    "eligibility": "/eligibility",
    "cases": "/support/cases",
    "payment method": "/billing/payment-methods/summary",
}
INVOICE_ROWS: Final = 100
"""Invoices that WHMCS is asked for at a time (reference/whmcs.md section 8)."""
LIVE: Final = {"service", "cases"}
"""Ask a vendor each time; all others are shown from what the portal keeps."""
Costs = Mapping[str, int]


@pytest.fixture(scope="module")
def quiet_stack(salesforce_dialect: SalesforceDialect) -> Iterator[PortalStack]:
    """A portal that asks vendors nothing by itself."""
    folder = Path(tempfile.mkdtemp(prefix="portal-sizes-"))
    folder.chmod(0o711)
    overrides = {**salesforce_dialect.overrides(), **QUIET}
    stack = PortalStack.embedded(folder / "state", overrides=overrides).start_everything()
    yield stack
    stack.stop_everything()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def portal_stack(quiet_stack: PortalStack) -> PortalStack:
    """What the shopper of this module shops at."""
    quiet_stack.heal()
    return quiet_stack


async def calls(stack: PortalStack) -> int:
    """How many calls vendors have had, log-ins and Freebit's own included."""
    async with httpx.AsyncClient() as client:
        counted = (await client.get(f"{stack.sandbox_urls['control']}/calls")).json()["calls"]
    return sum(number for by_name in counted.values() for number in by_name.values())


async def settled(stack: PortalStack, pause: float = 1.0) -> int:
    """Wait until nothing asks vendors any more; give the count."""
    count, before = await calls(stack), -1
    while count != before:
        await asyncio.sleep(pause)
        count, before = await calls(stack), count
    return count


async def cost_of_pages(stack: PortalStack, shopper: Shopper, pages: Mapping[str, str]) -> Costs:
    """Open every page in turn and give how many calls each caused."""
    found, before = {}, await settled(stack)
    for page, path in pages.items():
        await shopper.customer.get(path)
        after = await settled(stack, 0.1)
        found[page], before = after - before, after
    return found


async def cold_and_warm(stack: PortalStack, shopper: Shopper, pages: Mapping[str, str]) -> tuple[Costs, Costs]:
    """What pages cost when nothing is kept of any customer, and once more.

    A first round lets every service log in and learn the fields of its org, which it does once in its life. The least
    of two rounds counts: whatever the portal asks of its own accord only adds.
    """
    await cost_of_pages(stack, shopper, pages)
    cold, warm = [], []
    for _ in range(2):
        stack.redis.flush()
        cold.append(await cost_of_pages(stack, shopper, pages))
        warm.append(await cost_of_pages(stack, shopper, pages))
    return _least(cold), _least(warm)


def _least(rounds: Sequence[Costs]) -> Costs:
    return {page: min(costs[page] for costs in rounds) for page in rounds[0]}


async def pages_of(shopper: Shopper) -> Mapping[str, str]:
    """Every page, of an order with its running service and its invoice."""
    (order,) = (await shopper.customer.get("/orders"))["orders"]
    service_id = (await shopper.read(order["orderId"]))["serviceId"]
    (invoice,) = (await shopper.customer.get("/billing/invoices"))["invoices"]
    found = {"order": order["orderId"], "service": service_id, "invoice": invoice["id"]}
    return {page: path.format(**found) for page, path in PAGES.items()}


@pytest.mark.timeout(400)
async def test_pages_of_the_largest_shop_and_customer_cost_vendors_what_those_of_the_smallest_do(
    shopper, portal_stack: PortalStack
) -> None:
    await shopper.order_vpn()
    await shopper.journey.approve()
    assert await shopper.finish() == []
    pages, systems = await pages_of(shopper), shopper.journey.systems
    small = await cold_and_warm(portal_stack, shopper, pages)
    await asyncio.gather(add_products(systems.salesforce, PRODUCTS), add_invoices(systems, INVOICES - 1))
    await add_orders(systems, ORDERS - 1)
    await products_on_sale(systems, PRODUCTS)
    large = await cold_and_warm(portal_stack, shopper, pages)
    assert len((await shopper.customer.get("/orders"))["orders"]) == ORDERS
    assert (await shopper.customer.get("/billing/invoices?fresh=true"))["total"] == INVOICES
    cold, warm = large
    assert cold == {**small[0], "first invoices": ceil(INVOICES / INVOICE_ROWS)}
    assert warm == small[1]
    assert {page for page, number in warm.items() if number} <= LIVE
