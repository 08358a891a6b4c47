"""What the portal still has to write to Salesforce after staff rejected an order, as a durable process (C40)."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

from portal_chassis.process import Done, Outcome, ProcessDefinition, Run, Step
from portal_orders.ports import SalesOrders

KIND: Final = "order_aftercare"


class AftercareState(BaseModel):
    """Void a rejected order's opportunity, with the reason."""

    order_id: str
    work: Literal["void_opportunity", "write_not_started"] = "void_opportunity"
    """Processes from before fulfillment decided alone about schedules may say `write_not_started`: nothing to do."""


@dataclass(frozen=True, slots=True)
class AftercareProcess:
    """The write looks first and is harmless to repeat."""

    sales: SalesOrders

    def definition(self) -> ProcessDefinition[AftercareState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, AftercareState, (Step("write", self.write),))

    async def write(self, run: Run[AftercareState]) -> Outcome:
        """Look at the order as it is now and write what is still due."""
        if run.state.work == "void_opportunity":
            await self.sales.void_opportunity(run.state.order_id)
        return Done()
