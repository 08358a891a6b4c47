from dataclasses import dataclass

from portal_billing.order_desk import OrderDesk
from portal_billing.work_on_order import WorkOnOrder
from portal_chassis.deadline import Deadline
from portal_chassis.logs import get_logger
from portal_contracts.billing import OrderProtocolState, ReleaseOrder

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Release:
    """Cancels the order's reservation; done when there is none."""

    work: WorkOnOrder

    async def __call__(self, command: ReleaseOrder, deadline: Deadline) -> OrderProtocolState:
        """Refused WHMCS_ORDER_REFUSED when the order is accepted already."""
        _log.info("a reservation is released", order=command.order_id, reason=command.reason)
        wanted = OrderDesk(order_id=command.order_id, goal="release", generation=command.generation)
        return await self.work(wanted, deadline)
