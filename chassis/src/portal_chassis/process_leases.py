"""What one worker holds: leases renewed at a third of their time, and runs cancelled once their lease is lost."""

import asyncio
import contextvars
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import StoreUnavailable
from portal_chassis.process_port import Claim, ProcessStore

_log = get_logger(__name__)


@dataclass(eq=False)
class Held:
    """A process this worker runs now."""

    claim: Claim
    renewed_at: float
    """Monotonic seconds, taken before the store was asked."""
    task: "asyncio.Task[None] | None" = None
    lost: bool = False
    committing: bool = False
    """The step is over: what is left is one fenced write, which may wait for the server without harm."""

    def lose(self) -> None:
        """Cancel the run: its process may be somebody else's by now."""
        self.lost = True
        if self.task is not None:
            self.task.cancel()


class Leases:
    """The processes of one worker, by id."""

    def __init__(self, store: ProcessStore, clock: MachineClock) -> None:
        self._store = store
        self._clock = clock
        self._seconds = store.lease.total_seconds()
        self._held: dict[int, Held] = {}
        self._renewing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held.values()))

    @property
    def tasks(self) -> "list[asyncio.Task[None]]":
        """The runs under way."""
        return [held.task for held in self._held.values() if held.task is not None]

    def take(self, claim: Claim) -> tuple[Held, "asyncio.Task[None] | None"]:
        """Hold a claim. Also gives the run that held the same process before, cancelled, when it was this worker's.

        That happens when this worker lost its lease and was the first to claim again.
        """
        former = self._held.get(claim.id)
        if former is not None:
            former.lose()
        held = self._held[claim.id] = Held(claim, self._clock.monotonic())
        return held, former.task if former is not None else None

    def drop(self, held: Held) -> None:
        """Hold it no longer."""
        if self._held.get(held.claim.id) is held:
            del self._held[held.claim.id]

    def find(self, kind: str, key: str) -> Held | None:
        """Give what is held of a process."""
        return next((held for held in self if (held.claim.kind, held.claim.key) == (kind, key)), None)

    def holds(self, held: Held) -> bool:
        """Whether the lease cannot have run out yet, by this machine's clock."""
        return not held.lost and self._clock.monotonic() - held.renewed_at < self._seconds

    def keep_renewing(self, context: contextvars.Context) -> None:
        """Renew in the background for as long as anything is held."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_while_held(), name="process leases", context=context)

    async def _renew_while_held(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / 3)
            if not self._held:
                return
            try:
                await self.renew()
            except Exception:  # noqa: BLE001 - without renewals this worker would lose everything it holds
                _log.exception("leases could not be renewed")

    async def renew(self) -> None:
        """Renew everything once, and cancel what turns out to be lost or has been silent for too long."""
        before = self._clock.monotonic()
        asked = {id_: held.claim.lease for id_, held in self._held.items()}
        kept: Collection[int] | None
        try:
            kept = await self._store.renew(asked)
        except (StoreUnavailable, TimeoutError):
            kept = None
        for id_, lease in asked.items():
            held = self._held.get(id_)
            if held is None or held.claim.lease != lease or held.committing:
                continue
            if kept is not None and id_ in kept:
                held.renewed_at = before
            elif kept is not None or not self.holds(held):
                held.lose()
