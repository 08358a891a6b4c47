"""WHMCS five seconds slow at a hundred requests a second: who does not need it should not notice, who does hear soon.

Reference reliability.md (d)2. Half of the requests need WHMCS, and half of these ask for what nobody has asked for
before. A round is many short windows with and without the slowness, in an order in which neither comes earlier on the
whole, and its figures are those of all its windows together: what else the machine does then falls on both alike.
"""

import asyncio
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, Final

import httpx
from our_stack import customer_of, roles
from processes import cpu_seconds

from portal_local.demo.customer import Customer
from portal_local.stack import LocalStack
from portal_testing.steady_load import WITHOUT_WHMCS, Answer, mixed, quantile, steadily

SLOW_SECONDS: Final = 5.0
PER_SECOND: Final = 100
CUSTOMERS: Final = 4
USUAL: Final = "usual"
SLOW: Final = "slow"
ORDER: Final = (USUAL, SLOW, SLOW, USUAL) * 2
WARM_UP_SECONDS: Final = 3
Row = dict[str, Any]


class Windows:
    """Windows of load on one stack, and what they cost each process."""

    def __init__(
        self,
        stack: LocalStack,
        control: httpx.AsyncClient,
        customers: Sequence[Customer],
        numbers: Iterator[int],
    ) -> None:
        """`numbers` go on from round to round, so that no window asks for what one before has asked for."""
        self._control = control
        self._customers = customers
        self._roles = roles(stack)
        self._numbers = numbers
        self._was = USUAL
        self.answers: dict[str, list[Answer]] = {USUAL: [], SLOW: []}
        self.cpu_seconds: dict[str, dict[str, float]] = {kind: dict.fromkeys(self._roles, 0.0) for kind in self.answers}

    async def add(self, kind: str, seconds: int) -> None:
        """Load the portal for some seconds while WHMCS is as it is called."""
        await self._be(kind)
        before = self._used()
        self.answers[kind] += await self.load(seconds)
        for role, used in self._used().items():
            self.cpu_seconds[kind][role] += used - before[role]

    async def load(self, seconds: int) -> list[Answer]:
        """Load it without counting: a process is slow for the first requests of its life."""
        return await steadily(self._customers, mixed(next(self._numbers)), per_second=PER_SECOND, seconds=seconds)

    async def _be(self, kind: str) -> None:
        if kind == self._was:
            return
        self._was = kind
        if kind == SLOW:
            fault = {"vendor": "whmcs", "call": "*", "kind": "slow", "times": None, "params": {"seconds": SLOW_SECONDS}}
            (await self._control.post("/faults", json=fault)).raise_for_status()
        else:
            (await self._control.delete("/faults")).raise_for_status()
            await asyncio.sleep(SLOW_SECONDS + 1)  # calls that have begun are slow until they end

    def _used(self) -> Mapping[str, float]:
        return {role: cpu_seconds(pid) for role, pid in self._roles.items()}


async def measure_vendor_slow(stack: LocalStack, *, rounds: int, seconds: int) -> list[Row]:
    """Give a row for each round, of eight windows of that many seconds."""
    rows: list[Row] = []
    async with AsyncExitStack() as opened:
        control = await opened.enter_async_context(httpx.AsyncClient(base_url=stack.sandbox_urls["control"]))
        customers = []
        for _ in range(CUSTOMERS):
            journey, systems = await opened.enter_async_context(customer_of(stack))
            await journey.sign_up(await journey.set_up_account())
            customers.append(systems.customer)
        numbers = count()
        await Windows(stack, control, customers, numbers).load(WARM_UP_SECONDS)
        for number in range(rounds):
            windows = Windows(stack, control, customers, numbers)
            for kind in ORDER:
                await windows.add(kind, seconds)
            rows.append(_row(windows, len(ORDER) // 2 * seconds) | {"round": number})
            print(_line(rows[-1]), flush=True)
    return rows


def _row(windows: Windows, seconds: int) -> Row:
    usual, slow = windows.answers[USUAL], windows.answers[SLOW]
    apart = {name: [one for one in found if one.path in WITHOUT_WHMCS] for name, found in windows.answers.items()}
    needing = [one for one in slow if one.path not in WITHOUT_WHMCS]
    p99 = {name: quantile(found, 0.99) for name, found in apart.items()}
    return {
        "usualP99Milliseconds": p99[USUAL] * 1000,
        "slowP99Milliseconds": p99[SLOW] * 1000,
        "slowed": p99[SLOW] / p99[USUAL],
        "slowedInTheMiddle": statistics.median(one.seconds for one in apart[SLOW])
        / statistics.median(one.seconds for one in apart[USUAL]),
        "needingP99Seconds": quantile(needing, 0.99),
        "needingFresh": sum(one.status != 503 and not one.dated for one in needing),  # noqa: PLR2004 - HTTP
        "needingDated": sum(one.dated for one in needing),
        "needingLater": sum(one.status == 503 and one.retry_after > 0 for one in needing),  # noqa: PLR2004 - HTTP
        "failed": sum(one.status not in {200, 404, 503} for one in [*usual, *slow]),
        "requests": len(usual) + len(slow),
        "coresUsual": {role: used / seconds for role, used in windows.cpu_seconds[USUAL].items()},
        "coresSlow": {role: used / seconds for role, used in windows.cpu_seconds[SLOW].items()},
    }


def _line(row: Row) -> str:
    cores = " → ".join(f"{sum(row[name].values()):.2f}" for name in ("coresUsual", "coresSlow"))
    return (
        f"  without WHMCS p99 {row['usualP99Milliseconds']:.0f} → {row['slowP99Milliseconds']:.0f} ms"
        f"  ({row['slowed']:.2f}, p50 {row['slowedInTheMiddle']:.2f})  with it p99 {row['needingP99Seconds']:.2f} s:"
        f" {row['needingFresh']} fresh, {row['needingDated']} dated, {row['needingLater']} told to come back"
        f"  failed {row['failed']}  ours took {cores} cores"
    )
