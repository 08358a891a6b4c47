"""Operators' way out of an end that stands: the line ended elsewhere, and Freebit cannot show it (C22)."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import CloseLineEnding
from portal_fulfillment.line_change_process import ATTEMPT
from portal_fulfillment.line_ending_process import FORGET, KIND, LineEndingWork
from portal_fulfillment.ports import Lines, Operations, Sims
from portal_fulfillment.sim import LineState

_STANDS: Final = frozenset({"needs_human", "blocked"})
_GONE: Final = frozenset({LineState.ENDED, LineState.FAILED, LineState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class CloseStandingEnding:
    """Ends the looking for a line that is no more. Freebit is only asked how it shows the line."""

    desk: OperatorDesk
    sims: Sims
    lines: Lines
    operations: Operations
    processes: ProcessEngine

    async def __call__(self, command: CloseLineEnding, call: Call) -> OperatorOutcome:
        """Let the cancellation go on. Refused as `CloseLineEnding` lists."""
        return await self.desk.carry_out(command, call, partial(self._plan, command), target=command.cancellation_id)

    async def _plan(self, command: CloseLineEnding, _: Transaction) -> Plan:
        key = command.cancellation_id
        view = await self.processes.read(KIND, key)
        if view is None:
            raise Refused("NOT_FOUND")
        if view.status not in _STANDS:
            raise Refused("LINE_CHANGE_NOT_UNCLEAR", facts={"state": view.status})
        work = LineEndingWork.model_validate(view.state)
        await self._check_gone(work)

        async def effect(held: Transaction) -> None:
            await self.operations.settle(held, "cancel_line", key, ATTEMPT, "withdrawn")
            await self.processes.wake(held, KIND, key, step=FORGET)

        return Plan((f"Line …{work.line[-4:]} counts as ended; the cancellation goes on by itself.",), effect)

    async def _check_gone(self, work: LineEndingWork) -> None:
        """Refuse while the line lives there, unless its number has become another order's meanwhile."""
        line = await self.sims.line(work.line)
        if line is None or line.state in _GONE:
            return
        if await self.lines.holder(work.line) in {None, work.order_id}:
            raise Refused("LINE_STILL_IN_SERVICE", facts={"state": line.state.value})
