"""Orders behind the `Standings` port: asked over the bus, kept for a minute."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter

from portal_chassis.bus import Bus
from portal_chassis.cache import Cache, Patience
from portal_chassis.cached import CachedKind
from portal_contracts.internet_standing import FindInternetStanding, InternetStanding

KEPT: Final = timedelta(seconds=60)
"""Nobody tells when WHMCS's side of it changes (R238)."""
STALE: Final = timedelta(hours=24)
"""How long an old answer serves while orders, Salesforce or WHMCS is away (C24)."""
PATIENCE: Final = Patience(seconds=2.0, code="SERVICE_UNAVAILABLE")


class BusStandings:
    """The `Standings` port: one question for each account and minute; hints of changes end it earlier (R239)."""

    def __init__(self, bus: Bus, cache: Cache) -> None:
        self._bus = bus
        self._cache = cache
        self._kind = CachedKind(
            cache, "internet", TypeAdapter(InternetStanding), KEPT, stale_for=STALE, patience=PATIENCE
        )

    async def read(self, account_id: str, whmcs_client_id: int, plans: Sequence[int]) -> InternetStanding:
        """Give what is kept, or ask."""
        query = FindInternetStanding(account_id=account_id, whmcs_client_id=whmcs_client_id, internet_products=plans)

        async def load() -> InternetStanding:
            return await self._bus.ask(query)

        return (await self._kind.read(account_id, load)).value

    async def forget(self, account_id: str) -> None:
        """Forget it; never fails (`Cache.forget`)."""
        await self._cache.forget(account_id)
