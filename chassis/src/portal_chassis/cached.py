"""One kind of cached value as a row of a table: its type, its time to live, and what serves while the vendor is away.

    INVOICES = CachedKind(service.cache, "invoices", TypeAdapter(list[Invoice]), timedelta(seconds=90))
    found = await INVOICES.read(str(client_id), load)

Whose value it is stands in the key (R236); the cache's rules are in `cache`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from portal_chassis.cache import Cache, Patience
from portal_chassis.machine_time import epoch

T = TypeVar("T")
FRESH: Final = timedelta(seconds=3)
"""How old a value for a reader who wants it fresh may be: who asks all the time does not reach the vendor each time."""


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """A value, and when it was read if it is past its time: None for one that is fresh."""

    value: T
    as_of: datetime | None = None


class CachedKind(Generic[T]):
    """A kind of value of one cache."""

    def __init__(
        self,
        cache: Cache,
        name: str,
        kept_as: TypeAdapter[T],
        ttl: timedelta,
        *,
        stale_for: timedelta = timedelta(),
        patience: Patience | None = None,
        fresh: timedelta = FRESH,
    ) -> None:
        """A value serves for `ttl`, and for `stale_for` longer while loading fails or outlasts `patience`.

        Who wants it fresh gets none that is older than `fresh`.
        """
        self._cache = cache
        self._name = name
        self._kept_as = kept_as
        self._ttl = ttl
        self._stale_for = stale_for
        self._patience = patience
        self._fresh = min(ttl, fresh)

    async def read(
        self,
        owner: str,
        load: Callable[[], Awaitable[T]],
        *,
        key: str = "",
        fresh: bool = False,
        patient: bool = False,
    ) -> Dated[T]:
        """Give an owner's value, the one of `key` where there are many; a `patient` reader waits out the load.

        Raises what `load` raises; only TryLater may be answered with a copy that is past its time.
        """
        name = f"{self._name}:{key}" if key else self._name
        ttl = self._fresh if fresh else self._ttl
        patience = None if patient else self._patience
        try:
            return await self._read(owner, name, load, ttl, patience)
        except ValidationError:  # another version of this program has stored it
            await self._cache.forget(owner, name)
            return await self._read(owner, name, load, ttl, patience)

    async def _read(
        self, owner: str, name: str, load: Callable[[], Awaitable[T]], ttl: timedelta, patience: Patience | None
    ) -> Dated[T]:
        async def encoded() -> bytes:
            return self._kept_as.dump_json(await load())

        stale_for = self._ttl - ttl + self._stale_for  # a fresh read is kept as long as any other
        result = await self._cache.read_through(owner, name, ttl, encoded, stale_for=stale_for, patience=patience)
        read_at = None if result.fresh else datetime.fromtimestamp(epoch(), UTC) - result.age
        return Dated(self._kept_as.validate_json(result.body), read_at)
