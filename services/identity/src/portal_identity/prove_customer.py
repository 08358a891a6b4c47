from dataclasses import dataclass

from portal_chassis.postgres import Database
from portal_contracts.problems import FieldError, Refused
from portal_identity.audit import SLOWED, FailedProof, write_audit
from portal_identity.one_time_codes import DIGITS, OneTimeCodes
from portal_identity.ports import PasswordHasher, User
from portal_identity.security_notices import tell_owner
from portal_identity.store_authenticators import Authenticators
from portal_identity.store_brakes import Brakes


@dataclass(frozen=True, slots=True)
class ProveCustomer:
    """Compare password and, where an authenticator is on, the code: for log-in and for step-up.

    Known and unknown addresses are told and cost the same; failures slow the next try down (R049). Whether the second
    factor is on is told only to who knows the password. After a hundred failures in a row no password is right, until
    a mailed link or a passkey proves the owner (NIST 800-63B-4).
    """

    database: Database
    authenticators: Authenticators
    brakes: Brakes
    hasher: PasswordHasher
    codes: OneTimeCodes

    async def __call__(
        self,
        user: User | None,
        password: str,
        code: str | None,
        *,
        brake: str,
        client_address: str,
        event: FailedProof,
        total: str | None = None,
    ) -> User:
        """Give the user when all of it is right; `event` is audited when it is not.

        Refused CREDENTIALS_WRONG, or to who knows the password SECOND_FACTOR_REQUIRED or SECOND_FACTOR_WRONG; TryLater
        RATE_LIMITED, growing, for each `brake`. The
        hundred are counted by `total`, which is the brake where nothing else is said.
        """
        total, user_id = total or brake, user.user_id if user else None
        await self.brakes.check_failures(brake, client_address, SLOWED[event], user_id)
        fits = await self.hasher.verify(password, user.password_hash if user else None)
        if await self.brakes.exhausted(total) or user is None or not fits:
            await self.brakes.failed(brake, client_address, event, user_id, total=total)
            raise Refused("CREDENTIALS_WRONG")
        if not await self._code_fits(user, code, client_address):
            await self.brakes.failed(brake, client_address, event, user_id, total=total)
            raise Refused("SECOND_FACTOR_WRONG", fields=[FieldError(field="code", code="SECOND_FACTOR_WRONG")])
        await self.brakes.succeeded(brake, total=total)
        return user

    async def _code_fits(self, user: User, code: str | None, client_address: str) -> bool:
        seed = await self.authenticators.of(user.user_id)
        if seed is None:
            return True
        if code is None:
            async with self.database.transaction() as transaction:
                await write_audit(transaction, user.user_id, "second_factor_asked", address=client_address)
            raise Refused("SECOND_FACTOR_REQUIRED")
        bare = code.replace(" ", "").replace("-", "")
        if len(bare) == DIGITS and bare.isdigit():
            step = self.codes.step_of(seed, bare)
            return step is not None and await self.authenticators.use_step(user.user_id, step)
        return await self._recovery_code_fits(user, code, client_address)

    async def _recovery_code_fits(self, user: User, code: str, client_address: str) -> bool:
        async with self.database.transaction() as transaction:
            if not await self.authenticators.use_recovery_code(transaction, user.user_id, code):
                return False
            await write_audit(transaction, user.user_id, "recovery_code_used", address=client_address)
            await tell_owner(transaction, user.link.account_id, "recovery_code_used")
        return True
