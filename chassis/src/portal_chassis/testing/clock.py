"""A clock that only a test moves."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from portal_chassis.clocks import TOKYO, Moves

START: Final = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
"""Noon of a working day in Tokyo."""


class ManualClock:
    """Business and machine clock in one. Stands still until advanced."""

    def __init__(self, start: datetime = START) -> None:
        self.moved = Moves()
        self._now = start
        self._seconds = 1000.0

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        return self._now

    def today(self) -> date:
        """Give the date in Tokyo."""
        return self._now.astimezone(TOKYO).date()

    def monotonic(self) -> float:
        """Give seconds that only grow."""
        return self._seconds

    def advance(self, step: timedelta | float) -> None:
        """Move forward; a number is seconds. Raises ValueError for a way back."""
        by = step if isinstance(step, timedelta) else timedelta(seconds=step)
        if by < timedelta():
            raise ValueError("time only goes forward")
        self._now += by
        self._seconds += by.total_seconds()
        self.moved.announce()

    def advance_to(self, moment: datetime) -> None:
        """Move forward to a moment; nothing when it has passed."""
        if moment > self._now:
            self.advance(moment - self._now)
