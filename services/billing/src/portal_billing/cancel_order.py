"""Taking a WHMCS order back that must not live: the order, and the invoice that came with it."""

from dataclasses import dataclass
from typing import Any, Final

from portal_billing.order import FoundOrder
from portal_billing.ports import Orders
from portal_billing.protocol_metrics import PAID_CANCELLED
from portal_billing.settings import BillingSettings
from portal_billing.vendor_write import fingerprint_of, vendor_write
from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.process import Run

_UNPAID: Final = frozenset({"unpaid", "overdue"})
_OVER: Final = frozenset({"cancelled", "refunded"})

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Used by the way back and by the search for late twins. Both writes are harmless to repeat."""

    orders: Orders
    machine: MachineClock
    settings: BillingSettings

    async def cancel(self, run: Run[Any], scope: str, order: FoundOrder) -> None:
        """Cancel a Pending order; nothing when it is not Pending any more. Raises Unclear and what Orders raises."""
        send_by = self._send_by()
        evidence = {"whmcs_order_id": order.id}
        async with vendor_write(run, "CancelOrder", fingerprint_of(scope, order.id), evidence) as intent:
            await self.orders.cancel(order.id, send_by=send_by)
            intent.external_id = str(order.id)

    async def cancel_invoice(self, run: Run[Any], scope: str, client_id: int, order: FoundOrder) -> None:
        """See to it that nobody is charged for a cancelled order: WHMCS may have left its invoice open.

        A paid one cannot be undone from here: that is said loudly. Raises Unclear and what Orders raises.
        """
        invoice = None if order.invoice_id is None else await self.orders.invoice(client_id, order.invoice_id)
        if invoice is None or invoice.state in _OVER:
            return
        services = {service.id for service in order.services}
        if invoice.state not in _UNPAID or set(invoice.charged) - services:
            PAID_CANCELLED.inc()
            _log.error(
                "the invoice of a cancelled order is not open any more or charges something else: a person must look",
                alert=True,
                order=run.key,
                whmcs_order=order.id,
                invoice=invoice.id,
                state=invoice.state,
            )
            return
        send_by = self._send_by()
        evidence = {"whmcs_order_id": order.id, "invoice_id": invoice.id}
        async with vendor_write(run, "UpdateInvoice", fingerprint_of(scope, invoice.id), evidence) as intent:
            await self.orders.cancel_invoice(invoice.id, send_by=send_by)
            intent.external_id = str(invoice.id)

    def _send_by(self) -> float:
        return self.machine.monotonic() + self.settings.send_seconds
