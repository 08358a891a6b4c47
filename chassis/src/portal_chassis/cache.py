"""A read-through cache in Redis in front of slow vendors. Nothing in it is needed for correctness (architecture §5).

Every value carries the generation tokens under which its load began: one of its owner (a customer, say), one of its
own name. Invalidating replaces a token, so a load that was under way meanwhile stores a value that is never served
(reference/libraries.md §5). Tokens are random: a counter could come back after an eviction. Redis down: live reads.
"""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from pydantic import SecretStr

from portal_chassis import metrics
from portal_chassis.logs import get_logger
from portal_chassis.machine_time import epoch, monotonic
from portal_contracts.problems import Refused, TryLater

if TYPE_CHECKING:
    from redis.asyncio import Redis

LINGER_SECONDS: Final = 0.1
"""How long a finished load stays to be shared by readers that had looked before it was stored."""
REDIS_SECONDS: Final = 0.25
"""Longest wait for Redis; its own defaults would be several seconds."""
AWAY_SECONDS: Final = 1.0
"""How long Redis is left alone after it did not answer."""
CONNECTIONS: Final = 32
"""Connections of one process to Redis."""
TOKEN_LIFE: Final = timedelta(days=2)
RETRY_SECONDS: Final = (2, 5)
"""When a reader whose patience ended is sent back for what its load will have brought; not all at the same moment."""
LATE: Final = 3
"""After so many readers in a row that waited in vain a vendor counts as slow."""
LOOK_SECONDS: Final = 0.05
"""How often a reader whose patience is over looks whether the vendor still keeps up."""
HASTE: Final = 0.25
"""The share of its patience that a reader spends on a slow vendor: waiting longer would bring nothing more."""
_HEAD: Final = 8

_log = get_logger(__name__)

Load = Callable[[], Awaitable[bytes]]
_Place = tuple[str, str, bytes, float]
"""Owner, name, token, and the time of the old value that is being replaced: what makes two loads the same."""


class CacheUnavailable(TryLater):
    """Redis did not answer, so an invalidation did not happen. A consumer lets its event be delivered again."""

    def __init__(self) -> None:
        super().__init__("SERVICE_UNAVAILABLE")


