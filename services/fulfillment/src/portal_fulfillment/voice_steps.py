"""A voice line's options: registered once, after the order is accepted and before the customer is told it is active.

After, because an option that Freebit refuses must not keep the line itself from being billed (decided here; freebit.md
3.6 asks for "right after activation"); before, because "active" promises what was ordered, and never turns back.
"""

from dataclasses import dataclass
from typing import Final

from portal_chassis.process import Next, Outcome, Run
from portal_contracts.problems import Refused
from portal_fulfillment.line_changes import RegisterVoiceOptions
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.ports import Operations, Sims
from portal_fulfillment.provisioning_state import ProvisioningState
from portal_fulfillment.sim_plans import SimPlans
from portal_fulfillment.sim_steps import SimPatience

_PATIENCE: Final = SimPatience()


@dataclass(frozen=True, slots=True)
class VoiceSteps:
    """Register."""

    sims: Sims
    operations: Operations
    plans: SimPlans
    obstacles: Obstacles
    patience: SimPatience = _PATIENCE

    async def register(self, run: Run[ProvisioningState]) -> Outcome:
        """Have the ordered options on the line; a line without voice has none."""
        order, own = run.state.known_order(), run.state.line
        if own is None or not order.voice:
            return Next()
        change = RegisterVoiceOptions(own.account, self.plans.options_of(order))
        operate = OperateOnLine(self.sims, self.operations, self.patience.quiet, self.patience.spacing)
        try:
            return await operate(run, change, run.state.attempt)
        except Refused as no:
            if no.code == change.unconfirmed:
                return await self.obstacles.park(run, no.code, {})
            raise Refused(no.code, facts={**no.facts, "what": "voice options"}) from no
