"""WHMCS five seconds slow at a hundred requests a second: who does not need it should not notice, who does hear soon.

Reference reliability.md (d)2. Phases with and without the slowness in turn; half of the requests need WHMCS, and half
of these ask for what nobody has asked for before.
"""

import statistics
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx
from our_stack import customer_of

from portal_local.stack import LocalStack
from portal_testing.steady_load import WITHOUT_WHMCS, Answer, mixed, quantile, steadily

SLOW_SECONDS: Final = 5.0
PER_SECOND: Final = 100
CUSTOMERS: Final = 4
Row = dict[str, Any]


async def measure_vendor_slow(stack: LocalStack, *, rounds: int, seconds: int) -> list[Row]:
    """Give a row for each round: a usual phase and a slow one, each of that many seconds."""
    rows: list[Row] = []
    async with AsyncExitStack() as opened:
        control = await opened.enter_async_context(httpx.AsyncClient(base_url=stack.sandbox_urls["control"]))
        customers = []
        for _ in range(CUSTOMERS):
            journey, systems = await opened.enter_async_context(customer_of(stack))
            await journey.sign_up(await journey.set_up_account())
            customers.append(systems.customer)
        for number in range(rounds):
            usual = await steadily(customers, mixed(2 * number), per_second=PER_SECOND, seconds=seconds)
            fault = {"vendor": "whmcs", "call": "*", "kind": "slow", "times": None, "params": {"seconds": SLOW_SECONDS}}
            (await control.post("/faults", json=fault)).raise_for_status()
            slow = await steadily(customers, mixed(2 * number + 1), per_second=PER_SECOND, seconds=seconds)
            (await control.delete("/faults")).raise_for_status()
            rows.append(_row(usual, slow) | {"round": number})
            print(_line(rows[-1]), flush=True)
    return rows


def _row(usual: list[Answer], slow: list[Answer]) -> Row:
    apart = {
        name: [one for one in found if one.path in WITHOUT_WHMCS] for name, found in (("usual", usual), ("slow", slow))
    }
    needing = [one for one in slow if one.path not in WITHOUT_WHMCS]
    p99 = {name: quantile(found, 0.99) for name, found in apart.items()}
    return {
        "usualP99Milliseconds": p99["usual"] * 1000,
        "slowP99Milliseconds": p99["slow"] * 1000,
        "slowed": p99["slow"] / p99["usual"],
        "slowedInTheMiddle": statistics.median(one.seconds for one in apart["slow"])
        / statistics.median(one.seconds for one in apart["usual"]),
        "needingP99Seconds": quantile(needing, 0.99),
        "needingFresh": sum(one.status != 503 and not one.dated for one in needing),  # noqa: PLR2004 - HTTP
        "needingDated": sum(one.dated for one in needing),
        "needingLater": sum(one.status == 503 and one.retry_after > 0 for one in needing),  # noqa: PLR2004 - HTTP
        "failed": sum(one.status not in {200, 404, 503} for one in [*usual, *slow]),
        "requests": len(usual) + len(slow),
    }


def _line(row: Row) -> str:
    return (
        f"  without WHMCS p99 {row['usualP99Milliseconds']:.0f} → {row['slowP99Milliseconds']:.0f} ms"
        f"  ({row['slowed']:.2f}, p50 {row['slowedInTheMiddle']:.2f})  with it p99 {row['needingP99Seconds']:.2f} s:"
        f" {row['needingFresh']} fresh, {row['needingDated']} dated, {row['needingLater']} told to come back"
        f"  failed {row['failed']}"
    )
