"""How much of the org's allocations is left (R285): daily requests, and events published and delivered."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from portal_chassis.logs import get_logger
from portal_chassis.metrics import gauge
from portal_contracts.problems import Misconfigured, TryLater
from portal_salesforce import SalesforceRefusal

LOOK_SECONDS: Final = 900.0
LITTLE: Final = 0.2
REQUESTS: Final = "DailyApiRequests"
EVENTS: Final = "PlatformEvents"

_LEFT: Final = gauge("portal_salesforce_allocation_left", "What is left of an allocation of the org", "allocation")
_MOST: Final = gauge("portal_salesforce_allocation_limit", "How large an allocation of the org is", "allocation")
_log = get_logger(__name__)


class WatchAllocations:
    """Looks now and then, while we are elected: one request each time."""

    def __init__(self, limits: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._limits = limits

    async def run(self) -> None:
        """Look until cancelled; an org that does not answer is looked at again later."""
        while True:
            try:
                self.show(await self._limits())
            except (TryLater, Misconfigured, SalesforceRefusal) as problem:
                _log.warning("salesforce's allocations cannot be read", problem=str(problem))
            await asyncio.sleep(LOOK_SECONDS)

    @staticmethod
    def show(limits: Mapping[str, Any]) -> list[str]:
        """Set the metrics and warn; gives the names of allocations of which little is left."""
        scarce = []
        for name, figures in limits.items():
            if name != REQUESTS and EVENTS not in name:
                continue
            most, left = int(figures["Max"]), int(figures["Remaining"])
            _MOST.labels(name).set(most)
            _LEFT.labels(name).set(left)
            if most > 0 and left < most * LITTLE:
                scarce.append(name)
                _log.error("little is left of an allocation of salesforce", allocation=name, left=left, most=most)
        return scarce
