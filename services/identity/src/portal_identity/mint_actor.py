from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_chassis.actor import DEFAULT_LIFETIME, Actor, sign_actor
from portal_chassis.clocks import MachineClock
from portal_contracts.identity import MintActor, MintedActor
from portal_contracts.identity_api_tokens import SCOPE_ROLE
from portal_contracts.problems import Refused
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.store_api_tokens import ApiTokens
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_sessions import Sessions


@dataclass(frozen=True, slots=True)
class _SignedIn:
    """What a token is minted of."""

    actor: Actor
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MintActorToken:
    """Exchange a session token for a short signed token that every service can check (architecture §4)."""

    sessions: Sessions
    api_tokens: ApiTokens
    operator_sessions: OperatorSessions
    private_key: Ed25519PrivateKey
    key_id: str
    clock: MachineClock

    async def __call__(self, query: MintActor) -> MintedActor:
        """Refused SESSION_EXPIRED when the session is unknown, idle too long, over or revoked."""
        hashed = token_hash(query.session_token)
        signed_in = await self._customer(hashed) or await self._program(hashed) or await self._operator(hashed)
        if signed_in is None:
            raise Refused("SESSION_EXPIRED")
        lifetime = min(DEFAULT_LIFETIME, int((signed_in.expires_at - self.clock.now()).total_seconds()))
        return MintedActor(
            actor_token=sign_actor(self.private_key, self.key_id, signed_in.actor, lifetime),
            expires_at=self.clock.now() + timedelta(seconds=lifetime),
            session_id=signed_in.actor.session_id,
            csrf_token=signed_in.csrf_token,
        )

    async def _customer(self, hashed: bytes) -> _SignedIn | None:
        session = await self.sessions.use(hashed)
        if session is None:
            return None
        link = session.user.link
        actor = Actor(
            user_id=session.user.user_id,
            whmcs_client_id=link.whmcs_client_id,
            account_id=link.account_id,
            roles=("customer",),
            session_id=session.session_id,
            authenticated_at=session.authenticated_at,
            locale=session.user.locale,
        )
        return _SignedIn(actor, session.csrf_token, session.expires_at)

    async def _program(self, hashed: bytes) -> _SignedIn | None:
        """Give a customer's program: its scopes are roles, and no CSRF token fits, so it is no good as a cookie."""
        token = await self.api_tokens.use(hashed)
        if token is None:
            return None
        link = token.user.link
        actor = Actor(
            user_id=token.user.user_id,
            whmcs_client_id=link.whmcs_client_id,
            account_id=link.account_id,
            roles=("customer", *(f"{SCOPE_ROLE}{scope}" for scope in token.scopes)),
            session_id=token.token_id,
            authenticated_at=token.made_at,
            locale=token.user.locale,
        )
        return _SignedIn(actor, new_token(), token.expires_at)

    async def _operator(self, hashed: bytes) -> _SignedIn | None:
        session = await self.operator_sessions.use(hashed)
        if session is None:
            return None
        actor = Actor(
            user_id=session.operator_id,
            whmcs_client_id=0,
            account_id="",
            roles=tuple(session.roles),
            session_id=session.session_id,
            authenticated_at=session.opened_at,
            locale="ja",
            operator=session.email,
        )
        return _SignedIn(actor, session.csrf_token, session.expires_at)
