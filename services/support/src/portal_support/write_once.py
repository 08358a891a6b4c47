"""Writing once to a vendor that keeps no key: begin, write, finish; after an unclear end look before writing again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_support.ports import WriteKey, Writes

SETTLED_SECONDS: Final = 30.0
"""Longer than one call to Salesforce may take (25 s): what has not appeared by then was not written."""


@dataclass(frozen=True, slots=True)
class WriteOnce:
    """Runs a write that is not safe to repeat, once for its key, whichever instance is asked."""

    writes: Writes

    async def __call__(
        self, key: WriteKey, make: Callable[[], Awaitable[str]], find: Callable[[datetime], Awaitable[str | None]]
    ) -> str:
        """Give the id of what was written.

        `find` looks for it after an unclear end. TryLater IN_PROGRESS while it may still appear; Refused
        IDEMPOTENCY_KEY_REUSED for a key that came with other content.
        """
        begun = await self.writes.begin(key)
        if begun.record_id is not None:
            return begun.record_id
        if not begun.first:
            found = await find(begun.begun_at)
            if found is not None:
                await self.writes.finish(key, found)
                return found
            if begun.seconds_ago < SETTLED_SECONDS or not await self.writes.take_over(key, begun):
                raise TryLater("IN_PROGRESS")
        try:
            record_id = await make()
        except (Refused, Misconfigured):
            await self.writes.give_up(key)
            raise
        await self.writes.finish(key, record_id)
        return record_id
