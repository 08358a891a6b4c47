"""After a claim to a Customer Number that was not proven: staff get a case, one for an account and day (C39, D18).

A process of its own, so that the answer to the claim takes as long as the one for an unknown number.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from portal_chassis.clocks import TOKYO
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, Outcome, ProcessDefinition, ProcessEngine, Run, Step
from portal_identity.ports import StaffDesk
from portal_identity.store_signups import Signups

KIND: Final = "unproven_claim"


class UnprovenClaimState(BaseModel):
    """Whose form, and whose account it asked for. Who it is stays sealed with the form."""

    signup_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class UnprovenClaimProcess:
    """One step, safe to repeat."""

    signups: Signups
    staff: StaffDesk

    def definition(self) -> ProcessDefinition[UnprovenClaimState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, UnprovenClaimState, (Step("open_case", self.open_case),))

    async def open_case(self, run: Run[UnprovenClaimState]) -> Outcome:
        """Ask staff to compare; without the form nobody knows any more who it was."""
        kept = await self.signups.read(run.state.signup_id)
        if kept is None:
            return Done()
        form = kept.form
        description = (
            f"{form.name.family_name} {form.name.given_name} proved the mailbox {form.email} and asks for Customer "
            f"Number {form.customer_number}, but neither e-mail nor name and postcode on file match."
        )
        title = "Portal sign-up could not be proven"
        await self.staff.open_case(f"claim-{run.key}", run.state.account_id, title, description)
        return Done()


def ask_staff(processes: ProcessEngine, run: Run[Any], account_id: str) -> Effect:
    """Give the effect that has a case opened for the sign-up `run`, where its account has none of this day."""

    async def start(transaction: Transaction) -> None:
        key = f"{account_id}-{run.clock.now().astimezone(TOKYO).date()}"
        state = UnprovenClaimState(signup_id=run.key, account_id=account_id)
        await processes.start(transaction, KIND, key, state)

    return start
