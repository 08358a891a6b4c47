"""What support forgets when its time is over (§5.10): times are the database's own, which also wrote them.

What a case is about stays with its customer's account: ids alone.
"""

from datetime import timedelta
from typing import Final

from portal_chassis.pruning import Pruning, deleting
from portal_chassis.settings import ChassisSettings

WRITES_KEPT: Final = timedelta(days=30)
"""How long a repeat of a customer's command is recognised, as in the chassis's `idempotency`."""


def forget_what_is_old(pruning: Pruning, settings: ChassisSettings) -> None:
    """Add the rules: writes nobody repeats any more, and what was told of cases."""
    writes, news = "begun_at < clock_timestamp() - $1::interval", "told_at < now() - make_interval(months => $1)"
    months = settings.retention_event_months
    pruning.add("writes of cases", deleting("case_write", writes, lambda: (WRITES_KEPT,)))
    pruning.add("news of cases", deleting("case_news", news, lambda: (months,)))
