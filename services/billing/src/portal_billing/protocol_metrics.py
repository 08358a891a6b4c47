"""Figures of the order protocol (README, "Figures"). Labels are calls, codes and stages, never ids."""

from typing import Final

from portal_chassis.metrics import counter, gauge

CREATED: Final = counter("portal_whmcs_orders_created", "Orders that AddOrder is known to have made")
ACCEPTED: Final = counter("portal_whmcs_orders_accepted", "Orders that AcceptOrder is known to have accepted")
ADOPTED: Final = counter("portal_whmcs_orders_adopted", "Orders somebody else had accepted and the protocol took over")
EXTRAS_CANCELLED: Final = counter("portal_whmcs_extras_cancelled", "Late twins that were cancelled")
EXTRAS_ACTIVE: Final = counter("portal_whmcs_extras_active", "Late twins found Active: a person must end them")
UNCLEAR: Final = counter(
    "portal_whmcs_unclear_outcomes",
    "Writes whose outcome nobody knew",
    "call",
    known=[("AddClient",), ("AddOrder",), ("AcceptOrder",), ("CancelOrder",)],
)
QUIET: Final = counter("portal_whmcs_quiet_periods", "Quiet periods entered after unclear writes", "call")
MISMATCHES: Final = counter(
    "portal_whmcs_price_mismatches",
    "Orders WHMCS bills otherwise than Salesforce says (R013)",
    "stage",
    known=[("reserve",), ("accept",)],
)
PAID_CANCELLED: Final = counter("portal_whmcs_cancelled_orders_paid", "Cancelled orders whose invoice was paid: refund")
WAITING: Final = gauge("portal_whmcs_orders_waiting", "Orders that wait for somebody, by problem code", "code")


def count_mismatch(code: str, stage: str) -> None:
    """Count a problem when it is about money."""
    if code == "PRICE_MISMATCH":
        MISMATCHES.labels(stage).inc()
