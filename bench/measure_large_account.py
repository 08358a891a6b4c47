"""A customer with 500 orders and 300 invoices: how quick the pages are, and what they cost vendors."""

import time
from pathlib import Path
from typing import Final

from measure_large_catalog import Row, page, settled
from our_stack import customer_of, running

from portal_local.state import StateFolder
from portal_testing.large_account import add_invoices, add_orders

ORDERS: Final = 500
INVOICES: Final = 300
PAGES: Final = (
    "/orders",
    "/billing/invoices?limit=200",
    "/billing/invoices?limit=50&fresh=true",
    "/subscriptions",
    "/eligibility",
)


async def measure_large_account(folder: Path) -> Row:
    """Start the portal afresh in a folder of its own, have staff take orders and issue invoices, look at the pages."""
    StateFolder(folder).reset()
    async with running(folder) as stack, customer_of(stack) as (journey, systems):
        await journey.sign_up(await journey.set_up_account())
        await systems.salesforce.log_in()
        row: Row = {"orders": ORDERS, "invoices": INVOICES}
        began = time.monotonic()
        await add_orders(systems, ORDERS)
        row["listedSeconds"] = seconds = time.monotonic() - began
        print(f"  {ORDERS} orders made by staff, all in the portal's list {seconds:.1f} s after the first", flush=True)
        await add_invoices(systems, INVOICES)
        await settled(stack)
        row["pages"] = [await page(stack, systems.customer, path) for path in PAGES]
        return row
