"""What runs beside messages: looking at hinted orders as soon as there are hints."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from portal_chassis.logs import get_logger
from portal_contracts.problems import Misconfigured, TryLater

POLL_SECONDS: Final = 1.0
AWAY_SECONDS: Final = 2.0
MISCONFIGURED_SECONDS: Final = 30.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Pauses double up to this one: who is away for long must not be asked all the time, nor waited for when back."""

_log = get_logger(__name__)


class Follower:
    """Follows hints at once when one was left here, and each `poll_seconds` otherwise; less often while that fails."""

    def __init__(
        self,
        follow: Callable[[], Awaitable[int]],
        hinted: asyncio.Event | None = None,
        *,
        poll_seconds: float = POLL_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`follow` takes the hints that are due and gives their number."""
        self._follow = follow
        self._poll_seconds = poll_seconds
        self._sleep = sleep
        self._hinted = hinted or asyncio.Event()
        self._paused = 0.0

    def nudge(self) -> None:
        """Look now: a hint was committed."""
        self._hinted.set()

    async def run(self) -> None:
        """Work until cancelled; nobody's absence ends it."""
        while True:
            self._hinted.clear()
            try:
                if await self._follow():
                    self._paused = 0.0
                    continue
            except TryLater as problem:
                _log.info("orders cannot be followed now", problem=str(problem))
                await self._pause(AWAY_SECONDS)
                continue
            except Misconfigured as problem:
                _log.error("orders cannot be followed: our set-up", alert=True, problem=str(problem))
                await self._pause(MISCONFIGURED_SECONDS)
                continue
            except TimeoutError:
                _log.warning("the database was slow to give hints")
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._hinted.wait()
            except TimeoutError:
                continue

    async def _pause(self, first: float) -> None:
        """Only orders that were followed end the growth: finding no hints due says nothing about who was away."""
        self._paused = min(max(first, self._paused * 2), LONGEST_PAUSE_SECONDS)
        await self._sleep(self._paused)
