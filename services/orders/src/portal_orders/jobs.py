"""What runs beside messages: looking at hinted orders as soon as there are hints."""

import asyncio
from typing import Final

from portal_chassis.logs import get_logger
from portal_contracts.problems import Misconfigured, TryLater
from portal_orders.follow_orders import FollowOrders

POLL_SECONDS: Final = 1.0
AWAY_SECONDS: Final = 2.0
MISCONFIGURED_SECONDS: Final = 30.0

_log = get_logger(__name__)


class Follower:
    """Follows hints at once when one was left here, and each `poll_seconds` otherwise."""

    def __init__(
        self, follow: FollowOrders, hinted: asyncio.Event | None = None, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._follow = follow
        self._poll_seconds = poll_seconds
        self._hinted = hinted or asyncio.Event()

    def nudge(self) -> None:
        """Look now: a hint was committed."""
        self._hinted.set()

    async def run(self) -> None:
        """Work until cancelled; nobody's absence ends it."""
        while True:
            self._hinted.clear()
            pause = 0.0
            try:
                if await self._follow():
                    continue
            except TryLater as problem:
                pause = AWAY_SECONDS
                _log.info("orders cannot be followed now", problem=str(problem))
            except Misconfigured as problem:
                pause = MISCONFIGURED_SECONDS
                _log.error("orders cannot be followed: our set-up", alert=True, problem=str(problem))
            except TimeoutError:
                _log.warning("the database was slow to give hints")
            if pause:
                await asyncio.sleep(pause)
                continue
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._hinted.wait()
            except TimeoutError:
                continue
