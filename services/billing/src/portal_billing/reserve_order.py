from dataclasses import dataclass

from portal_billing.order_desk import OrderDesk
from portal_billing.work_on_order import WorkOnOrder
from portal_chassis.deadline import Deadline
from portal_contracts.billing import OrderProtocolState, ReserveOrder
from portal_contracts.problems import FieldError, Refused


@dataclass(frozen=True, slots=True)
class Reserve:
    """Has exactly one Pending WHMCS order for a Salesforce order (D01)."""

    work: WorkOnOrder

    async def __call__(self, command: ReserveOrder, deadline: Deadline) -> OrderProtocolState:
        """Refused BAD_REQUEST unless exactly one line is the service itself (C12)."""
        if sum(line.service for line in command.lines) != 1:
            raise Refused("BAD_REQUEST", fields=[FieldError(field="lines", code="SERVICE_MISSING")])
        wanted = OrderDesk(
            order_id=command.order_id,
            goal="reserve",
            generation=command.generation,
            client_id=command.whmcs_client_id,
            lines=tuple(command.lines),
            eid=command.eid,
        )
        return await self.work(wanted, deadline)
