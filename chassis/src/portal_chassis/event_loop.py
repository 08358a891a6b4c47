"""How late the event loop runs: what a handler that computes or blocks costs everybody else in the process."""

import asyncio
from time import monotonic
from typing import Final

from portal_chassis.logs import get_logger
from portal_chassis.metrics import gauge

_EVERY_SECONDS: Final = 1.0
_WORTH_A_LINE_SECONDS: Final = 2.0
_FADING: Final = 0.8
"""The worst stays visible until the next scrape, about a quarter of a minute."""

_LAG: Final = gauge("portal_event_loop_lag_seconds", "How late the event loop came round at its worst of late")
_log = get_logger(__name__)


async def measure_lag(every: float = _EVERY_SECONDS) -> None:
    """Sleep and see how much longer it took, for ever."""
    worst = 0.0
    while True:
        begun = monotonic()
        await asyncio.sleep(every)
        late = monotonic() - begun - every
        if late > _WORTH_A_LINE_SECONDS:
            _log.warning("the event loop was blocked", seconds=round(late, 3))
        worst = max(late, worst * _FADING)
        _LAG.set(worst)
