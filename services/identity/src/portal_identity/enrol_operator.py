from dataclasses import dataclass
from typing import Final

from portal_chassis.clocks import MachineClock
from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity import OpenedSession
from portal_contracts.operator_access import BeginOperatorEnrolment, FinishOperatorEnrolment, OperatorEnrolment
from portal_contracts.problems import Refused
from portal_identity.audit import write_audit
from portal_identity.one_time_codes import OneTimeCodes, new_seed, seed_uri
from portal_identity.open_operator_session import new_operator_session
from portal_identity.password_policy import require_strong
from portal_identity.ports import Enrolment, PasswordHasher
from portal_identity.secret_tokens import token_hash
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_enrolments import Enrolments
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_operators import Operators

TRIES: Final = 20
"""With one token in an hour, whether it exists or not."""


@dataclass(frozen=True, slots=True)
class ShowSecondFactor:
    """Use an enrolment token to get a seed. Each time it is another one, so nobody can look at one that is used."""

    database: Database
    enrolments: Enrolments
    brakes: Brakes
    clock: MachineClock

    async def __call__(self, command: BeginOperatorEnrolment) -> OperatorEnrolment:
        """Refused ENROLMENT_INVALID; TryLater RATE_LIMITED."""
        enrolment = await _found(self.enrolments, self.brakes, self.clock, command.token)
        seed = new_seed()
        async with self.database.transaction() as transaction:
            if not await self.enrolments.put_seed(transaction, enrolment, seed):
                raise Refused("ENROLMENT_INVALID")
            await write_audit(transaction, enrolment.operator_id, "operator_enrolment_begun")
        return OperatorEnrolment(email=enrolment.email, secret=seed, uri=seed_uri(seed, enrolment.email))


@dataclass(frozen=True, slots=True)
class EnrolOperator:
    """Set the password, prove the second factor with its first code, and sign the operator in."""

    database: Database
    operators: Operators
    enrolments: Enrolments
    sessions: OperatorSessions
    brakes: Brakes
    hasher: PasswordHasher
    codes: OneTimeCodes
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: FinishOperatorEnrolment) -> OpenedSession:
        """Refused ENROLMENT_INVALID; PASSWORD_TOO_WEAK or CREDENTIALS_WRONG, after which the token still works."""
        enrolment = await _found(self.enrolments, self.brakes, self.clock, command.token)
        require_strong(command.password, self.settings.password_length, (enrolment.email,))
        step = self.codes.step_of(enrolment.seed, command.code)
        if step is None or enrolment.seed is None:
            raise Refused("CREDENTIALS_WRONG")
        hashed = await self.hasher.hash(command.password)
        opened = new_operator_session(enrolment.operator_id, self.clock, self.settings)
        async with self.database.transaction() as transaction:
            await self._enrol(transaction, enrolment, hashed, enrolment.seed, step)
            await self.sessions.open(transaction, opened, "")
        return opened

    async def _enrol(self, transaction: Transaction, enrolment: Enrolment, hashed: str, seed: str, step: int) -> None:
        """Refused ENROLMENT_INVALID when somebody was faster or the access ended."""
        operator_id = enrolment.operator_id
        ended = await self.enrolments.end(transaction, enrolment)
        if not ended or not await self.operators.enrol(transaction, operator_id, hashed, seed, step):
            raise Refused("ENROLMENT_INVALID")
        await self.sessions.revoke_all(transaction, operator_id)
        await write_audit(transaction, operator_id, "operator_enrolled")


async def _found(enrolments: Enrolments, brakes: Brakes, clock: MachineClock, token: str) -> Enrolment:
    await brakes.count(("enrolment", token, TRIES, 3600))
    enrolment = await enrolments.find(token_hash(token), clock.now())
    if enrolment is None:
        raise Refused("ENROLMENT_INVALID")
    return enrolment
