"""What a step gets: its process's state, the clock, and the journal through which it speaks to the outside."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.process_model import JournalEntry, JournalState, S, StaleLease
from portal_chassis.process_port import Claim, ProcessStore
from portal_contracts.problems import Refused

_log = get_logger(__name__)


@dataclass(slots=True)
class Intent:
    """An outside call under way. What is set here is kept in the journal: ids and facts, never secrets."""

    fingerprint: str
    external_id: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the process is on the way back."""

    code: str
    facts: Mapping[str, Any]


class Run(Generic[S]):
    """One run of one step. `state` is a copy: what the step changes is committed with its outcome, or not at all."""

    def __init__(
        self, claim: Claim, state: S, clock: BusinessClock, store: ProcessStore, holds: Callable[[], bool]
    ) -> None:
        self.kind = claim.kind
        self.key = claim.key
        self.step = claim.step
        self.state = state
        self.attempt = claim.attempts + 1
        """1 at first; crashes count."""
        self.generation = claim.generation
        """Grows with every write of the process: a caller that was taken over has a smaller one."""
        self.crashed = claim.crashed
        """Whether the run before this one never ended, so that the journal may hold a `started` of its."""
        self.started_at: datetime = claim.started_at
        self.clock = clock
        self.failure = Failure(claim.failure_code, claim.failure_facts) if claim.failure_code is not None else None
        """Set on the way back, after a refusal."""
        self.traceparent = claim.traceparent
        self._claim = claim
        self._store = store
        self._holds = holds

    @asynccontextmanager
    async def outside(self, call: str, *, fingerprint: str) -> AsyncIterator[Intent]:
        """Journal an outside call: committed as `started` before the block, then as what became of it.

        The block's end means succeeded and Refused means failed (they said no); anything else leaves it unknown,
        because the call may have had its effect. The exception goes on. Raises StaleLease instead of starting when this
        run has been taken over.
        """
        entry = await self._store.journal_start(self._claim, call, fingerprint, self.clock.now())
        if not self._holds():
            raise StaleLease  # this process slept since its last renewal: somebody else may be at work
        intent = Intent(fingerprint)
        try:
            yield intent
        except Refused as problem:
            intent.evidence.setdefault("code", problem.code)
            await self._finish(entry, "failed", intent)
            raise
        except BaseException as error:
            intent.evidence.setdefault("error", type(error).__name__)
            try:
                await self._finish(entry, "unknown", intent)
            except Exception as lost:  # noqa: BLE001 - `started` says the same, and the first error is the one to tell
                _log.warning("the end of a call was not journalled", call=call, error=type(lost).__name__)
            raise
        else:
            await self._finish(entry, "succeeded", intent)

    async def _finish(self, entry: int, state: JournalState, intent: Intent) -> None:
        await self._store.journal_finish(self._claim, entry, state, intent.external_id, intent.evidence)

    async def journal(self, call: str | None = None) -> list[JournalEntry]:
        """Give this process's outside calls so far, or those of one name, the oldest first."""
        return await self._store.journal(self._claim.id, call)
