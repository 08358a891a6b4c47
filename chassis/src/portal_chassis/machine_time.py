"""Where machine time comes from: the machine, or a simulation that lets weeks pass in a second.

Deadlines, clocks and breakers ask here and nowhere else. `SystemMachineClock` is this as an injected clock.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class TimeSource(Protocol):
    """A machine's time."""

    def epoch(self) -> float:
        """Give seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Give seconds that only grow."""
        ...


class _Machine:
    epoch = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


_source: TimeSource = _Machine()


def epoch() -> float:
    """Give seconds since 1970, UTC."""
    return _source.epoch()


def monotonic() -> float:
    """Give seconds that only grow, for measuring how long something took."""
    return _source.monotonic()


@contextmanager
def machine_time_from(source: TimeSource) -> Iterator[None]:
    """Take machine time from elsewhere for a block: for a simulation that owns the whole process."""
    global _source  # noqa: PLW0603 - one process, one time; whoever asks must not have to be told
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
