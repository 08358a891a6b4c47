from dataclasses import dataclass

from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine, ProcessView
from portal_contracts.identity import ConfirmSignup, Signup
from portal_contracts.problems import CATALOGUE, Refused
from portal_identity.secret_tokens import token_hash
from portal_identity.signup_process import KIND, SignupState
from portal_identity.store_signups import Signups

SPARE_SECONDS = 1.0
"""Left for the answer's way back when the process is run while the caller waits."""


@dataclass(frozen=True, slots=True)
class UseSignupLink:
    """Use a mailed link: start the sign-up, run it while the caller waits, tell how far it is. Harmless to repeat."""

    database: Database
    signups: Signups
    processes: ProcessEngine
    clock: MachineClock

    async def __call__(self, command: ConfirmSignup, deadline: Deadline) -> Signup:
        """Refused with SIGNUP_LINK_INVALID, or with the reason that ended the sign-up."""
        found = await self.signups.find_by_link(token_hash(command.token), self.clock.now())
        if found is None:
            raise Refused("SIGNUP_LINK_INVALID")
        async with self.database.transaction() as transaction:
            await self.processes.start(transaction, KIND, found.signup_id, SignupState())
        until = Deadline(deadline.at_ms - int(SPARE_SECONDS * 1000))
        view = await self.processes.run_inline(KIND, found.signup_id, until=until)
        return Signup(state=_state(view), customer_number=found.customer_number)


def _state(view: ProcessView) -> str:
    """Say `done` once the customer can log in, raise what ended it before."""
    if view.state.get("linked"):
        return "done"
    if view.status == "failed" and view.code is not None and CATALOGUE[view.code].kind == "refused":
        raise Refused(view.code, facts={name: str(value) for name, value in view.facts.items()})
    return "working"
