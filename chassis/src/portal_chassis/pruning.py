"""Forgets, once an hour, what the bus tables no longer need: taken messages and stored answers beyond their time."""

import asyncio
from typing import Final

from portal_chassis import idempotency, inbox
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Database, StoreUnavailable

_EVERY: Final = 3600.0
"""Seconds."""

log = get_logger(__name__)


class Pruning:
    """The hourly round of one instance; several instances do each other no harm."""

    def __init__(self, database: Database, every: float = _EVERY) -> None:
        self._database = database
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start the rounds."""
        self._task = asyncio.create_task(self._run(), name="portal-bus-pruning")

    async def close(self) -> None:
        """Stop them."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def round(self) -> None:
        """Prune once."""
        async with self._database.transaction() as transaction:
            await inbox.prune(transaction)
            await idempotency.prune(transaction)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.round()
            except (StoreUnavailable, TimeoutError):
                log.warning("pruning has to wait for the database")
