"""The steps that bring WHMCS's side of the order along; billing makes every one of them harmless to repeat."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, Next, Outcome, Run, Wait
from portal_contracts.billing import OrderProtocolState
from portal_contracts.problems import Refused
from portal_fulfillment.order_steps import read_approved
from portal_fulfillment.ports import Billing, Lines, Orders
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_state import ProvisioningState, needs_line

SHORTEST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=15)
JUST_READ: Final = timedelta(seconds=2)
"""An order that a step before has read this lately is not read once more."""


@dataclass(frozen=True, slots=True)
class BillingSteps:
    """Reserve, accept, release."""

    orders: Orders
    billing: Billing
    progress: Progress
    lines: Lines

    async def reserve(self, run: Run[ProvisioningState]) -> Outcome:
        """Have one Pending order, then on to the SIM; an order without a line is accepted at once.

        Each time on a fresh look: staff may have withdrawn their approval while billing was away.
        """
        checked = order = run.state.known_order()
        if not _just_read(run):
            order = await read_approved(self.orders, run)
        if (order.whmcs_client_id, list(order.lines)) != (checked.whmcs_client_id, list(checked.lines)):
            return Next("validate")  # only what was checked is reserved
        reply = await self.billing.reserve(
            run.key, run.generation, order.whmcs_client_id, order.lines, order.eid if needs_line(order) else None
        )
        if reply.state == "working":
            return _ask_again(run, reply)
        run.state.whmcs_order_id = reply.whmcs_order_id
        facts = {"whmcs_order_id": reply.whmcs_order_id or 0}
        reached = self.progress.reached(run, "reserved", facts=facts)
        return Next(None if needs_line(order) else "accept", effects=(reached,))

    async def accept(self, run: Run[ProvisioningState]) -> Outcome:
        """Accept the one order, with the line's number and ICCID (D02)."""
        line = run.state.line
        reply = await self.billing.accept(
            run.key,
            run.generation,
            phone_number=line.account if line is not None else None,
            iccid=line.iccid if line is not None else None,
        )
        if reply.state == "working":
            return _ask_again(run, reply)
        run.state.whmcs_order_id = reply.whmcs_order_id or run.state.whmcs_order_id
        if reply.service_id is None:
            raise Refused("WHMCS_SERVICE_NOT_ACTIVE", facts={"whmcs_order_id": run.state.whmcs_order_id or 0})
        run.state.whmcs_service_id = reply.service_id
        facts = {"whmcs_order_id": run.state.whmcs_order_id or 0, "whmcs_service_id": reply.service_id}
        return Next(effects=(self.progress.reached(run, "accepted", facts=facts), self._serves(run, reply.service_id)))

    def _serves(self, run: Run[ProvisioningState], service_id: int) -> Effect:
        """Note which service the line is billed as: customers name it by that."""

        async def serves(transaction: Transaction) -> None:
            await self.lines.serves(transaction, run.key, service_id)

        return serves

    async def release(self, run: Run[ProvisioningState]) -> Outcome:
        """Cancel what is reserved. Only reached while no line is active and none can become so (C19)."""
        failure = run.state.failure
        reply = await self.billing.release(run.key, run.generation, failure.code if failure is not None else "")
        return _ask_again(run, reply) if reply.state == "working" else Next()


def _just_read(run: Run[ProvisioningState]) -> bool:
    read_at = run.state.read_at
    return read_at is not None and run.clock.now() - read_at < JUST_READ


def _ask_again(run: Run[ProvisioningState], reply: OrderProtocolState) -> Wait:
    """Come back when billing said it makes sense, within reason: its clock may be elsewhere."""
    wanted = reply.again_at - run.clock.now() if reply.again_at is not None else SHORTEST_WAIT
    return Wait(after=min(max(wanted, SHORTEST_WAIT), LONGEST_WAIT), because="billing is working")
