"""What the bus counts: rate, errors and duration per subject, and what an operator must hear about (architecture §10).

Labels are subjects, codes and durables, all closed lists; never an inbox or an id (reference/libraries.md §1.10).
"""

from typing import Final

from portal_chassis.metrics import counter, gauge, histogram

ANSWER_SECONDS: Final = histogram("portal_bus_answer_seconds", "Time to answer a request, with its waiting", "subject")
ANSWER_PROBLEMS: Final = counter("portal_bus_answer_problems", "Requests answered with a problem", "subject", "code")
ASK_SECONDS: Final = histogram("portal_bus_ask_seconds", "Time until a request of ours was answered", "subject")
ASK_PROBLEMS: Final = counter("portal_bus_ask_problems", "Requests of ours that ended in a problem", "subject", "code")
EVENTS_TAKEN: Final = counter("portal_bus_events_taken", "Events whose effect was committed", "subject")
EVENTS_REPEATED: Final = counter("portal_bus_events_repeated", "Deliveries the inbox had seen before", "subject")
EVENTS_BURIED: Final = counter("portal_bus_events_buried", "Events that became dead letters", "subject")
CONSUMER_PRESENT: Final = gauge("portal_bus_consumer_present", "1 while the durable answers", "durable")
CONSUMER_STOPPED: Final = gauge(
    "portal_bus_consumer_stopped", "1 while our set-up keeps events from being taken", "durable"
)
CONSUMER_PENDING: Final = gauge("portal_bus_consumer_pending", "Events waiting for the durable", "durable")
OUTBOX_PUBLISHED: Final = counter("portal_outbox_published", "Events published from the outbox")
OUTBOX_OLDEST: Final = gauge("portal_outbox_oldest_seconds", "Age of the oldest event not yet published")
VIOLATIONS: Final = counter("portal_bus_permission_violations", "Calls of ours the bus denied")
CONNECTED: Final = gauge("portal_bus_connected", "1 while connected to NATS")
