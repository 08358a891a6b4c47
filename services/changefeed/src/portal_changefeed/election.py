"""One instance of us follows the topics: whoever holds a session-level advisory lock of our database.

The lock ends with its connection, so a killed leader is replaced within a second or two. Holding it is not enough to
write: a leader that lost it without noticing is fenced by the generation (store.py).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from portal_changefeed.ports import LeadershipLostError
from portal_chassis.logs import get_logger
from portal_chassis.metrics import gauge
from portal_chassis.postgres import Database

if TYPE_CHECKING:
    Session = asyncpg.Connection[asyncpg.Record]

LOCK: Final = 7_406_160_101
"""Any number that nothing else in this database locks."""
CANDIDATE_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0

_TRY: Final = "SELECT pg_try_advisory_lock($1)"
_STILL: Final = """
SELECT count(*) = 1 FROM pg_locks
WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND (classid::bigint << 32) + objid::bigint = $1
"""
_ELECT: Final = (
    "UPDATE changefeed_leadership SET generation = generation + 1, elected_at = clock_timestamp() RETURNING generation"
)
_LEADER: Final = gauge("portal_changefeed_leader", "1 while this instance follows Salesforce's event bus")
_log = get_logger(__name__)


class Election:
    """Waits for its turn and watches that it lasts."""

    def __init__(self, database: Database, *, candidate_seconds: float = CANDIDATE_SECONDS) -> None:
        self._database = database
        self._candidate_seconds = candidate_seconds

    async def lead(self, work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        """Wait until we are elected, then run `work` with the generation until it ends or the lock is lost.

        Raises LeadershipLostError when it is, StoreUnavailable when the database cannot be reached, and what `work`
        raises.
        """
        async with self._database.session() as session:
            while not await _answer(session, _TRY, LOCK):  # noqa: ASYNC110 - a lock of Postgres tells nobody
                await asyncio.sleep(self._candidate_seconds)
            generation = await _answer(session, _ELECT)
            _log.info("elected to follow salesforce's event bus", generation=generation)
            _LEADER.set(1)
            try:
                await first_end(self._watch(session), work(generation))
            finally:
                _LEADER.set(0)

    @staticmethod
    async def _watch(session: "Session") -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not await _answer(session, _STILL, LOCK):
                raise LeadershipLostError


async def _answer(session: "Session", sql: str, *arguments: Any) -> Any:
    try:
        return await session.fetchval(sql, *arguments, timeout=ANSWER_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise LeadershipLostError from error


async def first_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run parts side by side until one ends, however it does; the others are cancelled and its exception is raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
