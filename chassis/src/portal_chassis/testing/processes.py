"""Process engines on virtual time, and workers that die where a test wants them to."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import Any, Final, NoReturn, cast

from portal_chassis.postgres import Database
from portal_chassis.process_engine import ProcessEngine
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.process_model import ProcessDefinition
from portal_chassis.process_port import ProcessStore
from portal_chassis.pruning import Pruning
from portal_chassis.retention import keep_processes
from portal_chassis.testing.clock import ManualClock

LEASE_SECONDS: Final = 31
"""After this the lease of a worker that died has run out."""


class WorkerKilled(BaseException):
    """Stands for kill -9: no `except Exception` of the worker sees it, and nothing more of it is written."""


class MortalStore:
    """A worker's view of a store that dies with its n-th write, just before or just after that write took effect.

    Use it for one engine only: `engine(DEFINITION, clock=clock, store=MortalStore(store, dies_at=3))`. Every write from
    then on raises WorkerKilled. `died` tells whether the worker got that far.
    """

    def __init__(self, store: InMemoryProcessStore, *, dies_at: int, after_effect: bool = False) -> None:
        self._store = store
        self._left = dies_at
        self._after_effect = after_effect
        self.died = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in {"claim", "commit", "release", "renew", "journal_start", "journal_finish"}:
            return found
        return self._mortal(found)

    def _mortal(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(write)
        async def maybe(*arguments: Any, **named: Any) -> Any:
            if self.died:
                raise WorkerKilled
            self._left -= 1
            if self._left > 0:
                return await write(*arguments, **named)
            self.died = True
            if self._after_effect:
                await write(*arguments, **named)
            raise WorkerKilled

        return maybe


def engine(
    *definitions: ProcessDefinition[Any],
    clock: ManualClock | None = None,
    store: InMemoryProcessStore | MortalStore | None = None,
) -> ProcessEngine:
    """Build an engine in memory: drive it with `run_until_idle()`, then `clock.advance(…)`, and again.

    Several engines on one store are several workers.
    """
    clock = clock or ManualClock()
    built = ProcessEngine(cast("ProcessStore", store or InMemoryProcessStore(clock)), clock, clock)
    for definition in definitions:
        built.register(definition)
    return built


async def run_to_rest(
    worker: ProcessEngine,
    clock: ManualClock,
    store: InMemoryProcessStore,
    *,
    within: timedelta = timedelta(days=30),
) -> None:
    """Run what is due and move the clock to whatever is due next, until nothing happens by itself any more.

    Raises AssertionError when that takes longer than `within`, as it does for a process that blocks for ever.
    """
    end = clock.now() + within
    while True:
        await worker.run_until_idle()
        due = store.next_due()
        if due is None:
            return
        assert due <= end, f"not at rest within {within}"  # noqa: S101 - it speaks to a test
        held_for = store.held_for()
        clock.advance_to(due)
        if held_for is not None and due <= clock.now():
            clock.advance(held_for)


class MortalDesk(ABC):
    """A test's desk whose worker may be killed, at a write of its store or at an effect of its vendor."""

    mortal: MortalStore
    """The store's view of the worker that works now."""

    @abstractmethod
    def new_worker(self) -> None:
        """Put a worker to the desk, with a mortal store of its own."""

    def revive(self) -> bool:
        """Put another worker in the place of one that was killed; say whether there was one."""
        if self.mortal.died:
            self.new_worker()
            return True
        return False

    def kill(self) -> NoReturn:
        """End the worker here and now, as kill -9 would."""
        self.mortal.died = True
        raise WorkerKilled


async def work_for(
    by: timedelta,
    clock: ManualClock,
    store: InMemoryProcessStore,
    worker: Callable[[], ProcessEngine],
    revive: Callable[[], bool] = lambda: False,
) -> None:
    """Let workers do what is due within a time, in its order; afterwards that time has passed.

    `worker` gives the one that works now. `revive` puts another in the place of one that was killed and says whether it
    did: then the dead worker's lease runs out first.
    """
    end = clock.now() + by
    while True:
        with suppress(WorkerKilled):
            await worker().run_until_idle()
        if revive():
            clock.advance(LEASE_SECONDS)
            continue
        due = store.next_due()
        if due is None or due > end:
            break
        clock.advance_to(due)
    clock.advance_to(max(end, clock.now()))


async def grow_old(worker: ProcessEngine, clock: ManualClock, store: InMemoryProcessStore) -> None:
    """Let two years pass in which nobody looks, then reduce what had ended before them to its proof (§5.10)."""
    clock.advance(timedelta(days=730))
    pruning = Pruning(cast("Database", store.database))
    keep_processes(pruning, store, worker, clock, days=400)
    await pruning.round()
