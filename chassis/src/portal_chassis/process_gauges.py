"""Keeps the metrics of open processes up to date: how many, in which status, and how late the oldest is."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from portal_chassis import metrics
from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import StoreUnavailable
from portal_chassis.process_port import ProcessStore

OBSERVE_SECONDS: Final = 15.0


async def observe(
    store: ProcessStore, clock: BusinessClock, kinds: Collection[str], every: float = OBSERVE_SECONDS
) -> None:
    """Look once in so many seconds, for ever."""
    seen: set[tuple[str, str]] = set()
    while True:
        with suppress(StoreUnavailable, TimeoutError):  # the gauges keep what they last knew; readiness says why
            await _look(store, clock, kinds, seen)
        await asyncio.sleep(every)


async def _look(store: ProcessStore, clock: BusinessClock, kinds: Collection[str], seen: set[tuple[str, str]]) -> None:
    loads = await store.load()
    for kind, status in seen - {(load.kind, load.status) for load in loads}:
        metrics.PROCESSES.labels(kind, status).set(0)
    late: dict[str, float] = dict.fromkeys(kinds, 0.0)
    for load in loads:
        seen.add((load.kind, load.status))
        metrics.PROCESSES.labels(load.kind, load.status).set(load.count)
        if load.oldest_due is not None:
            late[load.kind] = max(late.get(load.kind, 0.0), (clock.now() - load.oldest_due).total_seconds())
    for kind, seconds in late.items():
        metrics.PROCESS_OLDEST_DUE.labels(kind).set(seconds)
