"""What fulfillment forgets when its time is over (§5.10). Attempts never go: no order is activated twice, however old.

Lines stay until they end, and with them the customer's account.
"""

from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.pruning import Pruning, deleting, older_than, updating
from portal_chassis.settings import ChassisSettings

# What a signal does is decided by the attempts; its row only keeps it from being told twice.
_SIGNALS: Final = """
seen_at < $1 AND NOT EXISTS (SELECT FROM provisioning_attempt a
                             WHERE a.order_id = provisioning_signal.order_id AND a.state = 'open')
"""
# An attempt that failed may be followed by another, which has to know what was there before the request.
_NUMBERS: Final = """
line <> '' AND state IN ('confirmed', 'failed', 'withdrawn')
AND updated_at < clock_timestamp() - make_interval(months => $1)
AND (kind NOT IN ('activate', 'voice_options') OR EXISTS (
    SELECT FROM provisioning_attempt a WHERE a.order_id = sim_operation.order_id AND a.state = 'activated'))
"""
# A change that is done may still wait for its charge.
_CHANGES: Final = """
ended_at < $1 AND NOT EXISTS (SELECT FROM portal_process p WHERE p.kind = 'line_change'
                              AND p.key = line_change.change_id AND p.status NOT IN ('done', 'failed', 'cancelled'))
"""


def forget_what_is_old(pruning: Pruning, clock: BusinessClock, settings: ChassisSettings) -> None:
    """Add the rules. A change with a price is what an invoice refers to."""
    months = settings.retention_event_months
    events, contracts = older_than(clock, months), older_than(clock, settings.retention_contract_years * 12)
    pruning.add("signals", deleting("provisioning_signal", _SIGNALS, events))
    numbers = updating("sim_operation", "line = '', before = '{}'", _NUMBERS, lambda: (months,))
    pruning.add("numbers of operations", numbers)
    free = f"coalesce(price, 0) = 0 AND {_CHANGES}"
    pruning.add("changes of lines", deleting("line_change", free, events), deleting("line_change", _CHANGES, contracts))
