"""When a scheduled order starts and when it is looked at before that (C15, C38, R163-R165). No I/O."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal_chassis.clocks import TOKYO
from portal_contracts.orders import ProvisioningOrder


@dataclass(frozen=True, slots=True)
class SchedulePatience:
    """`preflight`: how long before its time an order is checked. `again`: how often one that failed is repeated.

    `look`: how often an order that waits for its time is read again, should nobody tell us of a change (T-20).
    """

    preflight: timedelta = timedelta(days=3)
    again: timedelta = timedelta(days=1)
    look: timedelta = timedelta(hours=6)


def start_of(order: ProvisioningOrder) -> datetime | None:
    """Give when a scheduled order may start, to the minute; None for one that is immediate or has no date (any more).

    A time without an offset is Japanese time.
    """
    if order.activation_type != "scheduled" or order.scheduled_at is None:
        return None
    at = order.scheduled_at
    return (at if at.tzinfo is not None else at.replace(tzinfo=TOKYO)).astimezone(UTC)
