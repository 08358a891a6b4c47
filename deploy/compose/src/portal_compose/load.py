"""A customer without patience: many requests at once through the proxy, none of them ever repeated."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from json import JSONDecodeError
from pathlib import Path
from typing import Final

import httpx

from portal_local.demo.customer import Customer, Problem
from portal_local.demo.journey import Journey
from portal_local.demo.sandbox_systems import sandbox_systems

READS: Final = ("/catalog", "/me", "/orders", "/billing/invoices", "/billing/payment-methods/summary", "/support/cases")
"""One for every service a customer reaches by reading."""
WRITE_EVERY: Final = 50
"""Every so many requests a support case is opened."""
_PATIENCE: Final = 5
AT_ONCE: Final = 4


@dataclass
class Load:
    """What was sent and how it ended. `stop` lets `run` return."""

    customer: Customer
    failures: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _until: float = float("inf")

    @property
    def sent(self) -> int:
        """Requests that have ended."""
        return len(self.seconds)

    def stop(self, *, after: int = 0) -> None:
        """Send nothing more once so many requests were sent."""
        self._until = after

    async def run(self) -> None:
        """Send until stopped."""
        await asyncio.gather(*(self._one_after_the_other() for _ in range(AT_ONCE)))

    async def _one_after_the_other(self) -> None:
        while self.sent < self._until:
            number = next(self._numbers)
            began = time.monotonic()
            try:
                await self._request(number)
            except Problem as problem:
                self.failures[f"{problem.status} {problem.code}"] += 1
            except httpx.HTTPError as error:
                self.failures[f"{type(error).__name__}: {error}"] += 1
            except JSONDecodeError:
                self.failures["an answer of the proxy's own"] += 1
            self.seconds.append(time.monotonic() - began)

    async def _request(self, number: int) -> None:
        if number % WRITE_EVERY == 0:
            await self.customer.post(
                "/support/cases", {"title": f"Question {number}", "description": "When does my order arrive?"}
            )
        else:
            await self.customer.get(READS[number % len(READS)])


async def signed_in(urls: Mapping[str, str], keys: Path, customer: Customer) -> None:
    """Sign up a new customer and log in; `urls` and `keys` as `play_demo` takes them.

    This is not yet the load: what was just started may say "later" a few times. Raises the last problem then.
    """
    async with httpx.AsyncClient(timeout=30) as client:
        journey = Journey(sandbox_systems(urls, keys, customer, client), _quiet, _quiet)
        for left in range(_PATIENCE, -1, -1):
            try:
                await journey.sign_up(await journey.set_up_account())
            except Problem:
                if not left:
                    raise
                await asyncio.sleep(1)
            else:
                break


def _quiet(*_: object) -> None:
    """Nobody watches these steps."""
