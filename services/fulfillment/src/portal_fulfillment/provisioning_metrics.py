"""Figures of provisioning for Prometheus; the README says what each is for. Labels are closed lists, never ids."""

from collections.abc import Mapping
from typing import Final

from portal_chassis import metrics
from portal_fulfillment.obstacle_codes import WaitingOwner

DAYS_BUCKETS: Final = (10.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0, 259200.0, 604800.0, 2592000.0)
"""Seconds, from ten of them to thirty days."""

PROCESSES: Final = metrics.gauge(
    "portal_provisioning_processes", "Orders by how provisioning stands and who must act", "status", "owner"
)
PROCESSES.labels("needs_human", "us").set(0)  # the one an alert looks at is there from the start
OLDEST_STANDING: Final = metrics.gauge(
    "portal_provisioning_oldest_standing_seconds", "How long the oldest order has been standing still", "owner"
)
WAITED: Final = metrics.histogram(
    "portal_provisioning_waited_seconds",
    "Time from the first signal of an attempt to active, by whose turn it was",
    "actor",
    buckets=DAYS_BUCKETS,
)
TO_ACTIVE: Final = metrics.histogram(
    "portal_provisioning_active_after_seconds",
    "Time from the first signal of an attempt to active, without the wait for a wanted date",
    buckets=DAYS_BUCKETS,
)
ATTEMPTS: Final = metrics.counter("portal_provisioning_attempts", "Attempts that were opened", "source")
ENDS: Final = metrics.counter(
    "portal_provisioning_ends", "Attempts that ended", "state", "code", known=[("activated", "")]
)
SIGNALS: Final = metrics.counter("portal_provisioning_signals", "Signals about orders", "source", "verdict")
TOUCHES: Final = metrics.counter(
    "portal_provisioning_manual_touches",
    "Commands of operators that were carried out on orders",
    "action",
    known=[("retry",), ("cancel",), ("activate_now",)],
)
PREFLIGHTS: Final = metrics.counter("portal_provisioning_preflights", "Preflights of scheduled orders", "result")
CODES_SHOWN: Final = metrics.counter("portal_provisioning_esim_codes_shown", "eSIM codes shown to their owners")


def order_activated(waited: Mapping[WaitingOwner, float]) -> None:
    """Count an order that became active, with the seconds each actor had."""
    ENDS.labels("activated", "").inc()
    for actor, seconds in waited.items():
        WAITED.labels(actor).observe(seconds)
    TO_ACTIVE.observe(sum(seconds for actor, seconds in waited.items() if actor != "schedule"))


def attempt_ended(state: str, code: str | None) -> None:
    """Count an attempt that ended without success."""
    ENDS.labels(state, code or "").inc()
