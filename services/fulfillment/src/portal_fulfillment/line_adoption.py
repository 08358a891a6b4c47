"""Whether a line that nobody here remembers asking for is an order's all the same (reliability.md (b)5, T-09, T-21).

Our database may have been restored to before the request, or staff may have activated the SIM by hand. A second line
must not come of it, and a line of somebody else must not be billed: only what fits in every point is taken over.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from portal_chassis.clocks import TOKYO
from portal_chassis.process import Run
from portal_fulfillment.ports import Attempts, Lines, Operations
from portal_fulfillment.provisioning_state import ProvisioningState
from portal_fulfillment.sim import Activation, Line, LineState

_LIVING: Final = frozenset({LineState.ACTIVE, LineState.PENDING})


@dataclass(frozen=True, slots=True)
class LineAdoption:
    """Looks at a line on an order's EID or card that this order is not known to have asked for."""

    attempts: Attempts
    operations: Operations
    lines: Lines

    async def finds_ours(self, run: Run[ProvisioningState], wanted: Activation, living: Sequence[Line]) -> Line | None:
        """Give the line when it is the only one that lives there and surely the order's; it may still be coming.

        It carries our plan; no other order of ours has it; it was not there before an own request; and it began on or
        after the day on which the order was first to be provisioned, so that it is no older than the approval.
        """
        if len(living) != 1 or not fits(living[0], wanted):
            return None
        line, first = living[0], await self.attempts.first_opened(run.key)
        if first is None or not began_since(line, first.astimezone(TOKYO).date()):
            return None
        if line.account in await self._there_before(run):
            return None
        return line if await self.lines.holder(line.account) in {None, run.key} else None

    async def _there_before(self, run: Run[ProvisioningState]) -> Collection[str]:
        known: set[str] = set()
        for attempt in range(1, run.state.attempt + 1):
            known |= set(await self.operations.before(run.key, attempt))
        return known


def fits(line: Line, wanted: Activation) -> bool:
    """Whether a line is what the order would ask for: on its EID or card, with its plan."""
    return line.state in _LIVING and wanted.target.carries(line) and line.plan_code == wanted.plan_code


def began_since(line: Line, day: date) -> bool:
    """Whether a line began on a Japanese day or later; one that is still coming has no first day."""
    if line.state is LineState.PENDING:
        return line.started_on is None or line.started_on >= day
    return line.started_on is not None and line.started_on >= day
