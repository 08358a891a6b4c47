"""All topics, followed by whichever instance is elected."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from portal_changefeed.election import Election, first_end
from portal_changefeed.follow_topic import FollowTopic, Patience
from portal_changefeed.ports import LeadershipLostError
from portal_changefeed.pubsub import GrpcPubSub
from portal_changefeed.store import PostgresPositions
from portal_changefeed.topics import TOPICS
from portal_changefeed.watch_allocations import WatchAllocations
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Database, StoreUnavailable

AGAIN_SECONDS: Final = 1.0
TIDY_SECONDS: Final = 3600.0

_log = get_logger(__name__)


class Feed:
    """Stands for election, follows every topic while elected, and stands again when it was lost."""

    def __init__(
        self,
        *,
        database: Database,
        pubsub: Callable[[], GrpcPubSub],
        now: Callable[[], datetime],
        patience: Patience,
        election: Election,
        allocations: WatchAllocations,
    ) -> None:
        self._database = database
        self._pubsub = pubsub
        self._now = now
        self._patience = patience
        self._election = election
        self._allocations = allocations

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self._election.lead(self._follow_all)
            except (LeadershipLostError, StoreUnavailable) as reason:
                _log.warning("not following salesforce's event bus any more", reason=type(reason).__name__)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow_all(self, generation: int) -> None:
        positions = PostgresPositions(self._database, generation)
        pubsub = self._pubsub()
        topics = [FollowTopic(topic, pubsub, positions, self._now, self._patience).run() for topic in TOPICS]
        try:
            await first_end(self._tidy(positions), self._allocations.run(), *topics)
        finally:
            await pubsub.close()

    @staticmethod
    async def _tidy(positions: PostgresPositions) -> None:
        while True:
            try:
                await positions.forget_seen_events()
            except StoreUnavailable:
                _log.warning("old event ids could not be dropped, the database is away")
            await asyncio.sleep(TIDY_SECONDS)
