"""How often one network may call what needs no session (D18): a bucket of a minute's calls that refills steadily."""

from collections import OrderedDict
from ipaddress import IPv6Address
from math import ceil
from typing import Final, Literal

from portal_chassis.clocks import MachineClock
from portal_contracts.problems import TryLater

CallGroup = Literal["catalog", "carts", "account", "machines"]
"""What is counted together: reading; keeping carts; sign-up, log-in and mailed links; other systems' signed calls."""

_FULL: Final = 60.0
"""Seconds in which an empty bucket fills."""
_ROUNDING: Final = 1e-6


class CallRate:
    """The buckets of one group of calls in this instance, at most `at_most` of them.

    A bucket is one number: the monotonic second at which it is full again. The network not seen for longest is
    forgotten first, which only fills its bucket. Everything happens on one event loop, so there is nothing to lock.
    """

    def __init__(self, clock: MachineClock, a_minute: int, *, at_most: int = 10_000) -> None:
        self._clock = clock
        self._pause = _FULL / a_minute
        self._at_most = at_most
        self._full_at: OrderedDict[str | bytes, float] = OrderedDict()

    @property
    def networks(self) -> int:
        """How many are remembered."""
        return len(self._full_at)

    def admit(self, address: str) -> None:
        """Count a call of the address's network; raises TryLater RATE_LIMITED when its bucket is empty."""
        network = network_of(address)
        now = self._clock.monotonic()
        full_at = max(self._full_at.get(network, now), now) + self._pause
        wait = full_at - now - _FULL
        if wait > _ROUNDING:
            self._full_at.move_to_end(network)
            seconds = ceil(wait)
            raise TryLater("RATE_LIMITED", retry_after=seconds, facts={"seconds": seconds})
        self._full_at[network] = full_at
        self._full_at.move_to_end(network)
        if len(self._full_at) > self._at_most:
            self._full_at.popitem(last=False)


def network_of(address: str) -> str | bytes:
    """Give the /64 of an IPv6 address, which is one household's; anything else as it is."""
    return IPv6Address(address).packed[:8] if ":" in address else address
