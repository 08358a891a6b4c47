"""After a document was handed in: the account waits for staff, who get a case (R197, R201)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Proof, Run, Step
from portal_identity.ports import StaffDesk, Verifications

KIND: Final = "verification"


class VerificationState(BaseModel):
    """Whose document, and since when it waits. The document is with the account already."""

    account_id: str
    commodity: str
    submitted_at: datetime
    pending: bool = False


@dataclass(frozen=True, slots=True)
class VerificationProcess:
    """Two steps, each safe to repeat."""

    verifications: Verifications
    staff: StaffDesk

    def definition(self) -> ProcessDefinition[VerificationState]:
        """Give the process as a list."""
        return ProcessDefinition(
            KIND,
            VerificationState,
            (Step("mark_pending", self.mark_pending), Step("ask_staff", self.ask_staff)),
            proof=Proof(state=("pending",)),
        )

    async def mark_pending(self, run: Run[VerificationState]) -> Outcome:
        """Write status and time; what staff have verified meanwhile stays."""
        on_file = await self.verifications.read(run.state.account_id)
        if on_file.status == "verified":
            return Done()
        if on_file.submitted_at is None or on_file.submitted_at < run.state.submitted_at.replace(microsecond=0):
            await self.verifications.mark_pending(run.state.account_id, run.state.submitted_at)
        run.state.pending = True
        return Next()

    async def ask_staff(self, run: Run[VerificationState]) -> Outcome:
        """Open a case of the type ID Verification, once for each document."""
        description = f"A document for {run.state.commodity} is among the account's files. Set the status when checked."
        await self.staff.open_case(
            f"verification-{run.key}", run.state.account_id, "ID verification", description, kind="id_verification"
        )
        return Done()
