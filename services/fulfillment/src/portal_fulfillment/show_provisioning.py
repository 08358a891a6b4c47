"""What operators see of provisioning: a list by how orders stand, and everything known of one (D13)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_contracts.problems import Refused
from portal_contracts.provisioning import ListProvisioning, ProvisioningFile, ProvisioningList, ReadProvisioning
from portal_fulfillment.records import Records

LONGEST: Final = 10 * 365 * 86_400
"""Seconds; nothing has stood longer, and dates before the year 1 do not exist."""


@dataclass(frozen=True, slots=True)
class ShowProvisioning:
    """Reads only."""

    records: Records
    clock: BusinessClock

    async def list(self, query: ListProvisioning) -> ProvisioningList:
        """Give a page, the oldest attempts first, with the totals of all orders by status."""
        longer = query.standing_longer_than_seconds
        before = None if longer is None else self.clock.now() - timedelta(seconds=min(longer, LONGEST))
        page = await self.records.page(query, before)
        shown = page.processes[: query.limit]
        return ProvisioningList(processes=shown, totals=page.totals, more=len(page.processes) > len(shown))

    async def read(self, query: ReadProvisioning) -> ProvisioningFile:
        """Give one order's file. Refused NOT_FOUND."""
        found = await self.records.file(query.order_id)
        if found is None:
            raise Refused("NOT_FOUND")
        return found
