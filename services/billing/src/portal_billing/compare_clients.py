from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from portal_billing.ports import BilledClients
from portal_chassis.deadline import Deadline
from portal_contracts.problems import TryLater
from portal_contracts.whmcs_orders import BilledClient, BilledClientPage, ListBilledClients

ANSWER_BEFORE_SECONDS: Final = 1.0
"""How long before the caller's deadline the page ends, full or not."""


@dataclass(frozen=True, slots=True)
class CompareClients:
    """Reads what WHMCS has, client by client, one after the other: nobody waits for it (D14)."""

    clients: BilledClients

    async def __call__(self, query: ListBilledClients, deadline: Deadline) -> BilledClientPage:
        """TryLater WHMCS_UNAVAILABLE when not even one client could be read in time."""
        wanted = sorted(set(query.whmcs_client_ids)) or await self.clients.ids()
        left = [number for number in wanted if number > query.after_client_id]
        page, last = await self._read(left[: query.limit], deadline)
        if last is None and left:
            raise TryLater("WHMCS_UNAVAILABLE")
        more = bool(left) and last != left[-1]
        return BilledClientPage(clients=page, last_client_id=last if more else None)

    async def _read(self, numbers: Sequence[int], deadline: Deadline) -> tuple[list[BilledClient], int | None]:
        page: list[BilledClient] = []
        last = None
        for number in numbers:
            if deadline.remaining() < ANSWER_BEFORE_SECONDS:
                break
            client = await self.clients.read(number)
            if client is not None:
                page.append(client)
            last = number
        return page, last
