"""Requests at a steady rate, whether or not those before were answered: what waiting does to others shows only so."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from portal_local.demo.customer import Customer, Problem

WITHOUT_WHMCS: Final = ("/catalog", "/me", "/orders", "/catalog/VPN-US")
WITH_WHMCS: Final = (
    "/billing/invoices",
    "/billing/profile",
    "/billing/payment-methods/summary?fresh=true",
    "/subscriptions",
)
_UNSEEN: Final = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request was answered. `dated`: with a copy that says it is past its time."""

    path: str
    status: int
    seconds: float
    retry_after: int
    dated: bool


def mixed(number: int) -> list[str]:
    """Give paths of which half need WHMCS; half of these nobody has looked at before, so that WHMCS must be asked.

    Each `number` has other ones.
    """
    paths: list[str] = []
    for one in range(_UNSEEN):
        unseen = f"/billing/invoices/{1_000_000 + number * _UNSEEN + one}"
        for needy, other in ((WITH_WHMCS[one % len(WITH_WHMCS)], 2 * one), (unseen, 2 * one + 1)):
            paths += [WITHOUT_WHMCS[other % len(WITHOUT_WHMCS)], needy]
    return paths


async def steadily(
    customers: Sequence[Customer], paths: Iterable[str], *, per_second: int, seconds: float
) -> list[Answer]:
    """Ask for one path after the other, round and round, each of the next customer, and give all answers."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    asked: list[asyncio.Task[Answer]] = []
    turns = zip(itertools.cycle(customers), itertools.cycle(list(paths)), strict=False)
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
        customer, path = next(turns)
        asked.append(asyncio.create_task(_ask(customer, path)))
    return list(await asyncio.gather(*asked))


async def _ask(customer: Customer, path: str) -> Answer:
    begun = time.perf_counter()
    try:
        body = await customer.get(path)
    except Problem as problem:
        return Answer(path, problem.status, time.perf_counter() - begun, problem.retry_after, dated=False)
    return Answer(path, 200, time.perf_counter() - begun, 0, dated=body.get("asOf") is not None)


def quantile(answers: Sequence[Answer], share: float) -> float:
    """Give the seconds within which that share of the answers came."""
    times = sorted(answer.seconds for answer in answers)
    return times[max(0, ceil(share * len(times)) - 1)]
