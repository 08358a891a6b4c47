from dataclasses import dataclass
from datetime import timedelta

from portal_chassis.clocks import MachineClock
from portal_chassis.postgres import Database
from portal_contracts.identity import OpenedSession
from portal_contracts.operator_access import OpenOperatorSession
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.one_time_codes import OneTimeCodes
from portal_identity.ports import PasswordHasher
from portal_identity.secret_tokens import new_token
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_operators import Operators


@dataclass(frozen=True, slots=True)
class SignOperatorIn:
    """Open an operator's session with password and one-time code (D19). What was wrong is never told."""

    database: Database
    operators: Operators
    sessions: OperatorSessions
    brakes: Brakes
    hasher: PasswordHasher
    codes: OneTimeCodes
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: OpenOperatorSession) -> OpenedSession:
        """Refused CREDENTIALS_WRONG; TryLater RATE_LIMITED per network address and, growing, per operator (R049)."""
        account = f"operator:{comparable_email(command.email)}"
        limit = self.settings.logins_a_minute_per_address
        await self.brakes.count(("operator_address", command.client_address, limit, 60))
        await self.brakes.check_failures(account)
        opened = await self._opened(command)
        if opened is None:
            await self.brakes.failed(account, command.client_address, "operator_sign_in_failed")
            raise Refused("CREDENTIALS_WRONG")
        await self.brakes.succeeded(account)
        return opened

    async def _opened(self, command: OpenOperatorSession) -> OpenedSession | None:
        """Compare all of it, also for strangers, and use the code up together with opening the session."""
        operator = await self.operators.by_email(comparable_email(command.email))
        fits = await self.hasher.verify(command.password, operator.password_hash if operator else None)
        step = self.codes.step_of(operator.seed if operator else None, command.code)
        if operator is None or not fits or step is None:
            return None
        opened = new_operator_session(operator.operator_id, self.clock, self.settings)
        async with self.database.transaction() as transaction:
            if not await self.operators.use_step(transaction, operator, step):
                return None
            await self.sessions.open(transaction, opened, command.client_address)
        return opened


def new_operator_session(operator_id: str, clock: MachineClock, settings: IdentitySettings) -> OpenedSession:
    """Make the tokens of a session."""
    expires_at = clock.now() + timedelta(seconds=settings.operator_session_seconds)
    return OpenedSession(session_token=new_token(), csrf_token=new_token(), user_id=operator_id, expires_at=expires_at)
