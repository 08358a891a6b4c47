from dataclasses import dataclass
from datetime import timedelta

from portal_chassis.clocks import MachineClock
from portal_contracts.identity import LogIn, OpenedSession
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.ports import PasswordHasher
from portal_identity.secret_tokens import new_token
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_sessions import Sessions
from portal_identity.store_users import Users


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open a session. Known and unknown addresses are told and cost the same; failures slow the next try down."""

    users: Users
    sessions: Sessions
    brakes: Brakes
    hasher: PasswordHasher
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: LogIn) -> OpenedSession:
        """Refused CREDENTIALS_WRONG; TryLater RATE_LIMITED per network address and, growing, per account (R049)."""
        account = comparable_email(command.email)
        await self.brakes.count(
            ("login_address", command.client_address, self.settings.logins_a_minute_per_address, 60)
        )
        await self.brakes.check_failures(account)
        user = await self.users.by_email(account)
        if not await self.hasher.verify(command.password, user.password_hash if user else None) or user is None:
            await self.brakes.failed(account, command.client_address)
            raise Refused("CREDENTIALS_WRONG")
        await self.brakes.succeeded(account)
        expires_at = self.clock.now() + timedelta(seconds=self.settings.session_seconds)
        opened = OpenedSession(
            session_token=new_token(), csrf_token=new_token(), user_id=user.user_id, expires_at=expires_at
        )
        if not await self.sessions.open(opened, user.password_version, command.client_address, command.user_agent):
            raise Refused("CREDENTIALS_WRONG")  # the password was changed while it was being compared
        return opened
