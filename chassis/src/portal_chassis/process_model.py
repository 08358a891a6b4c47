"""What a durable process is made of: steps, outcomes, its journal, and how others see it (architecture §5)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel

from portal_contracts.problems import Fact

if TYPE_CHECKING:
    from portal_chassis.postgres import Transaction
    from portal_chassis.process_run import Run

Status = Literal["running", "waiting", "blocked", "needs_human", "done", "failed", "cancelled"]
TERMINAL: Final[frozenset[Status]] = frozenset({"done", "failed", "cancelled"})
JournalState = Literal["started", "succeeded", "failed", "unknown"]

RECHECK: Final = timedelta(minutes=15)
"""How often a blocked process looks again by itself."""

S = TypeVar("S", bound=BaseModel)
Effect = Callable[["Transaction"], Awaitable[None]]
"""Something local that happens in the transaction that commits an outcome: record an event, write a projection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended. The effects commit together with it, or neither does."""

    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Next(Outcome):
    """Go on at once: with the named step, else with the following one. After the last step the process is done."""

    step: str | None = None


@dataclass(frozen=True, slots=True)
class Done(Outcome):
    """The process has reached its goal. Terminal."""


@dataclass(frozen=True, slots=True)
class Wait(Outcome):
    """Run the same step again later: polling, quiet periods, schedules. Counts as no attempt.

    Exactly one of `after` and `until` (business time) is given.
    """

    after: timedelta | None = None
    until: datetime | None = None
    because: str = ""

    def __post_init__(self) -> None:
        if (self.after is None) == (self.until is None):
            raise ValueError("a Wait takes either `after` or `until`")


@dataclass(frozen=True, slots=True)
class Block(Outcome):
    """Somebody else has to do something. Looked at again after `recheck` and whenever woken; never terminal.

    `step` names where to look again, when that is not the same step. `facts` fill the code's texts.
    """

    code: str
    recheck: timedelta = RECHECK
    step: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fail(Outcome):
    """The process will not reach its goal. Terminal; only `reopen` starts it again."""

    code: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NeedsHuman(Outcome):
    """A person has to decide. Parked until woken; with `recheck` the step also looks again by itself.

    `evidence` is what the person needs to see: ids and facts, no personal data, no secrets.
    """

    code: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    recheck: timedelta | None = None
    step: str | None = None


@dataclass(frozen=True)
class Step(Generic[S]):
    """One named thing to do. The name stands in the database: renaming it strands the processes that wait at it.

    `limit` is the longest one run of the action may take before it is cancelled and counts as failed.
    """

    name: str
    action: "Callable[[Run[S]], Awaitable[Outcome]]"
    limit: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Proof:
    """What stays of a finished process when its time is over: what keeps it from happening again, and nothing personal.

    Kind, key, status, step, code and times always stay, so that it can never be started twice. `state` names the fields
    of its state that its readers still need. `calls` names journalled calls whose entries stay, because a process that
    failed may be opened again and must see what it has done: state, fingerprint, external id, and of their evidence
    what `evidence` names. Everything else goes.
    """

    state: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProcessDefinition(Generic[S]):
    """A process as a list one can read. `kind` and step names stand in the database.

    When a step raises Refused, the process goes on at the step `on_failure` names (the way back), else it fails.
    On the way back a second refusal needs a human: what could not be undone must not be forgotten.

    `proof` is what stays of a finished one after PORTAL_RETENTION_PROCESS_DAYS (§5.10); None when the service forgets
    its processes of this kind itself.
    """

    kind: str
    state: type[S]
    steps: tuple[Step[S], ...]
    on_failure: str | None = None
    proof: Proof | None = Proof()

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"{self.kind} needs steps with distinct names")
        if self.on_failure is not None and self.on_failure not in names:
            raise ValueError(f"{self.kind} has no step {self.on_failure}")

    def find(self, name: str) -> Step[S] | None:
        """Give the step of that name."""
        return next((step for step in self.steps if step.name == name), None)

    def following(self, name: str) -> str | None:
        """Give the name of the step after the named one; None after the last."""
        names = [step.name for step in self.steps]
        index = names.index(name) + 1
        return names[index] if index < len(names) else None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One outside call of a process. `started` means: we do not know yet, and perhaps never will, how it ended."""

    id: int
    step: str
    call: str
    state: JournalState
    fingerprint: str
    external_id: str | None
    evidence: Mapping[str, Any]
    attempt: int
    generation: int
    at: datetime
    """Business time at which it was started."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A process as others see it."""

    kind: str
    key: str
    status: Status
    step: str
    state: dict[str, Any]
    code: str | None
    facts: Mapping[str, Any]
    because: str
    due_at: datetime | None
    attempts: int
    started_at: datetime
    updated_at: datetime
    traceparent: str | None
    """Trace of whoever started it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status in TERMINAL


class StaleLease(Exception):  # noqa: N818 - it says what happened
    """Somebody else has taken this process over, or it was cancelled: nothing more may be written by this run."""
