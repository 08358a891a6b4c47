"""The steps that look at the order and check it before anything is reserved, and those that write how it ended."""

from dataclasses import dataclass, replace

from portal_chassis.postgres import StoreUnavailable, Transaction
from portal_chassis.process import Done, Effect, Fail, NeedsHuman, Next, Outcome, Run
from portal_contracts.fulfillment import OrderActivated, ProvisioningStage
from portal_contracts.orders import ProvisioningOrder, RecordOutcome
from portal_contracts.problems import Refused, TryLater
from portal_fulfillment.attempt import AttemptState
from portal_fulfillment.obstacle_codes import NOT_WANTED
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.order_checks import OrderChecks
from portal_fulfillment.ports import Operations, OperationState, Orders
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_state import ProvisioningState
from portal_fulfillment.schedule_steps import ScheduleSteps


@dataclass(frozen=True, slots=True)
class OrderSteps:
    """Read, mark, check; record."""

    orders: Orders
    operations: Operations
    checks: OrderChecks
    schedule: ScheduleSteps
    progress: Progress
    obstacles: Obstacles

    async def read_order(self, run: Run[ProvisioningState]) -> Outcome:
        """Read the order live; one that is not Approved (any more) is not wanted, a scheduled one waits (C38)."""
        is_first = run.state.order is None
        try:
            order = await read_approved(self.orders, run)
        except StoreUnavailable:
            raise
        except TryLater as later:
            return self.schedule.keep_waiting(run, later)
        belongs: tuple[Effect, ...] = (self.progress.belongs(run, order.account_id),) if is_first else ()
        held = await self.schedule.hold(run, order)
        if held is not None:
            return replace(held, effects=(*belongs, *held.effects))
        return Next(effects=(*belongs, *self.schedule.let_go(run)))

    async def mark_activating(self, run: Run[ProvisioningState]) -> Outcome:
        """Show Activating in Salesforce; while a block is shown there it stays, until the checks have passed."""
        if run.state.told is None:
            await self.orders.mark_activating(run.key, run.state.attempt)
            run.state.marked = True
        return Next()

    async def check_payment_method(self, run: Run[ProvisioningState]) -> Outcome:
        """Look live whether the customer can pay (R064, R159)."""
        await self.checks.can_pay(run.state.known_order())
        return Next()

    async def validate(self, run: Run[ProvisioningState]) -> Outcome:
        """Check whatever could forbid the reservation or the SIM, on the order as it is at this moment."""
        order = await read_approved(self.orders, run)
        await self.checks.products(order)
        self.checks.line(order, run.clock.today())
        resumed = await self.obstacles.resume(run)
        run.state.marked = True
        return Next(effects=resumed)

    async def record_outcome(self, run: Run[ProvisioningState]) -> Outcome:
        """Write Activated and the WHMCS ids back, then announce it (R161, R162, R173)."""
        order, state = run.state.known_order(), run.state
        if state.whmcs_order_id is None or state.whmcs_service_id is None:
            return await self._nothing_to_record(run)
        await self.orders.record(
            RecordOutcome(
                order_id=run.key,
                attempt=state.attempt,
                outcome="activated",
                whmcs_order_id=state.whmcs_order_id,
                whmcs_service_id=state.whmcs_service_id,
            )
        )
        event = OrderActivated(
            order_id=run.key,
            account_id=order.account_id,
            whmcs_order_id=state.whmcs_order_id,
            whmcs_service_id=state.whmcs_service_id,
            category=order.category,
            occurred_at=run.clock.now(),
        )
        state.forget_person()
        return Done(effects=(self.progress.activated(run, event),))

    async def record_failure(self, run: Run[ProvisioningState]) -> Outcome:
        """Write Failed and why, once nothing is reserved any more (R167, R172)."""
        failure = run.state.failure
        if failure is None:
            raise LookupError("the process is on the way back without a reason")
        attempt = run.state.attempt
        if failure.code != "NOT_FOUND":  # else there is nothing left to write to
            await self.orders.record(
                RecordOutcome(
                    order_id=run.key, attempt=attempt, outcome="failed", code=failure.code, facts=failure.facts
                )
            )
        operation: OperationState = "failed" if failure.code == "SIM_REFUSED" else "withdrawn"

        async def settled(transaction: Transaction) -> None:
            await self.operations.settle(transaction, "activate", run.key, attempt, operation)

        ended = self.progress.ended(run, *_end_of(run.state, failure.code), failure.code, failure.facts)
        run.state.forget_person()
        return Fail(failure.code, failure.facts, effects=(ended, settled))

    async def _nothing_to_record(self, run: Run[ProvisioningState]) -> NeedsHuman:
        return await self.obstacles.park(
            run, "WHMCS_SERVICE_NOT_ACTIVE", {"whmcs_order_id": run.state.whmcs_order_id or 0}
        )


async def read_approved(orders: Orders, run: Run[ProvisioningState]) -> ProvisioningOrder:
    """Read the order live into the state. Refused ORDER_NOT_APPROVED unless staff's approval stands (T-13)."""
    order = await orders.read(run.key)
    if order.state != "approved":
        raise Refused("ORDER_NOT_APPROVED")
    run.state.order, run.state.read_at = order, run.clock.now()
    return order


def _end_of(state: ProvisioningState, code: str) -> tuple[AttemptState, ProvisioningStage]:
    """Give how an attempt on the way back ends. One that an operator cancelled has failed: the sweeper leaves it be."""
    if code in NOT_WANTED:
        return "withdrawn", "withdrawn"
    return "failed", "cancelled" if state.cancelled_by is not None else "failed"
