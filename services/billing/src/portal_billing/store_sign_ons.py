"""Links into WHMCS in Postgres: written down for the audit, counted for the limit (D03)."""

from datetime import timedelta
from math import ceil
from typing import Final

from portal_chassis.postgres import Database
from portal_contracts.account_notes import BillingNoted
from portal_contracts.billing import SsoDestination
from portal_contracts.problems import TryLater

AT_MOST: Final = 5
"""Links of one client within the window (reference/reliability.md (c) §5)."""
WINDOW: Final = timedelta(minutes=1)

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('sign-on link ' || $1::text, 0))"
_NTH_LAST: Final = """
SELECT extract(epoch FROM asked_at + $2::interval - clock_timestamp())::float8 FROM sign_on_link
WHERE whmcs_client_id = $1 AND asked_at > clock_timestamp() - $2::interval ORDER BY asked_at DESC OFFSET $3 LIMIT 1
"""
_WRITE: Final = """
INSERT INTO sign_on_link (whmcs_client_id, user_id, destination, related_id) VALUES ($1, $2, $3, $4)
RETURNING asked_at
"""


class PostgresSignOnLog:
    """The SignOnLog port. Refused tries are not counted: who waits as told gets the next link."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admit(self, client_id: int, user_id: str, destination: SsoDestination, related_id: int | None) -> None:
        """Count and write in one transaction, one client's links one after the other."""
        async with self._database.transaction() as transaction:
            await transaction.execute(_ONE_AT_A_TIME, str(client_id))
            wait = await transaction.fetchval(_NTH_LAST, client_id, WINDOW, AT_MOST - 1)
            if wait is not None:
                seconds = max(1, ceil(wait))
                raise TryLater("RATE_LIMITED", retry_after=seconds, facts={"seconds": seconds})
            at = await transaction.fetchval(_WRITE, client_id, user_id, destination, related_id)
            await transaction.record(BillingNoted(whmcs_client_id=client_id, what="sso_link_asked", at=at))
