from dataclasses import dataclass

from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import Database, Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.identity import ConfirmSignup, Signup
from portal_contracts.problems import Refused
from portal_identity.ports import PasswordHasher
from portal_identity.secret_tokens import token_hash
from portal_identity.signup_process import KIND, SignupState
from portal_identity.store_signups import FoundSignup, Signups
from portal_identity.way_to_link import linked

SPARE_SECONDS = 1.0
"""Left for the answer's way back when the process is run while the caller waits."""


@dataclass(frozen=True, slots=True)
class UseSignupLink:
    """Use a mailed link: start the sign-up, run it while the caller waits, tell how far it is. Harmless to repeat."""

    database: Database
    signups: Signups
    processes: ProcessEngine
    hasher: PasswordHasher
    clock: MachineClock

    async def __call__(self, command: ConfirmSignup, deadline: Deadline) -> Signup:
        """Refused with SIGNUP_LINK_INVALID, SIGNUP_PASSWORD_WRONG, or with the reason that ended the sign-up."""
        async with self.database.transaction() as transaction:
            found = await self.signups.find_by_link(transaction, token_hash(command.token), self.clock.now())
            if found is None:
                raise Refused("SIGNUP_LINK_INVALID")
            begun = found.begun or await self._begin(transaction, found, command)
        if not begun:
            raise Refused("SIGNUP_PASSWORD_WRONG")
        until = Deadline(deadline.at_ms - int(SPARE_SECONDS * 1000))
        view = await self.processes.run_inline(KIND, found.signup_id, until=until)
        state = "done" if linked(view) else "working"
        return Signup(state=state, customer_number=view.state.get("customer_number") or found.customer_number)

    async def _begin(self, transaction: Transaction, found: FoundSignup, command: ConfirmSignup) -> bool:
        """Start when the password is the form's; the row is locked, so clicks at once are one try and one start."""
        if command.password is None:
            return False
        if not await self.hasher.verify(command.password, found.password_hash):
            await self.signups.count_try(transaction, found.signup_id)
            return False
        await self.processes.start(
            transaction, KIND, found.signup_id, SignupState(client_address=command.client_address)
        )
        return True
