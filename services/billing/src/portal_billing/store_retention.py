"""What billing forgets when its time is over (§5.10).

Desks, verdicts and charges stay: ids and amounts, by which nothing is made twice in WHMCS. Invoices are WHMCS's, which
keeps them for as long as the law says; here is only their number.
"""

from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.pruning import Pruning, deleting, older_than, updating
from portal_chassis.settings import ChassisSettings

# A later reservation brings its own.
_NUMBERS: Final = """
goal = 'release' AND NOT closing AND asked_at < $1
AND (eid IS NOT NULL OR phone_number IS NOT NULL OR iccid IS NOT NULL)
"""
_LINKS: Final = "asked_at < clock_timestamp() - make_interval(days => $1)"


def forget_what_is_old(
    pruning: Pruning, clock: BusinessClock, settings: ChassisSettings, *, links_kept_days: int
) -> None:
    """Add the rules. Links into WHMCS have a period of their own (D03)."""
    blank = "eid = NULL, phone_number = NULL, iccid = NULL"
    events = older_than(clock, settings.retention_event_months)
    pruning.add("numbers of orders given back", updating("whmcs_order", blank, _NUMBERS, events))
    pruning.add("sign-on links", deleting("sign_on_link", _LINKS, lambda: (links_kept_days,)))
