"""What a step's end writes: for each outcome, and for each kind of exception, with the ladder of retries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from portal_chassis.process_model import (
    RECHECK,
    Block,
    Done,
    Fail,
    NeedsHuman,
    Next,
    Outcome,
    ProcessDefinition,
    Status,
    Wait,
)
from portal_chassis.process_port import Change, Claim
from portal_contracts.problems import Misconfigured, Refused, TryLater

LADDER: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
)
GIVE_UP: Final = timedelta(hours=72)
"""How long a step may fail without pause before a person has to look."""


def change_for(  # noqa: PLR0911 - one return per outcome reads best
    definition: ProcessDefinition[Any], claim: Claim, outcome: Outcome, state: str, now: datetime, *, go_on: bool
) -> Change:
    """Give what an outcome writes. With `go_on` the lease is kept for the step that follows at once."""
    base = _Base(claim, state, now, outcome)
    match outcome:
        case Next(step=step):
            following = step if step is not None else definition.following(claim.step)
            if following is None:
                return base.change("done", claim.step, None)
            if definition.find(following) is None:
                raise ValueError(f"{definition.kind} has no step {following}")
            return base.change("running", following, now, keep=go_on)
        case Done():
            return base.change("done", claim.step, None)
        case Wait(after=after, until=until, because=because):
            later = until if until is not None else now + (after or timedelta())
            return base.change("waiting", claim.step, later, attempts=claim.attempts, because=because)
        case Block(code=code, recheck=recheck, step=step, facts=facts):
            return base.change("blocked", step or claim.step, now + recheck, code=code, facts=dict(facts))
        case NeedsHuman(code=code, evidence=evidence, recheck=recheck, step=step):
            due = now + recheck if recheck is not None else None
            return base.change("needs_human", step or claim.step, due, code=code, facts=dict(evidence))
        case Fail(code=code, facts=facts):
            return base.change("failed", claim.step, None, code=code, facts=dict(facts))
        case _:
            raise TypeError(f"{definition.kind} {claim.step} ended with {outcome!r}, which is no outcome")


def change_after(definition: ProcessDefinition[Any], claim: Claim, error: Exception, now: datetime) -> Change:
    """Give what an exception of a step writes. The state stays as it was before the step."""
    base = _Base(claim, None, now, Outcome())
    match error:
        case Refused():
            facts = {**error.facts, "step": claim.step}
            if definition.on_failure is None:
                return base.change("failed", claim.step, None, code=error.code, facts=facts)
            if claim.failure_code is not None:
                return base.change("needs_human", claim.step, None, code=error.code, facts=facts)
            return base.change(
                "running", definition.on_failure, now, code=error.code, facts=facts, failure=(error.code, facts)
            )
        case Misconfigured():
            return base.change(
                "blocked",
                claim.step,
                now + RECHECK,
                code=error.code,
                facts=dict(error.facts),
                attempts=claim.attempts + 1,
            )
        case TryLater():
            after = timedelta(seconds=error.retry_after) if error.retry_after is not None else timedelta()
            return change_retry(claim, now, error.code, after, failures=claim.failures + 1)
        case _:
            return change_retry(claim, now, "INTERNAL_ERROR", timedelta(), failures=claim.failures + 1)


def change_retry(claim: Claim, now: datetime, code: str, after: timedelta, *, failures: int) -> Change:
    """Give what one more failed attempt writes: the ladder's next rung, or a person after three days."""
    since = claim.failing_since or now
    base = _Base(claim, None, now, Outcome())
    attempts = claim.attempts + failures - claim.failures
    if now - since >= GIVE_UP:
        return base.change(
            "needs_human", claim.step, None, code="TOO_MANY_FAILURES", facts={"step": claim.step, "last": code}
        )
    due = now + max(LADDER[min(failures, len(LADDER)) - 1], after)
    return base.change("waiting", claim.step, due, code=code, attempts=attempts, failures=failures, failing_since=since)


@dataclass(frozen=True, slots=True)
class _Base:
    """What every change of one run has in common."""

    claim: Claim
    state: str | None
    now: datetime
    outcome: Outcome

    def change(
        self,
        status: Status,
        step: str,
        due: datetime | None,
        *,
        code: str | None = None,
        facts: dict[str, Any] | None = None,
        because: str = "",
        attempts: int = 0,
        failures: int = 0,
        failing_since: datetime | None = None,
        failure: tuple[str, dict[str, Any]] | None = None,
        keep: bool = False,
    ) -> Change:
        failure_code, failure_facts = failure or (self.claim.failure_code, dict(self.claim.failure_facts))
        return Change(
            status=status,
            step=step,
            due=due,
            now=self.now,
            state=self.state,
            attempts=attempts,
            failures=failures,
            failing_since=failing_since,
            code=code,
            facts=facts or {},
            because=because,
            failure_code=failure_code,
            failure_facts=failure_facts,
            keep=keep,
            effects=self.outcome.effects,
        )
