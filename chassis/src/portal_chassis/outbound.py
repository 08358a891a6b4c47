"""Every call to a foreign system goes through here: bounded, timed, refused while hopeless, seen.

Order: limiter, deadline, circuit breaker, then span and metric around the call itself. Retries are not made here: reads
may be repeated by the adapter as long as `may_repeat` says so, writes only by a process step through its journal.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from portal_chassis import metrics
from portal_chassis.circuit_breaker import CircuitBreaker
from portal_chassis.clocks import MachineClock, SystemMachineClock
from portal_chassis.deadline import current_deadline
from portal_chassis.telemetry import CLIENT, Span, Value, span
from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater

REPEATS_A_CALL: Final = 0.1
"""How many repeats each call earns: a vendor in trouble gets a tenth more work at most (reliability.md (d)1)."""
MOST_REPEATS: Final = 10.0
"""Repeats that may be saved up, so that a lone failure is always worth another try."""
KEPT_FOR_WRITES: Final = 0
"""Idle connections kept for calls that may not be made twice: a kept one may be closed by the other side just as a
request leaves, and that would be an unclear outcome for nothing."""
LEAST_RETRY_SECONDS: Final = 2
MOST_RETRY_SECONDS: Final = 30


class OutboundCall:
    """One call under way."""

    def __init__(self, opened: Span) -> None:
        self._span = opened
        self.word: str | None = None

    def outcome(self, word: str) -> None:
        """Say in a short word from a closed list how it went, for metric and span, such as `not_found`."""
        self.word = word
        self._span.set("portal.outcome", word)

    def set(self, name: str, value: Value) -> None:
        """Add a fact to the span; never a secret, never personal data."""
        self._span.set(name, value)


class Outbound:
    """The way out to one foreign system, shared by everything in the process that talks to it for the same purpose."""

    def __init__(
        self,
        vendor: str,
        *,
        at_once: int,
        purpose: str = "",
        waiting: int = 64,
        longest_wait: float = 0.5,
        code: str | None = None,
        clock: MachineClock | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        """At most `at_once` calls run; `waiting` more wait up to `longest_wait` seconds for their turn.

        `purpose` tells the bulkheads of one vendor apart in metrics. `code` is the TryLater to raise otherwise; by
        default `<VENDOR>_UNAVAILABLE`.
        """
        self.vendor = vendor
        self._purpose = purpose
        self._code = code or f"{vendor.upper()}_UNAVAILABLE"
        self._slots = asyncio.Semaphore(at_once)
        self._repeats = MOST_REPEATS
        self._waiting = 0
        self._most_waiting = waiting
        self._longest_wait = longest_wait
        self._clock = clock or SystemMachineClock()
        self._under_way: dict[OutboundCall, float] = {}
        self._last_seconds = 0.0
        self.breaker = breaker or CircuitBreaker(self._clock)
        self._unavailable(1)  # fails here, at start, when the catalogue does not know the code

    @asynccontextmanager
    async def call(self, name: str, *, timeout: float) -> AsyncIterator[OutboundCall]:  # noqa: ASYNC109 - it is cut by the deadline
        """Make one call in the block. `timeout` is seconds for the block, less when the current deadline is nearer.

        Raises TryLater without entering when there is no room, the breaker is open or the deadline has passed, and
        TimeoutError when the block took too long: whether the other side did something is then unknown.
        """
        await self._take_slot()
        try:
            seconds = self._seconds(timeout)
            pause = self.breaker.allow()
            if pause:
                raise self._unavailable(pause)
            probe = self.breaker.is_open
            self._repeats = min(MOST_REPEATS, self._repeats + REPEATS_A_CALL)
            async with self._observed(name, probe=probe) as call, asyncio.timeout(seconds):
                yield call
        finally:
            self._slots.release()

    def may_repeat(self) -> bool:
        """Whether a read that failed may be tried again; counts that it is."""
        if self._repeats < 1:
            return False
        self._repeats -= 1
        return True

    def keeps_up(self, seconds: float) -> bool:
        """Whether the vendor answers within `seconds`: the last call that ended did, the oldest under way still may.

        Who waits in vain then waits for its turn, not for the vendor. A failure is no answer.
        """
        oldest = next(iter(self._under_way.values()), None)
        return self._last_seconds <= seconds and (oldest is None or self._clock.monotonic() - oldest <= seconds)

    async def _take_slot(self) -> None:
        if self._slots.locked():
            if self._waiting >= self._most_waiting:
                raise self._unavailable(self._longest_wait)
            deadline = current_deadline()
            longest = self._longest_wait if deadline is None else deadline.capped(self._longest_wait)
            self._waiting += 1
            metrics.VENDOR_WAITING.labels(self.vendor, self._purpose).set(self._waiting)
            try:
                async with asyncio.timeout(longest):
                    await self._slots.acquire()
            except TimeoutError:
                raise self._unavailable(self._longest_wait) from None
            finally:
                self._waiting -= 1
                metrics.VENDOR_WAITING.labels(self.vendor, self._purpose).set(self._waiting)
        else:
            await self._slots.acquire()

    @staticmethod
    def _seconds(timeout: float) -> float:
        deadline = current_deadline()
        if deadline is None:
            return timeout
        deadline.check()
        return deadline.capped(timeout)

    @asynccontextmanager
    async def _observed(self, name: str, *, probe: bool) -> AsyncIterator[OutboundCall]:
        """Tell breaker, span and metric how the call ended."""
        started = self._clock.monotonic()
        word = "ok"
        with span(f"{self.vendor} {name}", CLIENT, {"peer.service": self.vendor, "rpc.method": name}) as opened:
            call = OutboundCall(opened)
            self._under_way[call] = started
            answered = True
            try:
                yield call
                self.breaker.succeeded(probe=probe)
            except (Refused, Misconfigured) as problem:
                self.breaker.succeeded(probe=probe)  # they are up: they answered
                word = problem.code
                raise
            except (asyncio.CancelledError, GeneratorExit):
                self.breaker.abandoned(probe=probe)
                word = "abandoned"
                raise
            except BaseException as error:
                answered = False
                self.breaker.failed(probe=probe)
                word = error.code if isinstance(error, PortalProblem) else type(error).__name__
                raise
            finally:
                took = self._clock.monotonic() - self._under_way.pop(call)
                self._last_seconds = took if answered else math.inf
                metrics.VENDOR_CIRCUIT.labels(self.vendor, self._purpose).set(self.breaker.is_open)
                metrics.VENDOR_CALLS.labels(self.vendor, name, call.word or word).inc()
                metrics.VENDOR_SECONDS.labels(self.vendor, name).observe(took)

    def _unavailable(self, seconds: float) -> TryLater:
        """Ask to come back a little later, not everybody at the same moment."""
        after = max(LEAST_RETRY_SECONDS, math.ceil(seconds * random.uniform(1.0, 2.0)))  # noqa: S311 - spreads load only
        return TryLater(self._code, retry_after=min(after, MOST_RETRY_SECONDS))
