from dataclasses import dataclass

from portal_chassis.actor import Actor
from portal_chassis.postgres import Database
from portal_contracts.message import Acknowledged
from portal_identity.store_sessions import Sessions


@dataclass(frozen=True, slots=True)
class CloseSession:
    """End the caller's session everywhere (architecture §9); harmless to repeat."""

    database: Database
    sessions: Sessions

    async def __call__(self, caller: Actor) -> Acknowledged:
        """Revoke and announce in one transaction."""
        async with self.database.transaction() as transaction:
            await self.sessions.revoke(transaction, caller.session_id, caller.user_id)
        return Acknowledged()
