from dataclasses import dataclass

from portal_chassis.actor import Actor
from portal_chassis.postgres import Database
from portal_contracts.message import Acknowledged
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_sessions import Sessions


@dataclass(frozen=True, slots=True)
class CloseSession:
    """End the session of a customer or an operator everywhere (architecture §9); harmless to repeat."""

    database: Database
    sessions: Sessions
    operator_sessions: OperatorSessions

    async def __call__(self, caller: Actor, client_address: str = "") -> Acknowledged:
        """Revoke and announce in one transaction."""
        sessions = self.operator_sessions if caller.operator else self.sessions
        async with self.database.transaction() as transaction:
            await sessions.revoke(transaction, caller.session_id, caller.user_id, client_address=client_address)
        return Acknowledged()
