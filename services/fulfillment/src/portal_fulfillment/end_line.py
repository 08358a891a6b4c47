from dataclasses import dataclass

from portal_chassis.deadline import Deadline
from portal_chassis.process import ProcessEngine, ProcessView
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import EndLine, LineEnding
from portal_fulfillment.change_line import ANSWER_SECONDS, Transactions
from portal_fulfillment.kept_lines import OwnedLines
from portal_fulfillment.line_ending_process import KIND, LineEndingWork


@dataclass(frozen=True, slots=True)
class EndOwnedLine:
    """Ends the line of a cancelled service, once for the cancellation; a repeat looks how far it is (C22)."""

    transactions: Transactions
    lines: OwnedLines
    processes: ProcessEngine

    async def __call__(self, command: EndLine, deadline: Deadline) -> LineEnding:
        """Work while the caller waits. Refused NOT_FOUND for a service whose line we did not set up."""
        key = command.cancellation_id
        if await self.processes.read(KIND, key) is None:
            own = await self.lines.of_service(command.service_id, command.account_id)
            if own is None:
                raise Refused("NOT_FOUND")
            work = LineEndingWork(
                line=own.account, service_id=own.service_id, order_id=own.order_id, account_id=own.account_id
            )
            async with self.transactions() as transaction:
                await self.processes.start(transaction, KIND, key, work, inline=True)
        until = Deadline.after(deadline.remaining() - ANSWER_SECONDS)
        return _answer(await self.processes.run_inline(KIND, key, until=until))


def _answer(view: ProcessView) -> LineEnding:
    if view.status == "done":
        return LineEnding(state="done")
    if view.status in ("needs_human", "failed"):
        return LineEnding(state="stands", code=view.code, again_at=view.due_at)
    return LineEnding(state="working", again_at=view.due_at)
