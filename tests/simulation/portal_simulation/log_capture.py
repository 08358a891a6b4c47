"""The portal's logs during a schedule: nothing is printed, and what nobody expected fails the schedule."""

import sys
import traceback
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

import structlog


class LogCapture:
    """Counts what was said, and keeps what came with a traceback: a defect, whatever the schedule did."""

    def __init__(self) -> None:
        self.said: Counter[str] = Counter()
        self.defects: list[str] = []

    def begin(self) -> None:
        """Listen from now on, to this schedule alone."""
        self.said.clear()
        self.defects.clear()

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Take a line of log."""
        self.said[str(event.get("event", ""))] += 1
        error = event.get("exc_info")
        if error:
            self.defects.append(f"{event['event']}: {_described(error)}")
        raise structlog.DropEvent


def _described(error: Any) -> str:
    if error is True:
        error = sys.exc_info()[1]
    if not isinstance(error, BaseException):
        return repr(error)
    return "".join(traceback.format_exception(error)[-4:]).strip().replace("\n", " | ")


CAPTURE = LogCapture()


def capture_logs() -> None:
    """Send the logs of this process here; for a process that runs nothing but schedules."""
    structlog.configure(
        processors=[CAPTURE],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=False,
    )
