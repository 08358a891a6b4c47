"""How many orders wait for somebody, by problem code, counted from the processes themselves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from portal_billing.protocol_metrics import WAITING
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Database, StoreUnavailable

LOOK_SECONDS: Final = 30.0
_COUNT: Final = """
SELECT coalesce(state -> 'problem' ->> 'code', code) AS code, count(*) AS number FROM portal_process
WHERE kind = 'whmcs_order' AND status NOT IN ('done', 'failed', 'cancelled')
  AND (status IN ('blocked', 'needs_human') OR state -> 'problem' ->> 'code' IS NOT NULL)
GROUP BY 1
"""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WaitingOrders:
    """Keeps the gauge `portal_whmcs_orders_waiting` true."""

    database: Database

    async def watch(self) -> None:
        """Count again and again; a database that is away leaves the figures as they were."""
        shown: set[str] = set()
        while True:
            try:
                counted = await self.count()
            except (StoreUnavailable, TimeoutError):
                _log.debug("waiting orders were not counted")
            else:
                for code in shown - {code for code, _ in counted}:
                    WAITING.labels(code).set(0)
                for code, number in counted:
                    WAITING.labels(code).set(number)
                    shown.add(code)
            await asyncio.sleep(LOOK_SECONDS)

    async def count(self) -> Sequence[tuple[str, int]]:
        """Count once."""
        return [(str(row["code"]), int(row["number"])) for row in await self.database.fetch(_COUNT)]
