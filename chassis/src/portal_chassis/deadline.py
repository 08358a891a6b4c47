"""Until when an answer is still wanted (architecture §4, header `Portal-Deadline`).

The time on the wire is absolute, because a relative one cannot see that a message was buffered while its caller gave up
(reference/libraries.md §1.3).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Self

from portal_chassis.machine_time import epoch
from portal_contracts.problems import TryLater

HEADER: Final = "Portal-Deadline"
_LONGEST: Final = 15
"""Digits; enough for the year 33658, and no number that arithmetic chokes on."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """An absolute machine time, UTC, in milliseconds since 1970."""

    at_ms: int

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Give the deadline that many seconds from now."""
        return cls(int((epoch() + seconds) * 1000))

    @classmethod
    def parse(cls, header: str) -> Self:
        """Read a header's value; raises ValueError when it is no plausible whole number of milliseconds."""
        if len(header) > _LONGEST:
            raise ValueError("too long for a time in milliseconds")
        return cls(int(header))

    def remaining(self) -> float:
        """Give the seconds left; negative when it has passed."""
        return self.at_ms / 1000 - epoch()

    @property
    def passed(self) -> bool:
        """Whether nobody waits any more."""
        return epoch() * 1000 >= self.at_ms

    def check(self) -> None:
        """Raise TryLater `DEADLINE_PASSED` when it has passed; call it on the line before a vendor write."""
        if self.passed:
            raise TryLater("DEADLINE_PASSED")

    def capped(self, seconds: float) -> float:
        """Give the smaller of a timeout in seconds and what is left, never below zero."""
        return max(0.0, min(seconds, self.remaining()))


_current: ContextVar[Deadline | None] = ContextVar("portal_deadline", default=None)


def current_deadline() -> Deadline | None:
    """Give the deadline of the message or request this task works for; None in background work."""
    return _current.get()


def set_current_deadline(deadline: Deadline | None) -> None:
    """Set the deadline of this task and of those it starts; for tasks that serve one message and then end."""
    _current.set(deadline)


@contextmanager
def within(deadline: Deadline | None) -> Iterator[None]:
    """Make a deadline the current one for a block; the gateway and the process engine use it."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)
