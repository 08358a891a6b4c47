"""What orders forgets when its time is over (§5.10): what happened after months, what contracts refer to after years.

Orders themselves stay with their customer's account: they are what the account is about. Numbers of timelines and taken
opportunities stay as well: a timeline never counts anew, and no opportunity gets a second order.
"""

from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.pruning import Pruning, deleting, older_than
from portal_chassis.settings import ChassisSettings

# The timeline of an order that is not over stays whole, however long that takes.
_ENTRIES: Final = """
at < $1 AND EXISTS (SELECT FROM customer_order o
                    WHERE o.order_id = order_timeline.order_id AND o.state IN ('completed', 'cancelled'))
"""
# Its key was free again long before: an expired one counts as new (C16).
_CHECKOUTS: Final = "expires_at < $1 AND state <> 'working'"
_CLAIMS: Final = "released_at < clock_timestamp() - make_interval(months => $1)"
_CANCELLATIONS: Final = """
effective_at < $1 AND state IN ('withdrawn', 'completed')
AND NOT EXISTS (SELECT FROM portal_process p WHERE p.kind = 'cancellation' AND p.key = cancellation.cancellation_id
                AND p.status NOT IN ('done', 'failed', 'cancelled'))
"""


def forget_what_is_old(pruning: Pruning, clock: BusinessClock, settings: ChassisSettings) -> None:
    """Add the rules."""
    months = settings.retention_event_months
    events, contracts = older_than(clock, months), older_than(clock, settings.retention_contract_years * 12)
    pruning.add("timeline entries", deleting("order_timeline", _ENTRIES, events))
    pruning.add("settled checkouts", deleting("checkout", _CHECKOUTS, events))
    pruning.add("released claims", deleting("internet_claim", _CLAIMS, lambda: (months,)))
    pruning.add("closed differences", deleting("system_difference", "closed_at < $1", events))
    pruning.add("ended cancellations", deleting("cancellation", _CANCELLATIONS, contracts))
