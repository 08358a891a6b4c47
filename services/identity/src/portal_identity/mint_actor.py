from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_chassis.actor import DEFAULT_LIFETIME, Actor, sign_actor
from portal_chassis.clocks import MachineClock
from portal_contracts.identity import MintActor, MintedActor
from portal_contracts.problems import Refused
from portal_identity.secret_tokens import token_hash
from portal_identity.store_sessions import Sessions


@dataclass(frozen=True, slots=True)
class MintActorToken:
    """Exchange a session token for a short signed token that every service can check (architecture §4)."""

    sessions: Sessions
    private_key: Ed25519PrivateKey
    key_id: str
    clock: MachineClock

    async def __call__(self, query: MintActor) -> MintedActor:
        """Refused SESSION_EXPIRED when the session is unknown, idle too long, over or revoked."""
        session = await self.sessions.use(token_hash(query.session_token))
        if session is None:
            raise Refused("SESSION_EXPIRED")
        lifetime = min(DEFAULT_LIFETIME, int((session.expires_at - self.clock.now()).total_seconds()))
        link = session.user.link
        actor = Actor(
            user_id=session.user.user_id,
            whmcs_client_id=link.whmcs_client_id,
            account_id=link.account_id,
            roles=("customer",),
            session_id=session.session_id,
            authenticated_at=session.opened_at,
            locale=session.user.locale,
        )
        return MintedActor(
            actor_token=sign_actor(self.private_key, self.key_id, actor, lifetime),
            expires_at=self.clock.now() + timedelta(seconds=lifetime),
            session_id=session.session_id,
            csrf_token=session.csrf_token,
        )
