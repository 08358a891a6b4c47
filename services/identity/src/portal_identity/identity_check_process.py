"""After somebody was proven at the eKYC provider: Salesforce says so, or staff look at what differs (R198, R199)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step
from portal_identity.identity_comparison import WORDS, Compared, rejection
from portal_identity.ports import StaffDesk, Verifications

KIND: Final = "identity_check"


class IdentityCheckState(BaseModel):
    """Whose check, and the names of what differs: nothing of what was proven."""

    account_id: str
    commodity: str
    provider: str
    proven_at: datetime
    differences: Sequence[Compared] = ()
    written: bool = False


@dataclass(frozen=True, slots=True)
class IdentityCheckProcess:
    """Two steps, each safe to repeat. Its key comes from the check's state."""

    verifications: Verifications
    staff: StaffDesk

    def definition(self) -> ProcessDefinition[IdentityCheckState]:
        """Give the process as a list."""
        return ProcessDefinition(
            KIND, IdentityCheckState, (Step("write_outcome", self.write_outcome), Step("ask_staff", self.ask_staff))
        )

    async def write_outcome(self, run: Run[IdentityCheckState]) -> Outcome:
        """Write the outcome; who is verified already stays so when somebody else was proven, and staff decide."""
        state = run.state
        by_whom = f"{state.provider}, check {run.key[:8]}, for {state.commodity}"
        if not state.differences:
            at = state.proven_at
            await self.verifications.mark_proven(state.account_id, at, f"Verified {at:%Y-%m-%d %H:%M} UTC by {by_whom}")
        elif (await self.verifications.read(state.account_id)).status != "verified":
            note = f"Not alike ({named(state.differences)}): {by_whom}"
            await self.verifications.mark_refuted(state.account_id, rejection(state.differences), note)
        run.state.written = True
        return Next()

    async def ask_staff(self, run: Run[IdentityCheckState]) -> Outcome:
        """Open a case with the names of what differs, and no value."""
        state = run.state
        if state.differences:
            description = (
                f"The identity check at {state.provider} for {state.commodity} proved another "
                f"{named(state.differences)} than we have on file. Ask the customer, correct what is on file, and "
                "have them check again, or set the status."
            )
            await self.staff.open_case(
                f"identity-check-{run.key}", state.account_id, "Identity check", description, kind="id_verification"
            )
        return Done()


def named(fields: Sequence[Compared]) -> str:
    """Name fields for staff."""
    return ", ".join(WORDS[one][0] for one in fields)
