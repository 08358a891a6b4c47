import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

from portal_sandbox.core.clock import Clock

# With a clock that stands still (tests) a moment may never come: looking again must not become a busy loop.
_SHORTEST_SECONDS = 0.001


class Alarm:
    """Rings when business time reaches a moment, whether it flows there or is moved.

    `ring` does what is due by now; `next_due` names the next moment after the given one (seconds since the epoch), or
    None. Waiting is one timer of the running loop, so a loop with virtual time is followed exactly.
    """

    def __init__(self, clock: Clock, next_due: Callable[[float], float | None], ring: Callable[[], None]) -> None:
        self._clock = clock
        self._next_due = next_due
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        clock.on_move(self.ring_and_set)

    def ring_and_set(self) -> None:
        """Does what is due and waits for what comes next."""
        self._ring()
        self.set()

    def set(self) -> None:
        """Waits for the next moment; without a running loop the next move of the clock will do."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        now = self._clock.now().timestamp()
        due_at = self._next_due(now)
        if due_at is not None:
            self._timer = loop.call_later(max(due_at - now, _SHORTEST_SECONDS), self._wake)

    def _wake(self) -> None:
        # The sandbox was stopped meanwhile: its file is closed and whoever opens it next looks first.
        with contextlib.suppress(sqlite3.ProgrammingError):
            self.ring_and_set()
