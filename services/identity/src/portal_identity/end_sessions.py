from dataclasses import dataclass
from uuid import UUID

from portal_chassis.actor import Actor
from portal_chassis.postgres import Database
from portal_contracts.identity_sessions import LogOutEverywhere, RevokeSession
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_identity.audit import write_audit
from portal_identity.security_notices import tell_owner
from portal_identity.store_sessions import Sessions


@dataclass(frozen=True, slots=True)
class EndOneSession:
    """End one of the caller's sessions everywhere (architecture §9); harmless to repeat."""

    database: Database
    sessions: Sessions

    async def __call__(self, caller: Actor, command: RevokeSession) -> Acknowledged:
        """Refused NOT_FOUND for what is no session of the caller's."""
        session_id = uuid_or_not_found(command.session_id)
        async with self.database.transaction() as transaction:
            done = await self.sessions.revoke(
                transaction,
                session_id,
                caller.user_id,
                client_address=command.client_address,
                event="session_revoked",
            )
        if not done and not await self.sessions.known(session_id, caller.user_id):
            raise Refused("NOT_FOUND")
        return Acknowledged()


@dataclass(frozen=True, slots=True)
class EndAllSessions:
    """End every session of the caller everywhere, this one too; harmless to repeat."""

    database: Database
    sessions: Sessions

    async def __call__(self, caller: Actor, command: LogOutEverywhere) -> Acknowledged:
        """Revoke, announce and tell the owner in one transaction."""
        async with self.database.transaction() as transaction:
            ended = await self.sessions.revoke_all(transaction, caller.user_id)
            if ended:
                facts = {"address": command.client_address, "sessions_ended": ended}
                await write_audit(transaction, caller.user_id, "logged_out_everywhere", **facts)
                await tell_owner(transaction, caller.account_id, "logged_out_everywhere")
        return Acknowledged()


def uuid_or_not_found(text: str) -> str:
    """Give an id in its one form; Refused NOT_FOUND for what no row can have."""
    try:
        return str(UUID(text))
    except ValueError:
        raise Refused("NOT_FOUND") from None
