"""What an order, a page and an idle hour cost: CPU and memory by process, rows and bytes by database, calls by vendor.

    python bench/measure_costs.py [--orders 24] [--reads 100] [--idle 30]

The figures of docs/scaling.md. Half of the orders are eSIMs, the others VPNs; the vendors' stand-ins answer at once.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
from our_stack import customer_of, roles, running
from processes import CpuWindow, resident_megabytes

from portal_local.stack import LocalStack
from portal_local.state import StateFolder
from portal_testing.bulk_orders import BulkOrders

KEPT: Final = Path(__file__).resolve().parents[1] / ".portal" / "bench"
CUSTOMERS: Final = 4
CHECKOUTS: Final = 5
CART: Final = (
    {"reference": "vpn", "sku": "VPN-US"},
    {"reference": "vpn-fee", "sku": "VPN-ACTIVATION", "parent": "vpn"},
)
PAGES: Final = ("/me", "/catalog", "/orders", "/billing/invoices", "/subscriptions", "/billing/payment-methods/summary")
COUNTED: Final = (
    "portal_vendor_calls_total",
    "portal_changefeed_events_total",
    "portal_outbox_published_total",
    "portal_bus_events_taken_total",
)
_ROWS: Final = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables"
_BYTES: Final = "SELECT pg_database_size(current_database())"
Facts = dict[str, Any]


class Costs:
    """Reads every counter of a running portal; two readings make a cost."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack

    async def counted(self) -> Counter[str]:
        """Give the counters of every process by what they count."""
        announced = self._stack.state.running()
        found: Counter[str] = Counter()
        async with httpx.AsyncClient(timeout=10) as client:
            for process, url in (announced.ready_urls if announced else {}).items():
                if process in {"sandbox", "bus-admin", "viewer"}:
                    continue
                text = (await client.get(url.replace("/readyz", "/metrics"))).text
                for line in text.splitlines():
                    name, _, value = line.rpartition(" ")
                    if name.startswith(COUNTED):
                        found[f"{process} {_short(name)}"] += int(float(value))
        return found

    async def stored(self) -> dict[str, tuple[int, int]]:
        """Give rows written and bytes held by each database."""
        found = {}
        for name in self._stack.names:
            if self._stack.has_database(name):
                connection = await asyncpg.connect(self._stack.postgres.superuser_url(name))
                try:
                    await connection.execute("SELECT pg_stat_clear_snapshot()")
                    found[name] = (await connection.fetchval(_ROWS), await connection.fetchval(_BYTES))
                finally:
                    await connection.close()
        return found

    @asynccontextmanager
    async def window(self, facts: Facts, *, per: int) -> AsyncIterator[None]:
        """Fill `facts` with what happened inside, divided by `per`."""
        counted, stored = await self.counted(), await self.stored()
        cpu, began = CpuWindow(roles(self._stack)), time.monotonic()
        yield
        cpu.close()
        await asyncio.sleep(1.5)  # Postgres tells its statistics once a second
        facts["seconds"] = round(time.monotonic() - began - 1.5, 1)
        facts["cpuMilliseconds"] = {name: round(used * 1000 / per, 2) for name, used in cpu.used.items()}
        facts["counted"] = {
            name: round(value / per, 2) for name, value in sorted(((await self.counted()) - counted).items())
        }
        after = await self.stored()
        facts["rows"] = {name: round((after[name][0] - stored[name][0]) / per, 1) for name in after}
        facts["bytes"] = {name: round((after[name][1] - stored[name][1]) / per) for name in after}


def _short(name: str) -> str:
    """`portal_vendor_calls_total{call="GetOrders",outcome="ok",vendor="whmcs"}` as `whmcs GetOrders ok`."""
    head, _, labels = name.partition("{")
    values = dict(part.split("=", 1) for part in labels.rstrip("}").split(",") if part)
    kind = head.removeprefix("portal_").removesuffix("_total")
    words = [values.get(label, "").strip('"') for label in ("vendor", "call", "topic", "subject")]
    return " ".join(word for word in ("" if "vendor" in values else kind, *words) if word)


async def measure(orders: int, reads: int, idle: int) -> Mapping[str, Facts]:
    """Measure on a fresh portal: idle, then the orders, then each page for a customer who has some."""
    StateFolder(KEPT / "costs").reset()
    result: dict[str, Facts] = {"idle": {}, "signUp": {}, "checkout": {}, "order": {}}
    async with running(KEPT / "costs") as stack, customer_of(stack) as (journey, systems):
        costs = Costs(stack)
        account = await journey.set_up_account()
        await journey.sign_up(account)
        await journey.add_card()
        accounts = [(await systems.customer.get("/me"))["accountId"]]
        for _ in range(CUSTOMERS - 1):
            async with customer_of(stack) as (other, theirs):
                person = await other.set_up_account()
                async with costs.window(result["signUp"], per=1):
                    await other.sign_up(person)
                await other.add_card()
                accounts.append((await theirs.customer.get("/me"))["accountId"])
        async with costs.window(result["checkout"], per=CHECKOUTS):
            for _ in range(CHECKOUTS):
                placed = await systems.customer.post("/orders", {"lines": CART})
                while placed["state"] != "placed":
                    await asyncio.sleep(0.1)
                    placed = await systems.customer.get(f"/checkouts/{placed['checkoutId']}")
        async with costs.window(result["idle"], per=idle):
            await asyncio.sleep(idle)
        bulk = BulkOrders(systems.salesforce)
        await bulk.create(accounts, orders // CUSTOMERS, every_other_esim=True)
        await asyncio.sleep(5)  # what creating them sets off is not the order's approval
        async with costs.window(result["order"], per=len(bulk.order_ids)):
            await bulk.approve()
            while await bulk.active() < len(bulk.order_ids):  # noqa: ASYNC110 - Salesforce sets no event
                await asyncio.sleep(0.5)
            await asyncio.sleep(3)  # mails and the last events
        for page in PAGES:
            result[page] = {}
            async with costs.window(result[page], per=reads):
                for _ in range(reads):
                    await systems.customer.get(page)
        result["memory"] = {name: round(resident_megabytes(pid)) for name, pid in roles(stack).items()}
    return result


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description="Measure what an order, a page and an idle second cost.")
    parser.add_argument("--orders", type=int, default=24)
    parser.add_argument("--reads", type=int, default=100)
    parser.add_argument("--idle", type=int, default=30, help="seconds")
    arguments = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asyncio.run(measure(arguments.orders, arguments.reads, arguments.idle)), indent=1)
    (KEPT / "costs.json").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
