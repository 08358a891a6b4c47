"""Stops calling a foreign system that keeps failing, and lets exactly one call find out whether it is back.

Written here because the libraries tried let all callers through at once when half open (reference/libraries.md §6).
Time-outs count as failures; a caller that goes away counts as nothing.
"""

from collections import deque
from typing import Final

from portal_chassis.clocks import MachineClock, SystemMachineClock

WINDOW_SECONDS: Final = 30.0
LEAST_CALLS: Final = 20
FAILING_SHARE: Final = 0.5
PROBE_SECONDS: Final = 5.0


class CircuitBreaker:
    """Opens when half of at least twenty calls of the last thirty seconds failed; probes once in five seconds."""

    def __init__(
        self,
        clock: MachineClock | None = None,
        *,
        window: float = WINDOW_SECONDS,
        least: int = LEAST_CALLS,
        share: float = FAILING_SHARE,
        probe: float = PROBE_SECONDS,
    ) -> None:
        """`window` and `probe` are seconds, `share` is between 0 and 1."""
        self._clock = clock or SystemMachineClock()
        self._window = window
        self._least = least
        self._share = share
        self._probe = probe
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused, except for the probe."""
        return self._opened_at is not None

    def allow(self) -> float:
        """Ask to make a call: 0.0 means go, else the seconds until asking again makes sense.

        Whoever was let go must end with `succeeded`, `failed` or `abandoned`. Who is let go while it `is_open` is the
        probe and says so: calls that began before it opened decide nothing any more.
        """
        if self._opened_at is None:
            return 0.0
        left = self._opened_at + self._probe - self._clock.monotonic()
        if left > 0:
            return left
        if self._probing:
            return self._probe
        self._probing = True
        return 0.0

    def succeeded(self, *, probe: bool = False) -> None:
        """The foreign system answered, if only to refuse."""
        if probe:
            self._close()
        self._remember(failed=False)

    def failed(self, *, probe: bool = False) -> None:
        """The foreign system did not answer, or not sensibly."""
        if probe:
            self._probing = False
            self._opened_at = self._clock.monotonic()
            return
        self._remember(failed=True)
        enough = len(self._calls) >= self._least and self._failures >= self._share * len(self._calls)
        if enough and self._opened_at is None:
            self._opened_at = self._clock.monotonic()

    def abandoned(self, *, probe: bool = False) -> None:
        """The caller went away before anybody could tell; the next one may probe."""
        if probe:
            self._probing = False

    def _close(self) -> None:
        self._opened_at = None
        self._probing = False
        self._calls.clear()
        self._failures = 0

    def _remember(self, *, failed: bool) -> None:
        now = self._clock.monotonic()
        self._calls.append((now, failed))
        self._failures += failed
        while self._calls and self._calls[0][0] < now - self._window:
            self._failures -= self._calls.popleft()[1]
