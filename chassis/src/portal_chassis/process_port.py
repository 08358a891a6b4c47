"""What the process engine needs from a store. Two implementations stand under one test suite."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from portal_chassis.process_model import Effect, JournalEntry, JournalState, ProcessView, Proof, Status

if TYPE_CHECKING:
    from portal_chassis.postgres import Transaction

LEASE: Final = timedelta(seconds=30)
"""How long a silent worker keeps a process unless it is set up otherwise."""


@dataclass(frozen=True, slots=True)
class NewProcess:
    """A process to be started. `state` is JSON."""

    kind: str
    key: str
    step: str
    state: str
    due: datetime
    now: datetime
    traceparent: str | None = None

    @property
    def status(self) -> Status:
        """Running when due, else waiting for its time."""
        return "running" if self.due <= self.now else "waiting"


@dataclass(frozen=True, slots=True)
class Claim:
    """A process this worker alone may run while the lease holds. Every write names the generation and raises it."""

    id: int
    kind: str
    key: str
    step: str
    state: str
    lease: int
    """Stays the same for as long as the worker keeps the process: the number to renew by."""
    generation: int
    attempts: int
    """Runs of this step that did not end well, crashes included."""
    failures: int
    """The same, since anything last went well: the rung of the ladder."""
    failing_since: datetime | None
    crashed: bool
    """Whether the run before this one never ended."""
    failure_code: str | None
    """Set on the way back: what the process failed with."""
    failure_facts: Mapping[str, Any]
    started_at: datetime
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a finished run of a step writes. `state` is JSON; None keeps it as it was."""

    status: Status
    step: str
    due: datetime | None
    now: datetime
    state: str | None = None
    attempts: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    code: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""
    failure_code: str | None = None
    failure_facts: Mapping[str, Any] = field(default_factory=dict)
    keep: bool = False
    """Keep the lease: the next step follows at once."""
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """How the row stands after a change. A wake-up that came meanwhile has moved `step` or `due`."""

    generation: int
    step: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class Load:
    """How many unfinished processes of a kind are in a status, and since when the oldest of them is due."""

    kind: str
    status: Status
    count: int
    oldest_due: datetime | None


def continued(claim: Claim, change: Change, committed: Committed) -> Claim:
    """Give the claim under which the next step runs."""
    return replace(
        claim,
        step=committed.step,
        state=change.state if change.state is not None else claim.state,
        generation=committed.generation,
        attempts=change.attempts,
        failures=change.failures,
        failing_since=change.failing_since,
        crashed=False,
        failure_code=change.failure_code,
        failure_facts=change.failure_facts,
    )


class ProcessStore(Protocol):
    """One row per process. Methods with a transaction take part in it; the others are their own.

    `now` is business time everywhere; leases run on the store's own clock. All may raise StoreUnavailable.
    """

    @property
    def lease(self) -> timedelta:
        """How long a silent worker keeps a process, on the store's own time; renewed at a third."""
        ...

    async def insert(self, transaction: "Transaction", process: NewProcess) -> bool:
        """Create a process; False when its kind and key exist already."""
        ...

    async def wake(
        self, transaction: "Transaction", kind: str, key: str, *, due: datetime, step: str | None, fresh: bool
    ) -> bool:
        """Move the due time of an unfinished process, and its step when given; False when there is none.

        While a step runs, this takes effect when the step has ended. `fresh` starts the ladder again; without it,
        nothing changes while a step runs that has failed before: its ladder says when the next try is.
        """
        ...

    async def reopen(self, transaction: "Transaction", process: NewProcess) -> bool:
        """Start a failed or cancelled process again with a new state; False when there is none."""
        ...

    async def cancel(self, transaction: "Transaction", kind: str, key: str, code: str, now: datetime) -> bool:
        """End an unfinished process and fence off whoever runs it; False when there is none."""
        ...

    async def claim(
        self, kinds: Collection[str], now: datetime, limit: int, *, key: str | None = None
    ) -> Sequence[Claim]:
        """Take due processes that nobody holds, the oldest first; with `key` only the one of that key."""
        ...

    async def renew(self, leases: Mapping[int, int]) -> Collection[int]:
        """Extend leases, given as process id to lease, and give the ids of those that still hold."""
        ...

    async def commit(self, claim: Claim, change: Change) -> Committed:
        """Write the end of a step and its effects in one transaction; raises StaleLease."""
        ...

    async def release(self, claim: Claim) -> None:
        """Give a process back as if it had not been claimed; nothing when it is not ours any more."""
        ...

    async def journal_start(self, claim: Claim, call: str, fingerprint: str, now: datetime) -> int:
        """Commit that an outside call begins and give its number; raises StaleLease."""
        ...

    async def journal_finish(
        self, claim: Claim, entry: int, state: JournalState, external_id: str | None, evidence: Mapping[str, Any]
    ) -> None:
        """Commit how an outside call ended; raises StaleLease."""
        ...

    async def journal(self, process: int, call: str | None = None) -> list[JournalEntry]:
        """Give a process's outside calls, the oldest first."""
        ...

    async def read(self, kind: str, key: str) -> ProcessView | None:
        """Give a process as others see it."""
        ...

    async def reduce(
        self, transaction: "Transaction", kind: str, proof: Proof, *, ended_before: datetime, now: datetime, limit: int
    ) -> int:
        """Reduce finished processes of a kind to their proof, the oldest first and each once, and give how many.

        Passes over what others hold. Unfinished ones stay as they are, however old; one that is opened again is whole.
        """
        ...

    async def load(self) -> list[Load]:
        """Give how much there is to do, for metrics."""
        ...
