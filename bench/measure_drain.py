"""How fast a heap of orders approved at once becomes active, at vendors of different speed."""

import asyncio
import time
from typing import Any, Final

import httpx
from measure_active import VENDOR_MILLISECONDS, slow_down
from our_stack import customer_of

from portal_local.stack import LocalStack
from portal_testing.bulk_orders import BulkOrders

CUSTOMERS: Final = 5
ORDERS_EACH: Final = 12
PATIENCE_SECONDS: Final = 300.0
Row = dict[str, Any]


async def measure_drain(stack: LocalStack) -> list[Row]:
    """Approve sixty orders of five customers at once, at each speed of the vendors."""
    rows: list[Row] = []
    async with (
        httpx.AsyncClient(base_url=stack.sandbox_urls["control"], timeout=30) as control,
        customer_of(stack) as (_, systems),
    ):
        for milliseconds in VENDOR_MILLISECONDS:
            orders = BulkOrders(systems.salesforce)
            await orders.create(await _customers(stack), ORDERS_EACH)
            await slow_down(control, milliseconds)
            try:
                seconds = await _drained(orders, control)
            finally:
                await slow_down(control, 0)
            count = len(orders.order_ids)
            rows.append({"vendorMilliseconds": milliseconds, "orders": count, "seconds": seconds})
            print(
                f"  vendors at {milliseconds:3} ms  {count} orders in {seconds:.1f} s: {count / seconds:.1f} a second",
                flush=True,
            )
    return rows


async def _customers(stack: LocalStack) -> list[str]:
    accounts: list[str] = []
    for _ in range(CUSTOMERS):
        async with customer_of(stack) as (journey, systems):
            await journey.sign_up(await journey.set_up_account())
            await journey.add_card()
            accounts.append((await systems.customer.get("/me"))["accountId"])
    return accounts


async def _drained(orders: BulkOrders, control: httpx.AsyncClient) -> float:
    """Look at the sandbox's ledger, not at Salesforce: its calls are slow on purpose, and counted by nobody."""
    left = set(orders.order_ids)
    began = time.monotonic()
    await orders.approve()
    while left:
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"{len(left)} orders were not active after {PATIENCE_SECONDS:.0f} s")
        await asyncio.sleep(0.25)
        found = (await control.get("/ledger", params={"kind": "salesforce.order.updated", "limit": 100_000})).json()
        left -= {entry["key"] for entry in found["entries"] if entry["detail"].get("Status") == "Activated"}
    return time.monotonic() - began
