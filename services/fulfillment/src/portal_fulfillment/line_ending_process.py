"""The end of a line whose service is over, as a durable process: asked for once and looked at until it shows (C22).

What the operator refuses, and what nobody can tell, is a person's turn: whoever ends the line by hand is found out at
the next look.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import Done, NeedsHuman, Outcome, ProcessDefinition, Proof, Run, Step
from portal_contracts.problems import Refused
from portal_fulfillment.line_change_process import REFUSED, UNCLEAR
from portal_fulfillment.line_changes import CancelLine
from portal_fulfillment.operate_on_line import OperateOnLine

KIND: Final = "line_ending"
"""Its key is the cancellation's id, which also stands for the request at the operator."""
FORGET: Final = "forget"


class LineEndingWork(BaseModel):
    """Which line. Its number is personal data: forgotten when the line has ended."""

    line: str
    service_id: int
    order_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class LineEndingProcess:
    """The steps. `recheck`: how often a line that stands is looked at again."""

    operate_on_line: OperateOnLine
    recheck: timedelta

    def definition(self) -> ProcessDefinition[LineEndingWork]:
        """Give the process as a list."""
        steps = (Step("operate", self.operate), Step(FORGET, self.forget))
        return ProcessDefinition(KIND, LineEndingWork, steps, proof=Proof(state=("order_id", "account_id")))

    async def operate(self, run: Run[LineEndingWork]) -> Outcome:
        """Ask the operator once, at once; a line that has ended already is not asked for."""
        change = CancelLine(run.state.line)
        try:
            return await self.operate_on_line(run, change)
        except Refused as no:
            unclear = no.code == change.unconfirmed
            facts = {"kind": change.kind, **no.facts}
            return NeedsHuman(UNCLEAR if unclear else REFUSED, facts, recheck=self.recheck)

    async def forget(self, run: Run[LineEndingWork]) -> Outcome:
        """Drop the number."""
        run.state.line = ""
        return Done()
