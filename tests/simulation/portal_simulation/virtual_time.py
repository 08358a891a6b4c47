"""An event loop whose time jumps: when nothing is ready it is at once the moment of the next timer.

It has no selector and no self-pipe, so nothing in it can wait for a socket or a thread; handles run in the order in
which they became due, so the same start gives the same run.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

START: Final = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
"""Noon of a working day in Tokyo: when every schedule begins."""


class NothingLeftToWaitFor(RuntimeError):  # noqa: N818 - it says what happened
    """Something waits and no timer is left that could end it: in reality it would hang for ever."""


class _Jump:
    """Stands where a loop has its selector: instead of sleeping it moves the time."""

    def __init__(self, loop: "VirtualTimeLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Let so many seconds pass."""
        if timeout is None:
            raise NothingLeftToWaitFor
        if timeout > 0:
            self._loop.jump(timeout)
        return []

    def close(self) -> None:
        """Nothing is open."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Runs everything that is ready, then jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._clock_resolution = 1e-6
        self._selector = _Jump(self)
        self.failures: list[dict[str, Any]] = []
        """What nobody caught."""
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        """Give the virtual seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is nobody to wake: everything runs in one thread."""


class VirtualTime:
    """The machine clock of everything in a schedule, and the source of the chassis's machine time."""

    def __init__(self) -> None:
        self._loop: VirtualTimeLoop | None = None

    def follow(self, loop: VirtualTimeLoop) -> None:
        """Take time from this loop from now on."""
        self._loop = loop

    def monotonic(self) -> float:
        """Give seconds that only grow."""
        return 1000.0 + (self._loop.time() if self._loop is not None else 0.0)

    def epoch(self) -> float:
        """Give seconds since 1970."""
        return START.timestamp() + (self._loop.time() if self._loop is not None else 0.0)

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        return START + timedelta(seconds=self._loop.time() if self._loop is not None else 0.0)
