"""Tells staff something by a case, however long support or Salesforce are away: a durable process."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, Field

from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Outcome, ProcessDefinition, ProcessEngine, Proof, Run, Step
from portal_contracts.support import CaseType
from portal_orders.eligibility_ports import StaffCases

KIND: Final = "tell_staff"
SUPERVISOR: Final = "ESCALATION to the supervisor: "
"""How titles of escalations begin (R132-R135)."""


class CaseToOpen(BaseModel):
    """A case. The customer's words in it are forgotten once it is open."""

    account_id: str
    type: CaseType
    title: str
    description: str = Field(repr=False)
    for_customer: bool = False
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class TellStaff:
    """One step, harmless to repeat: support opens one case for a key."""

    cases: StaffCases

    def definition(self) -> ProcessDefinition[CaseToOpen]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, CaseToOpen, (Step("open", self.open),), proof=Proof(state=("case_id",)))

    async def open(self, run: Run[CaseToOpen]) -> Outcome:
        """Open the case."""
        state = run.state
        async with run.outside("open_case", fingerprint=run.key) as intent:
            state.case_id = await self.cases.open(
                run.key, state.account_id, state.type, state.title, state.description, for_customer=state.for_customer
            )
            intent.external_id = state.case_id
        state.description = ""
        return Done()


async def tell(transaction: Transaction, processes: ProcessEngine, key: str, case: CaseToOpen) -> None:
    """Have a case opened once the transaction commits; once for a key, which also is the case's."""
    await processes.start(transaction, KIND, key, case)
