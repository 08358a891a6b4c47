from dataclasses import dataclass
from datetime import timedelta

from portal_chassis.clocks import MachineClock
from portal_contracts.identity import LogIn, OpenedSession
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.ports import User
from portal_identity.prove_customer import ProveCustomer
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
    prove: ProveCustomer
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: LogIn) -> OpenedSession:
        """Refused CREDENTIALS_WRONG, SECOND_FACTOR_REQUIRED or SECOND_FACTOR_WRONG; TryLater RATE_LIMITED (R049)."""
        account, address = comparable_email(command.email), command.client_address
        await self.brakes.count(("login_address", address, self.settings.logins_a_minute_per_address, 60))
        found, brake = await self.users.by_email(account), await self._brake(account, command.device)
        user = await self.prove(
            found, command.password, command.code, brake=brake, client_address=address, event="log_in_failed"
        )
        opened = new_session(user, self.clock, self.settings)
        if not await self.sessions.open(opened, user.password_version, address, command.user_agent):
            raise Refused("CREDENTIALS_WRONG")  # the password was changed while it was being compared
        return opened

    async def _brake(self, account: str, device: str | None) -> str:
        """Give a browser the owner has logged in with a brake of its own: strangers' guesses do not keep it out."""
        if device is None or not await self.sessions.had(bytes.fromhex(device), account):
            return account
        return f"{account} on {device}"


def new_session(user: User, clock: MachineClock, settings: IdentitySettings) -> OpenedSession:
    """Make the tokens of a session."""
    expires_at = clock.now() + timedelta(seconds=settings.session_seconds)
    return OpenedSession(session_token=new_token(), csrf_token=new_token(), user_id=user.user_id, expires_at=expires_at)
