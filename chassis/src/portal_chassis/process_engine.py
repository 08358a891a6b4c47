"""Runs durable processes: claims what is due, runs one step, commits, goes on (architecture §5).

Workers do not know of one another; the store decides who has a process. Whatever a worker does after it lost its lease
is refused by the store, and its task is cancelled as soon as it notices.
"""

import asyncio
import contextvars
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from portal_chassis import metrics
from portal_chassis.clocks import BusinessClock, MachineClock, SystemMachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.logs import about, get_logger
from portal_chassis.postgres import StoreUnavailable, Transaction
from portal_chassis.process_gauges import OBSERVE_SECONDS, observe
from portal_chassis.process_ladder import change_after, change_for, change_retry
from portal_chassis.process_leases import Held, Leases
from portal_chassis.process_model import NeedsHuman, ProcessDefinition, ProcessView, S, StaleLease, Step
from portal_chassis.process_port import Change, Claim, Committed, NewProcess, ProcessStore, continued
from portal_chassis.process_run import Run
from portal_chassis.telemetry import CONSUMER, continue_from, current_traceparent, link_to, span
from portal_contracts.problems import Misconfigured, PortalProblem

POLL_SECONDS: Final = 1.0
STUCK_SECONDS: Final = 60.0
"""Looking for due processes takes seconds at most, also when the database does not answer; longer is a defect."""
_FORMER_SECONDS: Final = 5.0
_CRASHES_BEFORE_PAUSE: Final = 2
"""After the first crash the survivor goes on at once; one that keeps killing its workers climbs the ladder."""

_log = get_logger(__name__)


@dataclass
class _Registered:
    definition: ProcessDefinition[Any]
    steps: dict[str, Step[Any]] = field(default_factory=dict)