@dataclass(frozen=True, slots=True)
class CacheResult:
    """A value and its age; not fresh means that it is beyond its time to live and the vendor could not be asked."""

    body: bytes
    age: timedelta
    fresh: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a reader waits for a load, and the TryLater code for one that has nothing else to show.

    The load goes on without its readers: what it brings is there for the next (reference/reliability.md (d)1). After
    `LATE` readers in vain the others wait less, by `code`, until a load is quick enough again.

    While the vendor `keeps_up`, answering each call within that many seconds, a reader waits for the turn of its load
    beyond `seconds`, for `at_most` so many: a crowd is no reason to send everybody away.
    """

    seconds: float
    code: str
    at_most: float = 0.0
    keeps_up: Callable[[float], bool] = lambda _seconds: False


class Cache:
    """One per process. `owner` groups what is invalidated together; `name` is one value of that owner."""

    def __init__(self, url: str | SecretStr | None, *, prefix: str, patience: float = REDIS_SECONDS) -> None:
        """Take a Redis URL, or None for live reads only; `prefix` is the service's name.

        `patience` is how many seconds one question to Redis may take before it counts as away.
        """
        self._prefix = f"portal:{prefix}"
        self._redis: Redis | None = None
        self._away_until = 0.0
        self._flights: dict[_Place, asyncio.Task[bytes]] = {}
        self._running: set[asyncio.Task[bytes]] = set()
        self._owed: set[str] = set()
        self._late: Counter[str] = Counter()
        if url is not None:
            self._redis = _connect(url.get_secret_value() if isinstance(url, SecretStr) else url, patience)

    async def close(self) -> None:
        """End the loads that are under way and close the connections."""
        running = tuple(self._running)
        for flight in running:
            flight.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._redis is not None:
            await self._redis.aclose()

    async def read_through(
        self,
        owner: str,
        name: str,
        ttl: timedelta,
        load: Load,
        *,
        stale_for: timedelta = timedelta(),
        patience: Patience | None = None,
    ) -> CacheResult:
        """Give the value of `name`, loading it at most once at a time in this process.

        When loading raises TryLater, or takes longer than `patience`, a value not older than `ttl + stale_for` is given
        instead, marked as not fresh.
        """
        token, found = await self._look(owner, name)
        age = timedelta(seconds=epoch() - found[0]) if found is not None else None
        if found is not None and age is not None and age <= ttl:
            metrics.CACHE_READS.labels(self._prefix, "hit").inc()
            return CacheResult(found[1], max(age, timedelta()), fresh=True)
        try:
            place = (owner, name, token, found[0] if found is not None else 0.0)
            body = await self._load_once(place, ttl + stale_for, load, patience)
        except TryLater:
            if found is None or age is None or age > ttl + stale_for:
                raise
            metrics.CACHE_READS.labels(self._prefix, "stale").inc()
            return CacheResult(found[1], age, fresh=False)
        metrics.CACHE_READS.labels(self._prefix, "miss" if token else "live").inc()
        return CacheResult(body, timedelta(), fresh=True)

    async def invalidate(self, owner: str, *names: str) -> None:
        """Make values of an owner unfit, all of them or the named ones, loads under way included.

        Raises CacheUnavailable when Redis does not answer, even during the pause in which reads leave it alone.
        """
        keys = self._part(owner, names)
        if self._redis is None:
            return
        try:
            await self._renew(self._redis, keys)
        except _failures() as error:
            raise CacheUnavailable from error

    async def forget(self, owner: str, *names: str) -> None:
        """Do the same for whoever has changed something already and must not fail because of a cache; never raises.

        What Redis does not hear now it is told before this process reads from it again. Until then other processes may
        give the old value, for its time to live at most.
        """
        keys = self._part(owner, names)
        if self._redis is None:
            return
        try:
            await self._renew(self._redis, keys)
        except _failures() as error:
            self._owed.update(keys)
            self._leave_alone(error)

    def _part(self, owner: str, names: tuple[str, ...]) -> list[str]:
        """Part new readers from loads that began before now, and give the keys of the tokens to renew."""
        for place in [place for place in self._flights if place[0] == owner and (not names or place[1] in names)]:
            del self._flights[place]
        return [self._token_key(owner, name) for name in names] or [self._token_key(owner)]

    @staticmethod
    async def _renew(redis: "Redis", keys: Iterable[str]) -> None:
        async with redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.set(key, secrets.token_bytes(_HEAD), ex=TOKEN_LIFE)
            await pipeline.execute()

    async def _look(self, owner: str, name: str) -> tuple[bytes, tuple[float, bytes] | None]:
        """Give the current token and the value stored under it with its time; an empty token means no Redis."""
        redis = self._redis
        if redis is None or monotonic() < self._away_until:
            return b"", None
        keys = (self._token_key(owner), self._token_key(owner, name), self._value_key(owner, name))
        try:
            if self._owed:
                owed = frozenset(self._owed)
                await self._renew(redis, owed)
                self._owed -= owed
            answer = cast("list[bytes | None]", await redis.mget(keys))
            owner_token, name_token, stored = answer
            if owner_token is None or name_token is None:
                owner_token, name_token = await self._new_tokens(redis, owner, name)
        except _failures() as error:
            self._leave_alone(error)
            return b"", None
        token = owner_token + name_token
        if stored is None or not stored.startswith(token):
            return token, None
        end = len(token) + _HEAD
        return token, (int.from_bytes(stored[len(token) : end], "big") / 1000, stored[end:])

    async def _new_tokens(self, redis: "Redis", owner: str, name: str) -> tuple[bytes, bytes]:
        """Create the tokens that are missing; whoever was first wins."""
        keys = (self._token_key(owner), self._token_key(owner, name))
        async with redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.set(key, secrets.token_bytes(_HEAD), ex=TOKEN_LIFE, nx=True)
            pipeline.mget(keys)
            tokens = (await pipeline.execute())[-1]
        return tokens[0] or b"", tokens[1] or b""

    async def _load_once(self, place: "_Place", keep: timedelta, load: Load, patience: Patience | None) -> bytes:
        """Load, or wait for the same load of somebody else in this process; a caller that goes away does not end it.

        Raises TryLater when the caller's patience ends first.
        """
        owner, name, token, _ = place
        flight = self._flights.get(place)
        if flight is None:
            noting = self._noting(load, patience)
            flight = asyncio.create_task(self._load(owner, name, token, keep, noting), name=f"cache {owner} {name}")
            self._flights[place] = flight
            self._running.add(flight)  # also once an invalidation has parted it from new readers
            flight.add_done_callback(self._running.discard)
            flight.add_done_callback(lambda done: self._landed(place, done))
        if not await self._landed_in_time(flight, patience) and patience is not None:
            self._late[patience.code] += 1
            metrics.CACHE_READS.labels(self._prefix, "late").inc()
            raise TryLater(patience.code, retry_after=random.randint(*RETRY_SECONDS))  # noqa: S311 - spreads load only
        return flight.result()

    async def _landed_in_time(self, flight: "asyncio.Task[bytes]", patience: Patience | None) -> bool:
        begun = monotonic()
        seconds = self._wait_for(patience)
        landed, _ = await asyncio.wait({flight}, timeout=seconds)
        while patience is not None and not landed:
            left = begun + patience.at_most - monotonic()
            if left <= 0 or not patience.keeps_up(patience.seconds):
                return False
            landed, _ = await asyncio.wait({flight}, timeout=min(left, LOOK_SECONDS))
        return True

    def _wait_for(self, patience: Patience | None) -> float | None:
        if patience is None:
            return None
        return patience.seconds * (HASTE if self._late[patience.code] >= LATE else 1)

    def _noting(self, load: Load, patience: Patience | None) -> Load:
        """Give a load that notes when the vendor answers soon enough to be worth waiting for again."""
        if patience is None:
            return load

        async def noted() -> bytes:
            begun = monotonic()
            try:
                body = await load()
            except Refused:
                self._note(patience, begun)
                raise
            self._note(patience, begun)
            return body

        return noted

    def _note(self, patience: Patience, begun: float) -> None:
        if monotonic() - begun <= patience.seconds:
            self._late[patience.code] = 0

    def _landed(self, place: "_Place", flight: "asyncio.Task[bytes]") -> None:
        token = place[2]
        if token and not flight.cancelled() and flight.exception() is None:
            # A reader that looked just before this load was stored finds it here. An invalidation changes the token.
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._take_down, place, flight)
            return
        self._take_down(place, flight)
        if not flight.cancelled():
            flight.exception()  # seen, also when every caller has gone away

    def _take_down(self, place: "_Place", flight: "asyncio.Task[bytes]") -> None:
        if self._flights.get(place) is flight:
            del self._flights[place]

    async def _load(self, owner: str, name: str, token: bytes, keep: timedelta, load: Load) -> bytes:
        now = epoch()
        body = await load()
        if token and self._redis is not None:
            value = token + int(now * 1000).to_bytes(_HEAD, "big") + body
            try:
                await self._redis.set(self._value_key(owner, name), value, px=max(keep, timedelta(milliseconds=1)))
            except _failures() as error:
                self._leave_alone(error)
        return body

    def _leave_alone(self, error: Exception) -> None:
        if monotonic() >= self._away_until:
            _log.warning("the cache is away; reading live", error=type(error).__name__)
        self._away_until = monotonic() + AWAY_SECONDS

    def _token_key(self, owner: str, name: str = "") -> str:
        return f"{self._prefix}:token:{owner}:{name}"

    def _value_key(self, owner: str, name: str) -> str:
        return f"{self._prefix}:value:{owner}:{name}"


def _connect(url: str, patience: float) -> "Redis":
    from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415 - 240 ms that only a cache pays
    from redis.asyncio.retry import Retry  # noqa: PLC0415 - the same
    from redis.backoff import NoBackoff  # noqa: PLC0415 - the same

    # Who finds all connections busy waits for one: a pool that refuses would make a rush of readers look like no Redis.
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=patience,
        socket_timeout=patience,
        socket_connect_timeout=patience,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


def _failures() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError  # noqa: PLC0415 - loaded by then

    return (RedisError, OSError)
