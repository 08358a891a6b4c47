from dataclasses import dataclass
from typing import Final

from portal_chassis.actor import Actor
from portal_contracts.identity import OpenedSession
from portal_contracts.identity_sessions import StepUp
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.audit import FailedProof
from portal_identity.ports import User
from portal_identity.prove_customer import ProveCustomer
from portal_identity.store_sessions import Sessions
from portal_identity.store_users import Users
from portal_identity.use_passkey import ProveByPasskey

_FAILED: Final[FailedProof] = "step_up_failed"


@dataclass(frozen=True, slots=True)
class ProveAnew:
    """Have a signed-in customer prove who they are: the same as for logging in. The session's tokens change (§5.1).

    Tries have a brake of their own: whoever stole a session can neither guess on nor slow the owner's log-in down.
    """

    users: Users
    sessions: Sessions
    prove: ProveCustomer
    prove_by_passkey: ProveByPasskey

    async def __call__(self, caller: Actor, command: StepUp) -> OpenedSession:
        """Refused as `ProveCustomer`, or SESSION_EXPIRED; TryLater RATE_LIMITED."""
        user = await self.users.by_id(caller.user_id)
        if user is None:
            raise Refused("SESSION_EXPIRED")
        await self._require_proof(user, command)
        opened = await self.sessions.renew(
            caller.session_id, user.user_id, user.password_version, command.client_address, command.user_agent
        )
        if opened is None:
            raise Refused("SESSION_EXPIRED")
        return opened

    async def _require_proof(self, user: User, command: StepUp) -> None:
        form = command.form
        if form.passkey is not None:
            await self.prove_by_passkey(
                form.passkey, client_address=command.client_address, event=_FAILED, owner_id=user.user_id
            )
            return
        await self.prove(
            user,
            form.password or "",
            form.code,
            brake=f"step_up:{user.user_id}",
            client_address=command.client_address,
            event=_FAILED,
            total=comparable_email(user.email),
        )
