"""An order that staff closed while its line became active: nothing here undoes a live line, so a person decides.

It is neither accepted (nobody wants it billed) nor released (a live line would be nobody's): the Pending WHMCS order
stays, Salesforce and operators are shown both, and it looks on. Approved again, it goes on. When the line was ended at
the operator by hand, the reservation is released and the attempt ends as withdrawn.
"""

from dataclasses import dataclass
from typing import Final

from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, Next, Outcome, Run
from portal_contracts.problems import Refused
from portal_fulfillment.obstacle_codes import NOT_WANTED
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.ports import Lines, Orders, Sims
from portal_fulfillment.provisioning_state import ProvisioningState, evidence_of
from portal_fulfillment.sim import LineState

_OVER: Final = frozenset({LineState.ENDING, LineState.ENDED})


@dataclass(frozen=True, slots=True)
class AfterPivotSteps:
    """Confirm that the order is still wanted, and whose line it is."""

    orders: Orders
    sims: Sims
    lines: Lines
    obstacles: Obstacles

    async def confirm_approval(self, run: Run[ProvisioningState]) -> Outcome:
        """Read the order once more before it is billed."""
        code = await self._closed(run.key)
        if code is None:
            return Next(effects=(self._belongs(run),))
        line = run.state.line
        found = await self.sims.line(line.account) if line is not None else None
        if found is not None and found.state in _OVER:
            return self.obstacles.turn_back(run, code, {**evidence_of(run.state), "line": found.state.value})
        return await self.obstacles.park(run, code)

    def _belongs(self, run: Run[ProvisioningState]) -> Effect:
        account_id = run.state.known_order().account_id

        async def belongs(transaction: Transaction) -> None:
            await self.lines.belongs(transaction, run.key, account_id)

        return belongs

    async def _closed(self, order_id: str) -> str | None:
        """Give why the order is not wanted any more; None while it is."""
        try:
            order = await self.orders.read(order_id)
        except Refused as no:
            if no.code in NOT_WANTED:
                return no.code
            raise
        return None if order.state in {"approved", "completed"} else "ORDER_NOT_APPROVED"
