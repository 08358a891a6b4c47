from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.actor import Actor
from portal_chassis.clocks import MachineClock
from portal_chassis.postgres import Database
from portal_contracts.identity_api_tokens import ApiTokenList, MadeApiToken, MakeApiToken, RevokeApiToken
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_identity.audit import write_audit
from portal_identity.end_sessions import uuid_or_not_found
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.security_notices import tell_owner
from portal_identity.store_api_tokens import ApiTokens, NewToken

MOST: Final = 20
"""Living tokens of one customer."""


@dataclass(frozen=True, slots=True)
class HandOutTokens:
    """Bearer tokens for the caller's programs. The gateway asks for a fresh proof before one is made."""

    database: Database
    tokens: ApiTokens
    clock: MachineClock

    async def list(self, caller: Actor) -> ApiTokenList:
        """Give what is in force."""
        return ApiTokenList(tokens=await self.tokens.list(caller.user_id))

    async def make(self, caller: Actor, command: MakeApiToken) -> MadeApiToken:
        """Make a token and tell the owner; its secret is in this answer alone. Refused LIMIT_REACHED."""
        secret, form = new_token(), command.form
        expires_at = self.clock.now() + timedelta(days=form.days)
        async with self.database.transaction() as transaction:
            new = NewToken(form, token_hash(secret), expires_at, command.request_id)
            token_id = await self.tokens.add(transaction, caller.user_id, new, MOST)
            if token_id is None:
                raise Refused("LIMIT_REACHED", facts={"limit": MOST})
            facts = {"token": token_id, "scopes": sorted(set(form.scopes)), "address": command.client_address}
            await write_audit(transaction, caller.user_id, "api_token_created", **facts)
            await tell_owner(transaction, caller.account_id, "api_token_created")
        return MadeApiToken(token_id=token_id, secret=secret, expires_at=expires_at)

    async def revoke(self, caller: Actor, command: RevokeApiToken) -> Acknowledged:
        """End a token everywhere; harmless to repeat. Refused NOT_FOUND for what is no token of the caller's."""
        token_id = uuid_or_not_found(command.token_id)
        async with self.database.transaction() as transaction:
            done = await self.tokens.revoke(transaction, token_id, caller.user_id)
            if done:
                facts = {"token": token_id, "address": command.client_address}
                await write_audit(transaction, caller.user_id, "api_token_revoked", **facts)
        if not done and not await self.tokens.known(token_id, caller.user_id):
            raise Refused("NOT_FOUND")
        return Acknowledged()
