from dataclasses import dataclass
from uuid import uuid4

from portal_chassis.postgres import Database
from portal_contracts.identity import PasswordChanged
from portal_identity.audit import write_audit
from portal_identity.password_policy import require_strong
from portal_identity.ports import PasswordHasher, User
from portal_identity.settings import IdentitySettings
from portal_identity.store_resets import Resets
from portal_identity.store_sessions import Sessions
from portal_identity.store_users import Users


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Give a user a new password: sessions end, mailed links die, the user is told by mail, all in one transaction."""

    database: Database
    users: Users
    sessions: Sessions
    resets: Resets
    hasher: PasswordHasher
    settings: IdentitySettings

    async def __call__(
        self, user: User, password: str, event: str, client_address: str, *, keep_session: str | None = None
    ) -> bool:
        """Say whether it was done: False when the password was changed since `user` was read. `event` is audited.

        Refused PASSWORD_TOO_WEAK.
        """
        known = (user.email, user.link.customer_number, user.name.family_name, user.name.given_name)
        require_strong(password, self.settings.password_length, known)
        hashed = await self.hasher.hash(password)
        async with self.database.transaction() as transaction:
            if not await self.users.set_password(transaction, user, hashed):
                return False
            await self.resets.close_all(transaction, user.user_id)
            ended = await self.sessions.revoke_all(transaction, user.user_id, but=keep_session)
            await write_audit(transaction, user.user_id, event, address=client_address, sessions_ended=ended)
            await transaction.record(PasswordChanged(change_id=str(uuid4()), account_id=user.link.account_id))
        return True
