"""Operators' hands on changes of lines that nobody could tell the end of: the line is held until somebody says so."""

from dataclasses import dataclass
from functools import partial

from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import (
    CloseLineChange,
    ListStandingLineChanges,
    StandingLineChange,
    StandingLineChangeList,
)
from portal_fulfillment.kept_lines import KeptChange, LineChanges
from portal_fulfillment.line_change_process import ATTEMPT, KIND
from portal_fulfillment.ports import Operations, OperationState


@dataclass(frozen=True, slots=True)
class CloseStandingChange:
    """Lists what stands, and closes what a person has looked up at the operator's."""

    desk: OperatorDesk
    changes: LineChanges
    operations: Operations
    processes: ProcessEngine

    async def list(self, query: ListStandingLineChanges) -> StandingLineChangeList:
        """List the changes that are not over."""
        found = await self.changes.standing(only_unclear=query.only_unclear, limit=query.limit)
        return StandingLineChangeList(changes=[_standing(one) for one in found])

    async def close(self, command: CloseLineChange, call: Call) -> OperatorOutcome:
        """Go on as after a yes, or as after a no. Refused NOT_FOUND or LINE_CHANGE_NOT_UNCLEAR."""
        return await self.desk.carry_out(command, call, partial(self._plan, command), target=command.change_id)

    async def _plan(self, command: CloseLineChange, transaction: Transaction) -> Plan:
        change = await self.changes.lock(transaction, command.change_id)
        if change is None:
            raise Refused("NOT_FOUND")
        view = await self.processes.read(KIND, command.change_id)
        parked = view is not None and view.status == "needs_human" and view.step == "operate"
        if not parked and change.state != "unclear":
            raise Refused("LINE_CHANGE_NOT_UNCLEAR", facts={"state": change.state})
        state: OperationState = "confirmed" if command.happened else "withdrawn"
        step = "finish" if command.happened else "give_up"

        async def effect(held: Transaction) -> None:
            await self.operations.settle(held, change.kind, change.change_id, ATTEMPT, state)
            await self.processes.wake(held, KIND, change.change_id, step=step)

        how = "done and charged where it costs something" if command.happened else "refused and not charged"
        return Plan((f"The {change.kind} of {change.asked_at:%Y-%m-%d} counts as {how}; the line is free.",), effect)


def _standing(change: KeptChange) -> StandingLineChange:
    return StandingLineChange(
        change_id=change.change_id,
        order_id=change.order_id,
        service_id=change.service_id,
        line=f"…{change.line[-4:]}",
        kind=change.kind,
        state=change.state,
        code=change.code,
        asked_at=change.asked_at,
    )
