"""From an approved order to an active service, as a list one can read (architecture §6, decision 0001).

The pivot is an active SIM line: before it, a definite no goes back through `release` and ends as failed; after it
there is only forward. An order without a line has its pivot in the acceptance. One that staff closed in between waits
for a person (`after_pivot_steps`).
"""

from dataclasses import dataclass
from typing import Final

from portal_chassis.process import ProcessDefinition, Proof, Step
from portal_fulfillment.after_pivot_steps import AfterPivotSteps
from portal_fulfillment.billing_steps import BillingSteps
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.order_steps import OrderSteps
from portal_fulfillment.provisioning_state import PROVISIONING, ProvisioningState
from portal_fulfillment.sim_steps import SimSteps
from portal_fulfillment.voice_steps import VoiceSteps

PROOF: Final = Proof(state=("attempt", "whmcs_order_id", "whmcs_service_id"))
"""What the order came to, for operators. Whether it may be provisioned again is the ledger's to say, which stays; calls
of an attempt that has ended count for no other."""


@dataclass(frozen=True, slots=True)
class ProvisioningProcess:
    """Joins the steps."""

    order: OrderSteps
    billing: BillingSteps
    sim: SimSteps
    voice: VoiceSteps
    after_pivot: AfterPivotSteps
    obstacles: Obstacles

    def definition(self) -> ProcessDefinition[ProvisioningState]:
        """Give the process as a list of steps."""
        meets = self.obstacles
        return ProcessDefinition(
            PROVISIONING,
            ProvisioningState,
            (
                Step("read_order", meets.checking(self.order.read_order)),
                Step("mark_activating", meets.checking(self.order.mark_activating)),
                Step("check_payment_method", meets.checking(self.order.check_payment_method)),
                Step("validate", meets.checking(self.order.validate)),
                Step("reserve", meets.before_pivot(self.billing.reserve)),
                Step("activate_sim", meets.before_pivot(self.sim.activate)),
                Step("confirm_sim", meets.at_pivot(self.sim.confirm)),
                # the line is active: from here on only forward
                Step("confirm_approval", meets.forward_only(self.after_pivot.confirm_approval)),
                Step("accept", meets.forward_only(self.billing.accept)),
                Step("voice_options", meets.forward_only(self.voice.register)),
                Step("record_outcome", meets.forward_only(self.order.record_outcome)),
                # the way back: reached only while nothing is active
                Step("release", meets.way_back(self.billing.release)),
                Step("record_failure", meets.way_back(self.order.record_failure)),
            ),
            proof=PROOF,
        )
