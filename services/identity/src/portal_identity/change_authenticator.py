from dataclasses import dataclass
from typing import Final

from portal_chassis.actor import Actor
from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity_second_factor import (
    AuthenticatorSeed,
    ConfirmAuthenticator,
    RecoveryCodes,
    RemoveAuthenticator,
    RenewRecoveryCodes,
    SecondFactors,
    SecurityChange,
)
from portal_contracts.message import Acknowledged
from portal_contracts.problems import FieldError, Refused
from portal_identity.audit import write_audit
from portal_identity.one_time_codes import OneTimeCodes, new_seed, seed_uri
from portal_identity.security_notices import tell_owner
from portal_identity.store_authenticators import Authenticators
from portal_identity.store_brakes import Brakes
from portal_identity.store_passkeys import Passkeys
from portal_identity.store_users import Users

ISSUER: Final = "Customer portal"
TRIES: Final = 20
"""Of first codes in an hour."""


@dataclass(frozen=True, slots=True)
class ReadFactors:
    """Tell what protects the caller's log-in beside the password."""

    authenticators: Authenticators
    passkeys: Passkeys

    async def __call__(self, caller: Actor) -> SecondFactors:
        """Read all of it."""
        return SecondFactors(
            authenticator=await self.authenticators.of(caller.user_id) is not None,
            recovery_codes_left=await self.authenticators.recovery_codes_left(caller.user_id),
            passkeys=await self.passkeys.of(caller.user_id),
        )


@dataclass(frozen=True, slots=True)
class ChangeAuthenticator:
    """Put an authenticator app in force and take it out again. The gateway asks for a fresh proof before each of it."""

    database: Database
    users: Users
    authenticators: Authenticators
    brakes: Brakes
    codes: OneTimeCodes

    async def begin(self, caller: Actor) -> AuthenticatorSeed:
        """Show a new seed. Refused SESSION_EXPIRED when the user is gone."""
        user = await self.users.by_id(caller.user_id)
        if user is None:
            raise Refused("SESSION_EXPIRED")
        seed = new_seed()
        await self.authenticators.put_pending(caller.user_id, seed)
        return AuthenticatorSeed(secret=seed, uri=seed_uri(seed, user.email, ISSUER))

    async def confirm(self, caller: Actor, command: ConfirmAuthenticator) -> RecoveryCodes:
        """Put the seed shown last in force. Refused SECOND_FACTOR_WRONG; TryLater RATE_LIMITED."""
        await self.brakes.count(("authenticator", caller.user_id, TRIES, 3600))
        async with self.database.transaction() as transaction:
            pending = await self.authenticators.pending(transaction, caller.user_id)
            step = self.codes.step_of(pending[0] if pending else None, command.form.code.replace(" ", ""))
            if pending is None or step is None:
                raise _wrong()
            if not await self.authenticators.confirm(transaction, caller.user_id, pending[1], step):
                raise _wrong()
            codes = await self.authenticators.renew_recovery_codes(transaction, caller.user_id)
            await _note(transaction, caller, "second_factor_added", command.client_address)
        return RecoveryCodes(codes=codes)

    async def remove(self, caller: Actor, command: RemoveAuthenticator) -> Acknowledged:
        """Ask for no more codes; harmless to repeat. Refused LONGER_PASSWORD_NEEDED beside a short password."""
        async with self.database.transaction() as transaction:
            if await self.users.has_short_password(transaction, caller.user_id):
                raise Refused("LONGER_PASSWORD_NEEDED")
            if await self.authenticators.remove(transaction, caller.user_id):
                await _note(transaction, caller, "second_factor_removed", command.client_address)
        return Acknowledged()

    async def renew_codes(self, caller: Actor, command: RenewRecoveryCodes) -> RecoveryCodes:
        """Give fresh recovery codes; a repeat gives others, and only the last ones work. Refused NOT_FOUND."""
        async with self.database.transaction() as transaction:
            if not await self.authenticators.hold(transaction, caller.user_id):
                raise Refused("NOT_FOUND")
            codes = await self.authenticators.renew_recovery_codes(transaction, caller.user_id)
            await _note(transaction, caller, "recovery_codes_renewed", command.client_address)
        return RecoveryCodes(codes=codes)


async def _note(transaction: Transaction, caller: Actor, what: SecurityChange, client_address: str) -> None:
    await write_audit(transaction, caller.user_id, what, address=client_address)
    await tell_owner(transaction, caller.account_id, what)


def _wrong() -> Refused:
    code = "SECOND_FACTOR_WRONG"
    return Refused(code, fields=[FieldError(field="code", code=code)])
