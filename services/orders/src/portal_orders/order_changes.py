"""What a new reading of an order changes in the portal's own row, and what is worth telling. No I/O."""

from datetime import datetime
from typing import Literal

from portal_orders.order import BEFORE_APPROVAL, KeptItem, KeptOrder, SalesOrder, schedule_of
from portal_orders.rejection import rejection_code

Noticed = Literal["approved", "rejected", "withdrawn", "cancelled", "completed", "rescheduled", "changed"]
"""What somebody else did to an order, in the words of its timeline."""


def updated(kept: KeptOrder | None, sales: SalesOrder, items: tuple[KeptItem, ...], now: datetime) -> KeptOrder:
    """Give the row after a reading; what only the portal knows stays as it was."""
    activating = sales.activation == "activating" and sales.state == "approved"
    activating_since = (kept.activating_since if kept else None) or now
    activated_at = kept.activated_at if kept else None
    if sales.activation == "activated" and activated_at is None:
        activated_at = sales.changed_at
    scheduled, scheduled_at = schedule_of(sales, kept)
    over = sales.state in ("completed", "cancelled")
    withdrawn = kept is not None and kept.withdrawn and sales.state in (*BEFORE_APPROVAL, "cancelled")
    rejected = (
        kept is not None
        and not withdrawn
        and sales.state == "cancelled"
        and (kept.rejected or kept.state in BEFORE_APPROVAL)
    )
    return KeptOrder(
        order_id=sales.order_id,
        account_id=sales.account_id,
        order_number=sales.order_number,
        key=sales.key,
        opportunity_id=sales.opportunity_id,
        state=sales.state,
        activation=sales.activation,
        changed_at=sales.changed_at,
        placed_at=kept.placed_at if kept else sales.created_at,
        items=items,
        error_code=sales.error_code,
        error_text=sales.error_text,
        error_at=sales.error_at,
        whmcs_order_id=sales.whmcs_order_id,
        whmcs_service_id=sales.whmcs_service_id,
        scheduled=scheduled,
        scheduled_at=scheduled_at,
        eid=None if over else sales.eid or (kept.eid if kept else None),
        porting=kept.porting if kept and not over else None,
        address=sales.address or (kept.address if kept else None),
        traceparent=kept.traceparent if kept else None,
        activating_since=activating_since if activating else None,
        activated_at=activated_at,
        parked=bool(kept and kept.parked) and sales.state == "approved",
        requested_at=kept.requested_at if kept else None,
        progressed_at=kept.progressed_at if kept else None,
        progress=kept.progress if kept else None,
        rejected=rejected,
        rejection=rejection_code(sales.rejection_reason) if rejected else None,
        withdrawn=withdrawn,
        put_right=kept.put_right if kept else 0,
    )


def noticed(before: KeptOrder, after: KeptOrder) -> tuple[Noticed, ...]:
    """Say what somebody else did between two readings, in the order in which it is told.

    A completion that carries a WHMCS order is the portal's own doing and is announced by fulfillment.
    """
    found: list[Noticed] = []
    if before.state in BEFORE_APPROVAL and after.state in ("approved", "completed"):
        found.append("approved")
    if before.state != after.state and after.state == "completed" and after.whmcs_order_id is None:
        found.append("completed")
    if before.state != after.state and after.state == "cancelled":
        found.append("withdrawn" if after.withdrawn else "rejected" if after.rejected else "cancelled")
    if after.state in ("pending_review", "approved"):
        if (before.scheduled, before.scheduled_at) != (after.scheduled, after.scheduled_at):
            found.append("rescheduled")
        if (before.items, before.address) != (after.items, after.address):
            found.append("changed")
    return tuple(found)
