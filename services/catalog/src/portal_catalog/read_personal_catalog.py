from dataclasses import dataclass

from portal_catalog.personal_catalog import personal
from portal_catalog.ports import Standings
from portal_catalog.shelf import Shelf
from portal_chassis.logs import get_logger
from portal_contracts.problems import Misconfigured, TryLater

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReadPersonalCatalog:
    """What is on sale for a customer (R077, R082): the shelf, and one question about Internet."""

    shelf: Shelf
    standings: Standings

    async def __call__(self, account_id: str, whmcs_client_id: int) -> bytes:
        """Give it as a finished reply; SIM and VPN are on sale whoever is away."""
        snapshot = self.shelf.current
        try:
            standing = await self.standings.read(account_id, whmcs_client_id, snapshot.internet_plans)
            return personal(snapshot, standing)
        except TryLater as away:
            return personal(snapshot, away)
        except Misconfigured as fault:
            log.error("nobody can tell who may order Internet", problem=str(fault))  # noqa: TRY400 - the problem says it all
            return personal(snapshot, TryLater("SERVICE_UNAVAILABLE"))
