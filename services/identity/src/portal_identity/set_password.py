from dataclasses import dataclass
from uuid import uuid4

from portal_chassis.postgres import Database
from portal_contracts.identity_passwords import (
    PasswordChanged,
)
from portal_identity.audit import SecurityWord, write_audit
from portal_identity.password_policy import normal_password, require_strong
from portal_identity.ports import PasswordHasher, User
from portal_identity.settings import IdentitySettings
from portal_identity.store_api_tokens import ApiTokens
from portal_identity.store_authenticators import Authenticators
from portal_identity.store_resets import Resets
from portal_identity.store_sessions import Sessions
from portal_identity.store_users import Users


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Give a user a new password: sessions end, mailed links die, the user is told by mail, all in one transaction.

    Alone it has 15 characters, beside an authenticator 8 (NIST 800-63B-4).
    """

    database: Database
    users: Users
    sessions: Sessions
    resets: Resets
    authenticators: Authenticators
    api_tokens: ApiTokens
    hasher: PasswordHasher
    settings: IdentitySettings

    async def __call__(
        self, user: User, password: str, event: SecurityWord, client_address: str, *, keep_session: str | None = None
    ) -> bool:
        """Say whether it was done: False when the password was changed since `user` was read. `event` is audited.

        Refused PASSWORD_TOO_WEAK.
        """
        known = (user.email, user.link.customer_number, user.name.family_name, user.name.given_name)
        protected = await self.authenticators.of(user.user_id) is not None
        alone = self.settings.password_length
        require_strong(password, self.settings.password_length_beside_factor if protected else alone, known)
        hashed, short = await self.hasher.hash(password), len(normal_password(password)) < alone
        async with self.database.transaction() as transaction:
            if not await self.users.set_password(transaction, user, hashed, short=short):
                return False
            if short and not await self.authenticators.hold(transaction, user.user_id):
                require_strong(password, alone, known)  # the authenticator went meanwhile
            await self.resets.close_all(transaction, user.user_id)
            ended = await self.sessions.revoke_all(transaction, user.user_id, but=keep_session)
            if keep_session is None:  # by a mailed link: whoever was in may have made tokens, too
                ended += await self.api_tokens.revoke_all(transaction, user.user_id)
            await write_audit(transaction, user.user_id, event, address=client_address, sessions_ended=ended)
            await transaction.record(PasswordChanged(change_id=str(uuid4()), account_id=user.link.account_id))
        return True
