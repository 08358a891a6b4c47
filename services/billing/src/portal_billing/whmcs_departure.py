"""Whether a write may still leave and whether it did, looked at on the line before the socket write (rule 4)."""

from collections.abc import Mapping
from typing import Any, Final

from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline

_BEFORE_FIRST_BYTE: Final = "http11.send_request_headers.started"


class TooLate(Exception):  # noqa: N818 - it says what happened
    """The time to send has passed: the write was abandoned and nothing left."""


class Departure:
    """A trace of httpcore's, called once the connection stands and before the first byte of the request is written.

    Raising here leaves the request unsent. Whatever goes wrong later is unclear.
    """

    def __init__(self, machine: MachineClock, send_by: float | None, deadline: Deadline | None) -> None:
        """Take `send_by` in the machine's monotonic seconds, and the deadline of whoever waits for the answer."""
        self.left = False
        self._machine = machine
        self._send_by = send_by
        self._deadline = deadline

    async def __call__(self, event: str, _details: Mapping[str, Any]) -> None:
        """Take an event of httpcore's; raises TooLate."""
        if event != _BEFORE_FIRST_BYTE:
            return
        if self._send_by is not None and self._machine.monotonic() >= self._send_by:
            raise TooLate
        if self._deadline is not None and self._deadline.passed:
            raise TooLate
        self.left = True
