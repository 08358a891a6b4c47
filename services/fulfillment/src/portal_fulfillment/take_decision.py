"""An operator decided about an order's WHMCS side at billing: the attempt that waits for it looks at once."""

from dataclasses import dataclass

from portal_chassis.postgres import Transaction
from portal_contracts.orders import ProvisionRequested
from portal_contracts.whmcs_orders import WhmcsOrderDecided
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.provisioning_state import PROVISIONING
from portal_fulfillment.records import PAST_PIVOT


@dataclass(frozen=True, slots=True)
class TakeDecision:
    """Local work only. Nothing is opened: a decision about an attempt that has ended is billing's alone."""

    look: LookAtSignal

    async def __call__(self, event: WhmcsOrderDecided, transaction: Transaction, message_id: str) -> None:
        """Wake the open attempt; a cancelled reservation takes it the way back, unless a line may be live."""
        latest, _ = await self.look.latest(transaction, event.order_id)
        if latest is None or latest.state != "open":
            return
        if event.decision == "cancelled":
            view = await self.look.processes.read(PROVISIONING, event.order_id)
            if view is None or view.step not in PAST_PIVOT:
                await self.look.cancel(transaction, latest, event.requested_by)
        signal = ProvisionRequested(
            order_id=event.order_id,
            source="operator",
            request_id=f"{event.decision}:{message_id}",
            requested_by=event.requested_by,
            occurred_at=event.occurred_at,
        )
        await self.look(signal, transaction)
