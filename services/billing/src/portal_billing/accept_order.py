from dataclasses import dataclass

from portal_billing.order_desk import OrderDesk
from portal_billing.work_on_order import WorkOnOrder
from portal_chassis.deadline import Deadline
from portal_contracts.billing import AcceptOrder, OrderProtocolState


@dataclass(frozen=True, slots=True)
class Accept:
    """Accepts the order's one winner and proves that its service runs (D02)."""

    work: WorkOnOrder

    async def __call__(self, command: AcceptOrder, deadline: Deadline) -> OrderProtocolState:
        """Refused NOT_FOUND when nothing was ever reserved."""
        wanted = OrderDesk(
            order_id=command.order_id,
            goal="accept",
            generation=command.generation,
            phone_number=command.phone_number,
            iccid=command.iccid,
        )
        return await self.work(wanted, deadline)
