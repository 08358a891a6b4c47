"""The steps that look at the order and check it before anything is reserved, and those that write how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from portal_chassis.clocks import TOKYO
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Fail, NeedsHuman, Next, Outcome, Run, Wait
from portal_contracts.billing import BillingProduct, OrderLine
from portal_contracts.fulfillment import OrderActivated
from portal_contracts.orders import ProvisioningOrder, RecordOutcome
from portal_contracts.problems import Refused
from portal_fulfillment.attempt import AttemptState
from portal_fulfillment.obstacles import NOT_WANTED, Obstacles
from portal_fulfillment.ports import Attempts, Billing, Operations, OperationState, Orders
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_state import ProvisioningState, needs_line
from portal_fulfillment.sim_plans import SimPlans

SCHEDULE_LOOK: Final = timedelta(hours=6)
"""How often a scheduled order is read again, so that a changed date or a cancellation is seen (T-20)."""
EID_DIGITS: Final = 32
"""A SIM card is switched on by the number printed on it, which nothing tells us yet: such an order waits (C18)."""


@dataclass(frozen=True, slots=True)
class OrderSteps:
    """Read, mark, check; record."""

    orders: Orders
    billing: Billing
    attempts: Attempts
    operations: Operations
    plans: SimPlans
    progress: Progress
    obstacles: Obstacles

    async def read_order(self, run: Run[ProvisioningState]) -> Outcome:
        """Read the order live; one that is not Approved (any more) is not wanted, a scheduled one waits (C38)."""
        order = await read_approved(self.orders, run)
        start = start_of(order)
        if start is None or start <= run.clock.now() or await self.attempts.is_early(run.key, run.state.attempt):
            return Next()
        look = min(start, run.clock.now() + SCHEDULE_LOOK)
        return Wait(until=look, because="scheduled", effects=(self.progress.noted(run, "scheduled"),))

    async def mark_activating(self, run: Run[ProvisioningState]) -> Outcome:
        """Show Activating in Salesforce; while a block is shown there it stays, until the checks have passed."""
        if run.state.told is None:
            await self.orders.mark_activating(run.key, run.state.attempt)
            run.state.marked = True
        return Next()

    async def check_payment_method(self, run: Run[ProvisioningState]) -> Outcome:
        """Look live whether the customer can pay (R064, R159)."""
        if not await self.billing.can_pay(run.state.known_order().whmcs_client_id):
            raise Refused("PAYMENT_METHOD_MISSING")
        return Next()

    async def validate(self, run: Run[ProvisioningState]) -> Outcome:
        """Check whatever could forbid the reservation or the SIM, on the order as it is at this moment."""
        order = await read_approved(self.orders, run)
        products = await self.billing.products(sorted({line.whmcs_product_id for line in order.lines}))
        for line in order.lines:
            check_line(line, products)
        if needs_line(order):
            if not order.esim:
                return await self.obstacles.block(run, "SIM_CARD_NUMBER_MISSING", {}, step="read_order")
            check_sim(order, self.plans)
        if run.state.told is not None:
            await self.orders.mark_activating(run.key, run.state.attempt)
            run.state.told = None
        run.state.marked = True
        return Next()

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

        state: AttemptState = "withdrawn" if failure.code in NOT_WANTED else "failed"
        ended = self.progress.ended(run, state, "failed", failure.code, failure.facts)
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
    run.state.order = order
    return order


def start_of(order: ProvisioningOrder) -> datetime | None:
    """Give when a scheduled order may start: as its day begins in Tokyo; None for one that is immediate."""
    if order.activation_type != "scheduled" or order.scheduled_on is None:
        return None
    return beginning_of(order.scheduled_on)


def beginning_of(day: date) -> datetime:
    """Give midnight in Tokyo."""
    return datetime.combine(day, time(), TOKYO)


def check_line(line: OrderLine, products: Mapping[int, BillingProduct]) -> None:
    """Check a line against WHMCS. Refused PRODUCT_UNMAPPED, MARKER_UNMAPPED or PRICE_MISMATCH."""
    product = products.get(line.whmcs_product_id)
    if product is None or not product.exists or line.billing_cycle not in product.prices:
        raise Refused("PRODUCT_UNMAPPED", facts={"sku": line.sku})
    if not product.marker_mapped:
        raise Refused("MARKER_UNMAPPED", facts={"pid": line.whmcs_product_id})
    billed = product.prices[line.billing_cycle]
    if billed != line.unit_price:
        raise Refused("PRICE_MISMATCH", facts={"sku": line.sku, "ordered": line.unit_price, "billed": billed})


def check_sim(order: ProvisioningOrder, plans: SimPlans) -> None:
    """Check that the operator can be asked. Refused EID_MISSING or PRODUCT_UNMAPPED."""
    if order.eid is None or len(order.eid) != EID_DIGITS or not order.eid.isdecimal():
        raise Refused("EID_MISSING")
    plans.activation_of(order)
    if order.voice:
        plans.options_of(order)
