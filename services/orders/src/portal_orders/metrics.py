"""What orders measures (R013). Gauges are read from the database, so every instance shows the same."""

from typing import Final

from portal_chassis.metrics import counter, gauge, histogram

_HOURS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 24.0, 48.0, 72.0, 168.0)

SIGNALS: Final = counter(
    "portal_orders_signals",
    "Signals to look at an order, by source and what became of them",
    "source",
    "outcome",
)
REVIEW_SECONDS: Final = histogram(
    "portal_orders_review_seconds",
    "From an order's placing to its approval: staff's part of the time to activate",
    buckets=tuple(hours * 3600 for hours in _HOURS),
)
REVIEW_OLDEST: Final = gauge(
    "portal_orders_review_oldest_seconds",
    "How much business time the oldest order pending review has been waiting (R130)",
)
REVIEW_WAITING: Final = gauge("portal_orders_review_waiting", "Orders pending review")
PRICE_MISMATCHES: Final = counter(
    "portal_orders_price_mismatches",
    "Prices that differ between Salesforce and WHMCS, by where it showed",
    "found_by",
    known=[("reading",), ("provisioning",)],
)
DIFFERENCES: Final = gauge("portal_orders_differences", "Open differences between the systems (D14)", "kind")
COMPARED_AT: Final = gauge(
    "portal_orders_comparison_ended_timestamp_seconds", "When the last whole comparison of the systems ended"
)
DEADLINES_MISSED: Final = counter(
    "portal_orders_deadlines_missed",
    "Reviews and eligibility checks that staff did not finish in time (R130, R131, R191, R192)",
    "what",
    known=[("review_standard",), ("review_priority",), ("eligibility_standard",), ("eligibility_express",)],
)
