"""What the portal still has to write to Salesforce after somebody changed an order there, as a durable process."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

from portal_chassis.clocks import BusinessClock
from portal_chassis.process import Done, Outcome, ProcessDefinition, Run, Step
from portal_orders.order import waits_for_its_day
from portal_orders.ports import SalesOrders

KIND: Final = "order_aftercare"


class AftercareState(BaseModel):
    """One write: void a rejected order's opportunity (C40), or show that a scheduled order waits (C38)."""

    order_id: str
    work: Literal["void_opportunity", "write_not_started"]


@dataclass(frozen=True, slots=True)
class AftercareProcess:
    """Both writes look first and are harmless to repeat."""

    sales: SalesOrders
    clock: BusinessClock

    def definition(self) -> ProcessDefinition[AftercareState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, AftercareState, (Step("write", self.write),))

    async def write(self, run: Run[AftercareState]) -> Outcome:
        """Look at the order as it is now and write what is still due."""
        order_id = run.state.order_id
        if run.state.work == "void_opportunity":
            await self.sales.void_opportunity(order_id)
            return Done()
        order = (await self.sales.read([order_id])).get(order_id)
        if order is not None and order.activation == "activating" and waits_for_its_day(order, self.clock.now()):
            await self.sales.write_not_started(order)
        return Done()
