import json
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database
from portal_contracts.identity_sessions import SecurityEvent

_LIST: Final = """
SELECT id, at, event, facts FROM audit_entry WHERE user_id = $1 AND ($2::bigint IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3
"""
# One sweep at a time: two would collide on the table's entry in the catalogue.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('audit_entry retention', 0))"
_MAY_DELETE: Final = "GRANT DELETE ON audit_entry TO CURRENT_USER"
_MAY_NOT: Final = "REVOKE DELETE ON audit_entry FROM CURRENT_USER"
_SWEEP: Final = "DELETE FROM audit_entry WHERE at < now() - make_interval(months => $1)"


class Audit:
    """The audit, for its customer to read. It is written with `audit.write_audit` and never changed (R050)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, user_id: str, before_id: int | None, limit: int) -> list[SecurityEvent]:
        """Give a user's events, the newest first; of their facts only where they came from."""
        rows = await self._database.fetch(_LIST, UUID(user_id), before_id, limit)
        return [
            SecurityEvent(
                id=row["id"],
                at=row["at"],
                event=row["event"],
                client_address=str(json.loads(row["facts"]).get("address", "")),
            )
            for row in rows
        ]

    async def sweep(self, months: int) -> None:
        """Forget what is past its time (§5.10); the permission to do so lasts for this transaction alone."""
        async with self._database.transaction() as transaction:
            await transaction.execute(_LOCK)
            await transaction.execute(_MAY_DELETE)
            await transaction.execute(_SWEEP, months)
            await transaction.execute(_MAY_NOT)
