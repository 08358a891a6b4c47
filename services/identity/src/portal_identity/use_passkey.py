import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from portal_chassis.actor import Actor
from portal_chassis.clocks import MachineClock
from portal_chassis.postgres import Database
from portal_contracts.identity import OpenedSession
from portal_contracts.identity_passkeys import (
    AddPasskey,
    BeginPasskeyLogIn,
    LogInWithPasskey,
    Passkey,
    PasskeyAnswer,
    PasskeyChallenge,
    RemovePasskey,
)
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.audit import SLOWED, FailedProof, write_audit
from portal_identity.end_sessions import uuid_or_not_found
from portal_identity.log_in import new_session
from portal_identity.ports import Ceremonies, User
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.security_notices import tell_owner
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_passkeys import Challenge, KeptPasskey, Passkeys
from portal_identity.store_sessions import Sessions
from portal_identity.store_users import Users

MOST: Final = 10
"""Passkeys of one customer."""
GOOD_FOR: Final = timedelta(minutes=5)
_CHALLENGE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class MakePasskey:
    """Let a signed-in customer make a passkey, or forget one. The gateway asks for a fresh proof before."""

    database: Database
    users: Users
    passkeys: Passkeys
    ceremonies: Ceremonies
    clock: MachineClock

    async def begin(self, caller: Actor) -> PasskeyChallenge:
        """Give a challenge for the caller alone. Refused LIMIT_REACHED, or SESSION_EXPIRED when the user is gone."""
        user = await self.users.by_id(caller.user_id)
        if user is None:
            raise Refused("SESSION_EXPIRED")
        known = await self.passkeys.credential_ids(caller.user_id)
        if len(known) >= MOST:
            raise Refused("LIMIT_REACHED", facts={"limit": MOST})
        challenge, token = secrets.token_bytes(_CHALLENGE_BYTES), new_token()
        await self.passkeys.keep_challenge(token_hash(token), challenge, caller.user_id, self.clock.now() + GOOD_FOR)
        options = self.ceremonies.creation_options(challenge, UUID(caller.user_id).bytes, user.email, known)
        return PasskeyChallenge(challenge_id=token, options=options)

    async def add(self, caller: Actor, command: AddPasskey) -> Passkey:
        """Keep the passkey, and tell its owner. Refused PASSKEY_REFUSED."""
        answer = command.form.answer
        challenge = await self.passkeys.take_challenge(token_hash(answer.challenge_id), self.clock.now())
        if challenge is None or challenge.user_id != caller.user_id:
            raise Refused("PASSKEY_REFUSED")
        made = self.ceremonies.created(challenge.challenge, answer.credential)
        if made is None:
            raise Refused("PASSKEY_REFUSED")
        kept = KeptPasskey(str(uuid4()), caller.user_id, made.credential_id, made.public_key, made.sign_count)
        async with self.database.transaction() as transaction:
            passkey = await self.passkeys.add(transaction, kept, command.form.name)
            if passkey is None:
                raise Refused("PASSKEY_REFUSED")
            await write_audit(transaction, caller.user_id, "passkey_added", address=command.client_address)
            await tell_owner(transaction, caller.account_id, "passkey_added")
        return passkey

    async def remove(self, caller: Actor, command: RemovePasskey) -> Acknowledged:
        """Forget a passkey. Refused NOT_FOUND."""
        passkey_id = uuid_or_not_found(command.passkey_id)
        async with self.database.transaction() as transaction:
            if not await self.passkeys.remove(transaction, passkey_id, caller.user_id):
                raise Refused("NOT_FOUND")
            await write_audit(transaction, caller.user_id, "passkey_removed", address=command.client_address)
            await tell_owner(transaction, caller.account_id, "passkey_removed")
        return Acknowledged()


@dataclass(frozen=True, slots=True)
class ProveByPasskey:
    """Check what a passkey signed. It proves possession and, by its own check of the user, a second factor."""

    users: Users
    passkeys: Passkeys
    ceremonies: Ceremonies
    brakes: Brakes
    clock: MachineClock

    async def __call__(
        self, answer: PasskeyAnswer, *, client_address: str, event: FailedProof, owner_id: str | None = None
    ) -> User:
        """Give whose passkey it is: `owner_id`'s where that is said. Success ends what wrong passwords have caused.

        A challenge is used up either way; `event` is audited when anything is not right. Refused CREDENTIALS_WRONG;
        TryLater RATE_LIMITED, growing, for each owner.
        """
        challenge = await self.passkeys.take_challenge(token_hash(answer.challenge_id), self.clock.now())
        credential_id = self.ceremonies.named(answer.credential)
        kept = await self.passkeys.find(credential_id) if credential_id is not None else None
        tried = owner_id or (kept.user_id if kept else None)
        brake = f"passkey:{tried or client_address}"
        await self.brakes.check_failures(brake, client_address, SLOWED[event], tried)
        user = await self._owner(kept, challenge, answer) if kept and kept.user_id == tried else None
        if user is None:
            await self.brakes.failed(brake, client_address, event, tried)
            raise Refused("CREDENTIALS_WRONG")
        account = comparable_email(user.email)
        await self.brakes.succeeded(brake)
        await self.brakes.succeeded(account, total=account)
        return user

    async def _owner(self, kept: KeptPasskey, challenge: Challenge | None, answer: PasskeyAnswer) -> User | None:
        if challenge is None or challenge.user_id is not None:
            return None
        used = self.ceremonies.used(challenge.challenge, answer.credential, kept.public_key, kept.sign_count)
        if used is None or not await self.passkeys.use(kept.passkey_id, used.sign_count):
            return None
        return await self.users.by_id(kept.user_id)


@dataclass(frozen=True, slots=True)
class OpenSessionWithPasskey:
    """Log in with a passkey alone."""

    sessions: Sessions
    passkeys: Passkeys
    ceremonies: Ceremonies
    prove: ProveByPasskey
    brakes: Brakes
    settings: IdentitySettings
    clock: MachineClock

    async def begin(self, command: BeginPasskeyLogIn) -> PasskeyChallenge:
        """Give a challenge anybody may answer who has a passkey. TryLater RATE_LIMITED."""
        await self._count(command.client_address)
        challenge, token = secrets.token_bytes(_CHALLENGE_BYTES), new_token()
        await self.passkeys.keep_challenge(token_hash(token), challenge, None, self.clock.now() + GOOD_FOR)
        return PasskeyChallenge(challenge_id=token, options=self.ceremonies.request_options(challenge))

    async def finish(self, command: LogInWithPasskey) -> OpenedSession:
        """Open a session. Refused CREDENTIALS_WRONG; TryLater RATE_LIMITED."""
        await self._count(command.client_address)
        user = await self.prove(command.answer, client_address=command.client_address, event="log_in_failed")
        opened = new_session(user, self.clock, self.settings)
        if not await self.sessions.open(opened, user.password_version, command.client_address, command.user_agent):
            raise Refused("CREDENTIALS_WRONG")  # the password was changed meanwhile, which ends all sessions
        return opened

    async def _count(self, client_address: str) -> None:
        await self.brakes.count(("passkey_address", client_address, 2 * self.settings.logins_a_minute_per_address, 60))
