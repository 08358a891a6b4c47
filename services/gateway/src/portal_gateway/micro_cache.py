"""Replies kept for seconds in this instance: whose they are, how long, and which events end them (R236, R253).

One cache for all queries that declare a policy. A load that an invalidation overtakes is not kept; many who miss at
once cause one ask; a lost bus connection empties everything, since invalidations may have been missed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from portal_chassis.clocks import MachineClock
from portal_chassis.metrics import CACHE_READS
from portal_contracts.message import Event
from portal_gateway.ports import Asks

AT_MOST_BYTES: Final = 32 * 1024 * 1024
_OWNER: Final = "gateway"


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How a query's reply may be kept. `actor`: only for the user it was made for."""

    scope: Literal["public", "actor"]
    seconds: float
    invalidated_by: tuple[type[Event], ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A reply, its ETag, and until when (monotonic seconds) it may be used."""

    body: bytes
    etag: bytes
    until: float


Key = tuple[str, str, bytes]
"""Operation, user id or nothing, and the message."""


def etag_of(body: bytes) -> bytes:
    """Give a strong ETag of exactly these bytes."""
    return b'"' + sha256(body).hexdigest()[:32].encode() + b'"'


class MicroCache:
    """Bounded by bytes; the oldest reply goes first."""

    def __init__(self, clock: MachineClock, *, enabled: bool = True, at_most_bytes: int = AT_MOST_BYTES) -> None:
        self._clock = clock
        self._enabled = enabled
        self._at_most_bytes = at_most_bytes
        self._kept: dict[Key, Kept] = {}
        self._bytes = 0
        self._loading: dict[Key, asyncio.Task[Kept]] = {}
        self._generations: dict[str, int] = {}
        self._hits = CACHE_READS.labels(_OWNER, "hit")
        self._misses = CACHE_READS.labels(_OWNER, "miss")

    def register(self, bus: Asks, policies: dict[str, CachePolicy]) -> None:
        """Watch what invalidates the replies of each operation."""
        by_event: dict[type[Event], list[str]] = {}
        for operation, policy in policies.items():
            for event in policy.invalidated_by:
                by_event.setdefault(event, []).append(operation)
        for event, operations in by_event.items():
            bus.watches(event)(self._watcher(operations))
        bus.on_reconnect(self.clear)

    async def read(
        self, operation: str, user: str, message: bytes, policy: CachePolicy, load: Callable[[], Awaitable[bytes]]
    ) -> Kept:
        """Give the kept reply or load it; `user` is empty for a public one. Raises what `load` raises."""
        if not self._enabled or policy.seconds <= 0:
            body = await load()
            return Kept(body, etag_of(body), 0.0)
        key = (operation, user, message)
        kept = self._kept.get(key)
        if kept is not None and self._clock.monotonic() < kept.until:
            self._hits.inc()
            return kept
        self._misses.inc()
        loading = self._loading.get(key)
        if loading is None:
            loading = asyncio.create_task(self._load(key, policy, load))
            self._loading[key] = loading
            loading.add_done_callback(lambda done: self._loaded(key, done))
        return await asyncio.shield(loading)

    async def clear(self) -> None:
        """Drop everything, and what is being loaded."""
        self._kept.clear()
        self._bytes = 0
        self._loading.clear()
        for operation in self._generations:
            self._generations[operation] += 1

    def invalidate(self, operation: str) -> None:
        """Drop the replies of an operation; what is being loaded now is given to who waits and not kept."""
        self._generations[operation] = self._generations.get(operation, 0) + 1
        for key in [key for key in self._kept if key[0] == operation]:
            self._drop(key)
        for key in [key for key in self._loading if key[0] == operation]:
            del self._loading[key]

    def _watcher(self, operations: list[str]) -> Callable[[Event], Awaitable[None]]:
        async def invalidated(_: Event) -> None:
            for operation in operations:
                self.invalidate(operation)

        return invalidated

    async def _load(self, key: Key, policy: CachePolicy, load: Callable[[], Awaitable[bytes]]) -> Kept:
        generation = self._generations.setdefault(key[0], 0)
        body = await load()
        kept = Kept(body, etag_of(body), self._clock.monotonic() + policy.seconds)
        if generation == self._generations[key[0]]:
            self._keep(key, kept)
        return kept

    def _loaded(self, key: Key, task: "asyncio.Task[Kept]") -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; if all of them left, nobody needs it

    def _keep(self, key: Key, kept: Kept) -> None:
        self._drop(key)
        self._kept[key] = kept
        self._bytes += len(kept.body)
        while self._bytes > self._at_most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.body)