class ProcessEngine:
    """One per service. `wire` registers definitions; the chassis runs it and stops it."""

    def __init__(
        self,
        store: ProcessStore,
        clock: BusinessClock,
        machine: MachineClock | None = None,
        *,
        at_once: int = 32,
        poll_seconds: float = POLL_SECONDS,
        observe_seconds: float = OBSERVE_SECONDS,
    ) -> None:
        """`at_once` bounds how many processes this worker runs at the same time; `observe_seconds` paces its gauges."""
        self._store = store
        self._clock = clock
        self._machine = machine or SystemMachineClock()
        self._at_once = at_once
        self._poll_seconds = poll_seconds
        self._observe_seconds = observe_seconds
        self._kinds: dict[str, _Registered] = {}
        self._leases = Leases(store, self._machine)
        self._due = asyncio.Event()
        self._stopping = False
        self._away = False
        self._turned_at = self._machine.monotonic()
        self._context = contextvars.copy_context()
        clock.moved.subscribe(self.nudge)

    def register(self, definition: ProcessDefinition[S]) -> None:
        """Make a kind of process known. Workers only claim kinds they know."""
        if definition.kind in self._kinds:
            raise ValueError(f"{definition.kind} is registered twice")
        self._kinds[definition.kind] = _Registered(definition, {step.name: step for step in definition.steps})

    @property
    def definitions(self) -> Collection[ProcessDefinition[Any]]:
        """The registered kinds as they were defined."""
        return [one.definition for one in self._kinds.values()]

    @property
    def kinds(self) -> Collection[str]:
        """The kinds that are registered."""
        return self._kinds.keys()

    async def start(
        self,
        transaction: Transaction,
        kind: str,
        key: str,
        state: BaseModel,
        *,
        due: datetime | None = None,
        traceparent: str | None = None,
        inline: bool = False,
    ) -> bool:
        """Start a process at its first step, when the transaction commits; False when (kind, key) exists already.

        `inline` says that the caller goes on with `run_inline` at once, so that no worker here is woken to race it.
        """
        created = await self._store.insert(transaction, self._new(kind, key, state, due, traceparent))
        if created and not inline:
            transaction.after_commit(self.nudge)
        return created

    async def wake(
        self, transaction: Transaction, kind: str, key: str, *, step: str | None = None, patient: bool = False
    ) -> bool:
        """Make a waiting, blocked or parked process due now, at the named step if given; False when none is unfinished.

        The ladder starts again, because whoever wakes it knows that something has changed. A wake-up during a step
        counts for the moment after it. `patient` is for those who only ask how far it is: the ladder goes on, and a
        step that keeps failing and is being tried just now is not tried once more for them.
        """
        self._check_step(kind, step)
        found = await self._store.wake(transaction, kind, key, due=self._clock.now(), step=step, fresh=not patient)
        if found:
            transaction.after_commit(self.nudge)
        return found

    async def reschedule(self, transaction: Transaction, kind: str, key: str, due: datetime) -> bool:
        """Give a waiting process another due time; False when none is unfinished."""
        found = await self._store.wake(transaction, kind, key, due=due, step=None, fresh=False)
        if found:
            transaction.after_commit(self.nudge)
        return found

    async def reopen(self, transaction: Transaction, kind: str, key: str, state: BaseModel, step: str) -> bool:
        """Start a failed or cancelled process again, at a step and with a new state; False when there is none."""
        self._check_step(kind, step)
        process = replace(self._new(kind, key, state, None, None), step=step)
        reopened = await self._store.reopen(transaction, process)
        if reopened:
            transaction.after_commit(self.nudge)
        return reopened

    async def cancel(self, transaction: Transaction, kind: str, key: str, code: str) -> bool:
        """End an unfinished process; whoever runs a step of it can write nothing more. False when there is none.

        What an outside call under way did stays done: look into the journal before cancelling past a pivot.
        """
        return await self._store.cancel(transaction, kind, key, code, self._clock.now())

    async def read(self, kind: str, key: str) -> ProcessView | None:
        """Give a process as others see it; None when there is none."""
        return await self._store.read(kind, key)

    async def run_inline(self, kind: str, key: str, *, until: Deadline) -> ProcessView:
        """Run steps now until the process waits, blocks or ends, or time is up, and give how it stands then.

        A step that is under way when time is up goes on in the background. Raises LookupError for an unknown process.
        """
        pause = 0.002
        while True:
            for claim in await self._store.claim([kind], self._clock.now(), 1, key=key):
                self._launch(claim, current_traceparent())
            held = self._leases.find(kind, key)
            if held is not None and held.task is not None:
                await asyncio.wait({held.task}, timeout=max(0.0, until.remaining()))
            view = await self._store.read(kind, key)
            if view is None:
                raise LookupError(f"there is no {kind} {key}")
            if view.status != "running" or until.passed:
                return view
            if held is None:  # another worker has it
                await asyncio.sleep(min(pause, max(0.0, until.remaining())))
                pause = min(pause * 2, 0.1)

    async def run_until_idle(self) -> None:
        """Run everything that is due now, and what that makes due, until nothing is: for tests on virtual time."""
        while True:
            free = self._free
            for claim in await self._store.claim(self.kinds, self._clock.now(), free) if free else ():
                self._launch(claim)
            tasks = self._leases.tasks
            if not tasks:
                return
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    async def run(self) -> None:
        """Claim and run what is due until `stop`. A database that is away is asked again each second."""
        observing = asyncio.create_task(
            observe(self._store, self._clock, self.kinds, self._observe_seconds), name="process metrics"
        )
        try:
            while not self._stopping:
                self._turned_at = self._machine.monotonic()
                self._due.clear()
                if not await self._claim_some():
                    try:
                        async with asyncio.timeout(self._poll_seconds):
                            await self._due.wait()
                    except TimeoutError:
                        continue
        finally:
            observing.cancel()

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Claim no more, let running steps end for a while, then cancel them and give their processes back."""
        self._stopping = True
        self._due.set()
        tasks = self._leases.tasks
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=2)

    def turns(self) -> bool:
        """Liveness: whether due processes have been looked for in the last minute, with or without a database."""
        return self._stopping or self._machine.monotonic() - self._turned_at < STUCK_SECONDS

    def nudge(self) -> None:
        """Look for due processes now instead of at the next poll."""
        self._due.set()

    @property
    def _free(self) -> int:
        """How many more processes fit; callers that run theirs inline may have taken more places than there are."""
        return max(0, self._at_once - len(self._leases))

    async def _claim_some(self) -> bool:
        """Claim as much as fits; True when there may be more."""
        free = self._free
        if not free or not self._kinds:
            return False
        try:
            claims = await self._store.claim(self.kinds, self._clock.now(), free)
        except (StoreUnavailable, TimeoutError):
            if not self._away:
                self._away = True
                _log.warning("the process store is away")
            return False
        self._away = False
        for claim in claims:
            self._launch(claim)
        return len(claims) == free

    def _launch(self, claim: Claim, parent: str | None = None) -> None:
        held, former = self._leases.take(claim)
        # A fresh context: the deadline and actor of whoever happened to start it are not the process's.
        held.task = asyncio.create_task(
            self._drive(held, parent, former),
            name=f"process {claim.kind} {claim.key}",
            context=self._context.copy(),
        )
        held.task.add_done_callback(_seen)
        self._leases.keep_renewing(self._context.copy())

    async def _drive(self, held: Held, parent: str | None, former: "asyncio.Task[None] | None") -> None:
        """Run steps back to back until the process parks, ends or is lost."""
        claim = held.claim
        if former is not None:
            await asyncio.wait({former}, timeout=_FORMER_SECONDS)
        links = () if parent is not None else link_to(claim.traceparent)
        attributes = {"portal.process.kind": claim.kind, "portal.process.key": claim.key}
        try:
            with continue_from(parent), span(f"process {claim.kind}", CONSUMER, attributes, links):
                while await self._step(held):
                    pass
        except StaleLease:
            metrics.PROCESS_STALE.labels(claim.kind).inc()
            _log.warning("a process was taken over or cancelled", kind=claim.kind, key=claim.key, step=held.claim.step)
        except asyncio.CancelledError:
            if not held.lost:
                await self._give_back(held)
        except Exception:  # noqa: BLE001 - the next line says why
            # Not written: the lease runs out, and the next worker counts this as a crash.
            _log.exception("the end of a step was not committed", kind=claim.kind, key=claim.key, step=held.claim.step)
        finally:
            self._leases.drop(held)
            self._due.set()

    async def _step(self, held: Held) -> bool:
        """Run one step and commit what became of it; True when the next one follows at once."""
        claim = held.claim
        started = self._machine.monotonic()
        change = await self._run(held)
        before = self._machine.monotonic()
        held.committing = True
        try:
            committed = await self._store.commit(claim, change)
        except (StaleLease, StoreUnavailable):
            raise
        except Exception as error:  # whatever an effect raises
            if not change.effects:
                raise
            change = self._after(claim, error)  # an effect raised: the step has failed, and nothing of it is kept
            committed = await self._store.commit(claim, change)
        metrics.PROCESS_STEPS.labels(claim.kind, claim.step, change.status).inc()
        metrics.PROCESS_STEP_SECONDS.labels(claim.kind, claim.step).observe(before - started)
        tell = _log.debug if change.status == "waiting" and change.code is None else _log.info  # polls are too many
        code = {"code": change.code} if change.code is not None else {}
        tell("a step ended", status=change.status, attempt=claim.attempts + 1, **code)
        if not change.keep:
            self._tell(claim, change, committed)
            return False
        held.renewed_at = before
        held.committing = False
        held.claim = continued(claim, change, committed)
        return True

    async def _run(self, held: Held) -> Change:
        """Run the action of the current step and give what it writes."""
        claim = held.claim
        if claim.crashed and claim.failures >= _CRASHES_BEFORE_PAUSE:
            return change_retry(claim, self._clock.now(), "INTERNAL_ERROR", timedelta(), failures=claim.failures)
        registered = self._kinds[claim.kind]
        definition = registered.definition
        step = registered.steps.get(claim.step)
        try:
            state = definition.state.model_validate_json(claim.state)
        except ValidationError:
            state = None
        if step is None or state is None:
            what = "step" if step is None else "state"
            outcome = NeedsHuman("INTERNAL_ERROR", {"unknown": what, "step": claim.step})
            return change_for(definition, claim, outcome, claim.state, self._clock.now(), go_on=False)
        about(state, kind=claim.kind, key=claim.key, step=claim.step)
        run: Run[Any] = Run(claim, state, self._clock, self._store, lambda: self._leases.holds(held))
        try:
            with span(f"{claim.kind} {claim.step}"):
                async with asyncio.timeout(step.limit.total_seconds()):
                    ended = await step.action(run)
            written = run.state.model_dump_json()
            return change_for(definition, claim, ended, written, self._clock.now(), go_on=not self._stopping)
        except StaleLease:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled us: the step awaited something that was. That is the step's failure.
            return self._after(claim, RuntimeError("something the step waited for was cancelled"))
        except Exception as error:  # noqa: BLE001 - whatever a step raises decides what happens next
            return self._after(claim, error)

    def _after(self, claim: Claim, error: Exception) -> Change:
        facts = {"kind": claim.kind, "key": claim.key, "step": claim.step, "attempt": claim.attempts + 1}
        if isinstance(error, Misconfigured):
            _log.error("a process is blocked by our set-up", alert=True, problem=str(error), **facts)
        elif isinstance(error, PortalProblem):
            _log.info("a step met a problem", problem=str(error), **facts)
        else:
            _log.error("a step raised", exc_info=error, **facts)
        return change_after(self._kinds[claim.kind].definition, claim, error, self._clock.now())

    def _tell(self, claim: Claim, change: Change, committed: Committed) -> None:
        if change.status in {"needs_human", "failed"}:
            _log.warning(
                "a process needs a person" if change.status == "needs_human" else "a process failed",
                kind=claim.kind,
                key=claim.key,
                step=claim.step,
                code=change.code,
            )
        if committed.due is not None:
            seconds = (committed.due - self._clock.now()).total_seconds()
            if seconds < self._poll_seconds:  # sooner than the next poll would find it
                asyncio.get_running_loop().call_later(max(0.0, seconds), self.nudge)

    async def _give_back(self, held: Held) -> None:
        try:
            async with asyncio.timeout(1):
                await self._store.release(held.claim)
        except (StoreUnavailable, TimeoutError):
            _log.info("a process was not given back; its lease will run out", kind=held.claim.kind, key=held.claim.key)

    def _new(self, kind: str, key: str, state: BaseModel, due: datetime | None, traceparent: str | None) -> NewProcess:
        definition = self._kinds[kind].definition
        if not isinstance(state, definition.state):
            raise TypeError(f"{kind} starts with a {definition.state.__name__}, not a {type(state).__name__}")
        now = self._clock.now()
        return NewProcess(
            kind=kind,
            key=key,
            step=definition.steps[0].name,
            state=state.model_dump_json(),
            due=due or now,
            now=now,
            traceparent=traceparent or current_traceparent(),
        )

    def _check_step(self, kind: str, step: str | None) -> None:
        if step is not None and step not in self._kinds[kind].steps:
            raise ValueError(f"{kind} has no step {step}")


def _seen(task: "asyncio.Task[None]") -> None:
    """Take note of how a run ended; only something like an interrupt gets past `_drive`, and that is told elsewhere."""
    if not task.cancelled():
        task.exception()
