"""What runs beside messages and processes: figures are kept up to date, and shown eSIM codes are erased."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import StoreUnavailable
from portal_contracts.provisioning import Owner, ProcessStatus
from portal_fulfillment.esim_codes import SHOWN_FOR, EsimCodes
from portal_fulfillment.provisioning_metrics import OLDEST_STANDING, PROCESSES
from portal_fulfillment.records import Records, who_acts

EVERY_SECONDS: Final = 15.0
_STANDING: Final = frozenset({"blocked", "needs_human"})
_OWNERS: Final[tuple[Owner, ...]] = ("customer", "staff", "us", "vendor")

_log = get_logger(__name__)


@dataclass(slots=True)
class Rounds:
    """One round every few seconds; several instances do each other no harm."""

    records: Records
    codes: EsimCodes
    clock: BusinessClock
    machine: MachineClock
    _seen: set[tuple[ProcessStatus, Owner]] = field(default_factory=set)

    async def run(self) -> None:
        """Work until cancelled; a database that is away only delays a round."""
        while True:
            try:
                await self.round()
            except (StoreUnavailable, TimeoutError):
                _log.info("a round of fulfillment waits for the database")
            await asyncio.sleep(EVERY_SECONDS)

    async def round(self) -> None:
        """Erase what was shown long enough ago, then count."""
        erased = await self.codes.erase(self.machine.now() - SHOWN_FOR)
        if erased:
            _log.info("shown eSIM codes were erased", count=erased)
        await self._count()

    async def _count(self) -> None:
        counts: dict[tuple[ProcessStatus, Owner], int] = dict.fromkeys(self._seen, 0)
        oldest: dict[Owner, float] = dict.fromkeys(_OWNERS, 0.0)
        now = self.clock.now()
        for standing in await self.records.standings():
            owner = who_acts(standing.status, standing.code, "")
            place = (standing.status, owner)
            counts[place] = counts.get(place, 0) + standing.count
            if standing.status in _STANDING:
                oldest[owner] = max(oldest.get(owner, 0.0), (now - standing.oldest).total_seconds())
        self._seen = set(counts)
        for (status, owner), count in counts.items():
            PROCESSES.labels(status, owner).set(count)
        for owner, seconds in oldest.items():
            OLDEST_STANDING.labels(owner).set(seconds)
