"""Operators' view of the differences between the systems, and their repair (D14)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from pydantic import BaseModel

from portal_chassis.call import Call
from portal_chassis.clocks import BusinessClock
from portal_chassis.operator_actions import Plan, PlanMaker
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, Outcome, ProcessDefinition, ProcessEngine, Run, Step
from portal_contracts.drift import CompareSystems, Drift, DriftKind, DriftReport, RepairDrift
from portal_contracts.operators import OperatorCommand, OperatorOutcome
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Refused
from portal_orders import comparison_process as comparison
from portal_orders import timeline
from portal_orders.comparison_ports import BilledClients, Difference, Differences
from portal_orders.comparison_process import ComparisonState, LookAtClients
from portal_orders.order import SalesOrder
from portal_orders.ports import Hint, Hints, SalesOrders
from portal_orders.take_reading import SoldProducts, TakeReading

KIND: Final = "difference_repair"


class Desk(Protocol):
    """The chassis's desk of operators."""

    async def carry_out(
        self, command: OperatorCommand[OperatorOutcome], call: Call, plan: PlanMaker, *, target: str
    ) -> OperatorOutcome:
        """Show what a plan would do, or do it once and write it down."""
        ...


class RepairState(BaseModel):
    """One repair: what to write, and to which order."""

    difference_id: str
    order_id: str
    whmcs_order_id: int
    whmcs_service_id: int
    work: Literal["ids", "outcome"]
    operator: str


@dataclass(frozen=True, slots=True)
class RepairProcess:
    """Writes WHMCS's ids or the outcome to Salesforce; looks first and is harmless to repeat."""

    sales: SalesOrders
    products: SoldProducts
    take_reading: TakeReading
    differences: Differences
    clock: BusinessClock

    def definition(self) -> ProcessDefinition[RepairState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, RepairState, (Step("write", self.write),))

    async def write(self, run: Run[RepairState]) -> Outcome:
        """Write, take the result into the read model, tell, and close the difference. Refused NOT_FOUND."""
        state = run.state
        order = (await self.sales.read([state.order_id])).get(state.order_id)
        if order is None:
            raise Refused("NOT_FOUND")
        async with run.outside(state.work, fingerprint=f"{state.whmcs_order_id}/{state.whmcs_service_id}"):
            written = await self._write(order, state)
        products = await self.products.of([written])
        now = self.clock.now()

        async def effect(transaction: Transaction) -> None:
            await self.take_reading(transaction, written, products, ours=True)
            await self.take_reading.tell(transaction, state.order_id, timeline.repaired(state.operator, now))
            await self.differences.close(transaction, state.difference_id, now)

        return Done(effects=(effect,))

    async def _write(self, order: SalesOrder, state: RepairState) -> SalesOrder:
        ids = (state.whmcs_order_id, state.whmcs_service_id)
        if state.work == "ids":
            return await self.sales.write_service(order, *ids)
        if order.state not in ("approved", "completed"):  # cancelled meanwhile: not opened again
            raise Refused("ORDER_NOT_APPROVED")
        return await self.sales.write_activated(order, *ids)


@dataclass(frozen=True, slots=True)
class Drifts:
    """What operators see and do about differences."""

    differences: Differences
    clients: BilledClients
    look: LookAtClients
    hints: Hints
    processes: ProcessEngine
    desk: Desk
    clock: BusinessClock
    hinted: Callable[[], None]

    async def report(self, kind: DriftKind | None) -> DriftReport:
        """Give the open differences and how the comparison stands."""
        view = await self.processes.read(comparison.KIND, comparison.KEY)
        state = ComparisonState.model_validate(view.state) if view else ComparisonState()
        return DriftReport(
            drifts=await self.differences.open(kind),
            totals=await self.differences.totals(),
            compared_at=state.ended_at,
            running=comparison.is_running(view),
        )

    async def compare(self, command: CompareSystems, call: Call) -> OperatorOutcome:
        """Start a comparison unless one is under way."""
        view = await self.processes.read(comparison.KIND, comparison.KEY)

        async def plan(_: Transaction) -> Plan:
            if comparison.is_running(view):
                return Plan(())
            return Plan(("Salesforce, WHMCS and the portal's links are compared now.",), self._begin)

        return await self.desk.carry_out(command, call, plan, target=comparison.KEY)

    async def _begin(self, transaction: Transaction) -> None:
        kind, key = comparison.KIND, comparison.KEY
        if not await self.processes.wake(transaction, kind, key, step=comparison.BEGIN):
            await self.processes.reopen(transaction, kind, key, ComparisonState(), comparison.BEGIN)

    async def repair(self, command: RepairDrift, call: Call) -> OperatorOutcome:
        """Read both sides again, then repair what is still there. Refused NOT_FOUND or DRIFT_NOT_REPAIRABLE."""
        drift = await self.differences.find(command.drift_id)
        still = await self._still_there(drift) if drift is not None else None
        operator = call.operator().operator

        async def plan(_: Transaction) -> Plan:
            if drift is None:
                raise Refused("NOT_FOUND")
            if still is None:
                return Plan(("The difference is gone; it leaves the list.",), self._closing(drift.id))
            if not still.repairable or still.order_id is None:
                raise Refused("DRIFT_NOT_REPAIRABLE")
            return Plan((still.repair,), self._repairing(still, command, operator))

        return await self.desk.carry_out(command, call, plan, target=command.drift_id)

    async def _still_there(self, drift: Drift) -> Difference | None:
        """Compare the client again; a difference without one is for a person anyway."""
        if drift.whmcs_client_id is None:
            return Difference(drift.kind, drift.id.partition(":")[2], drift.repair)
        client = await self.clients.one(drift.whmcs_client_id)
        found, _ = await self.look([client] if client else [])
        return next((one for one in found if one.id == drift.id), None)

    def _closing(self, difference_id: str) -> Effect:
        async def effect(transaction: Transaction) -> None:
            await self.differences.close(transaction, difference_id, self.clock.now())

        return effect

    def _repairing(self, difference: Difference, command: RepairDrift, operator: str) -> Effect:
        async def effect(transaction: Transaction) -> None:
            if difference.kind == "copy_out_of_date":
                await self.hints.add(transaction, Hint(difference.order_id or "", self.clock.now()))
                transaction.after_commit(self.hinted)
                await self._closing(difference.id)(transaction)
            elif difference.kind == "order_without_service":
                await self.hints.add(transaction, self._hint(difference, command, operator))
                transaction.after_commit(self.hinted)
            else:
                state = repair_state(difference, operator)
                await self.processes.start(transaction, KIND, command.request_id, state)

        return effect

    def _hint(self, difference: Difference, command: RepairDrift, operator: str) -> Hint:
        now = self.clock.now()
        order_id = difference.order_id or ""
        signal = ProvisionRequested(
            order_id=order_id,
            source="operator",
            request_id=command.request_id,
            requested_by=operator,
            occurred_at=now,
        )
        return Hint(order_id, now, signal=signal)


def repair_state(difference: Difference, operator: str) -> RepairState:
    """Give what a repair writes. ValueError for a difference without the ids of WHMCS."""
    if difference.order_id is None or difference.whmcs_order_id is None or difference.whmcs_service_id is None:
        raise ValueError(f"{difference.id} does not say what to write")
    return RepairState(
        difference_id=difference.id,
        order_id=difference.order_id,
        whmcs_order_id=difference.whmcs_order_id,
        whmcs_service_id=difference.whmcs_service_id,
        work="ids" if difference.kind == "service_without_opportunity" else "outcome",
        operator=operator,
    )
