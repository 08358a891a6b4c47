"""What a problem met by a step means for the whole process: wait for somebody, go back, or only ever forward (C19)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

from portal_chassis.logs import get_logger
from portal_chassis.postgres import StoreUnavailable
from portal_chassis.process import Block, Done, Effect, Fail, NeedsHuman, Next, Outcome, Run, StaleLease, Wait
from portal_chassis.telemetry import Span, link_to, span
from portal_contracts.fulfillment import ProvisioningStage
from portal_contracts.orders import RecordOutcome
from portal_contracts.problems import Fact, Misconfigured, Refused, TryLater
from portal_fulfillment.obstacle_codes import CANCELLED, meaning_of, recheck_of
from portal_fulfillment.ports import Orders
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_state import ProvisioningState, Told, evidence_of, possible_effects
from portal_fulfillment.waiting_times import turn_after

Action: TypeAlias = Callable[[Run[ProvisioningState]], Awaitable[Outcome]]

VISIBLE_AFTER: Final = 5
"""Failed tries of a step, a quarter of an hour on the ladder, after which everybody sees what the order waits for."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Wraps the actions of steps. `recheck` is how often what stands still is looked at again."""

    orders: Orders
    progress: Progress
    recheck: timedelta

    def checking(self, action: Action) -> Action:
        """Wrap a check before the reservation: a block stays visible until all checks have passed."""
        return self._guarded(self._cancellable(action), self._refused_before_pivot)

    def before_pivot(self, action: Action) -> Action:
        """Wrap a step from which there is a way back: a definite no releases the reservation."""
        return self._guarded(self._recovering(self._cancellable(action)), self._refused_before_pivot)

    def at_pivot(self, action: Action) -> Action:
        """Wrap the watching of the pivot: its definite no goes back, but nobody can cancel it."""
        return self._guarded(self._recovering(action), self._refused_before_pivot)

    def forward_only(self, action: Action) -> Action:
        """Wrap a step after the pivot, or on the way back: whatever is refused here, a person has to see it."""
        return self._guarded(self._recovering(action), self._refused_for_a_person)

    def way_back(self, action: Action) -> Action:
        """Wrap a step of the way back: what cannot be undone must not be forgotten."""
        return self._guarded(action, self._refused_for_a_person)

    def turn_back(self, run: Run[ProvisioningState], code: str, facts: Mapping[str, Fact] | None = None) -> Outcome:
        """Go the way back because of a problem."""
        run.state.failure = Told(code=code, facts=dict(facts or {}))
        return Next("release")

    async def block(
        self, run: Run[ProvisioningState], code: str, facts: Mapping[str, Fact], step: str | None = None
    ) -> Block:
        """Wait for somebody else, visibly, and look again by itself (at `step`, else at the same one)."""
        pause = self.pause(run, code)
        effects = await self._tell(run, "blocked", code, dict(facts), pause)
        return Block(code, recheck=pause, step=step, facts=facts, effects=effects)

    async def park(self, run: Run[ProvisioningState], code: str, facts: Mapping[str, Fact] | None = None) -> NeedsHuman:
        """Hand over to a person, with what both systems have, and go on looking by itself."""
        evidence = {**evidence_of(run.state), **(facts or {})}
        effects = await self._tell(run, "needs_human", code, evidence, self.recheck)
        return NeedsHuman(code, evidence, recheck=self.recheck, effects=effects)

    def pause(self, run: Run[ProvisioningState], code: str) -> timedelta:
        """Give the time to the next look: never past the moment a scheduled order is to start."""
        usual = recheck_of(code, self.recheck)
        schedule = run.state.schedule
        left = schedule.start - run.clock.now() if schedule is not None else timedelta()
        return min(usual, left) if left > timedelta() else usual

    def _guarded(
        self, action: Action, refused: Callable[[Run[ProvisioningState], Refused], Awaitable[Outcome]]
    ) -> Action:
        async def guarded(run: Run[ProvisioningState]) -> Outcome:
            before = run.state.model_copy(deep=True)
            try:
                with _traced(run):
                    outcome = await action(run)
            except Refused as no:
                outcome = await refused(run, no)
            except (StoreUnavailable, StaleLease):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the order must not stand still unseen
                if not isinstance(error, TryLater | Misconfigured):
                    run.state = before  # nobody knows how far the step came
                outcome = await self._goes_wrong(run, error)
            run.state.waited.pass_to(turn_after(outcome), run.clock.now(), began=run.started_at)
            return outcome

        return guarded

    async def _goes_wrong(self, run: Run[ProvisioningState], error: Exception) -> Outcome:
        """Block for our set-up at once; try the rest again on the ladder and show what does not end (§2.1)."""
        if isinstance(error, Misconfigured):
            _log.error("provisioning is blocked by our set-up", alert=True, order=run.key, problem=str(error))
            return await self.block(run, error.code, error.facts)
        later = error if isinstance(error, TryLater) else None
        code, facts = (later.code, later.facts) if later is not None else ("INTERNAL_ERROR", {})
        is_told = run.state.told is not None and run.state.told.code == code
        if run.attempt < VISIBLE_AFTER and not is_told:
            raise error
        if later is None:
            _log.error("a step of provisioning fails again and again", alert=True, order=run.key, exc_info=error)
        try:
            return await self.block(run, code, facts)
        except TryLater:
            raise error from None  # orders cannot write it down either

    def _cancellable(self, action: Action) -> Action:
        """Go the way back instead, when an operator wants so; what has gone wrong already keeps its own reason."""

        async def cancellable(run: Run[ProvisioningState]) -> Outcome:
            cancelled_by = await self.progress.attempts.cancelled_by(run.key, run.state.attempt)
            if cancelled_by is None or await _may_have_begun(run):
                return await action(run)
            run.state.cancelled_by = cancelled_by
            return self.turn_back(run, CANCELLED, evidence_of(run.state))

        return cancellable

    def _recovering(self, action: Action) -> Action:
        """Take a told block back, in Salesforce too, as soon as the step it stood at succeeds."""

        async def recovering(run: Run[ProvisioningState]) -> Outcome:
            outcome = await action(run)
            if isinstance(outcome, Wait):
                return self._goes_on_standing(run, outcome)
            if run.state.failure is not None or not isinstance(outcome, Next | Done):
                return outcome
            resumed = await self.resume(run, show=isinstance(outcome, Next))
            return replace(outcome, effects=(*resumed, *outcome.effects))

        return recovering

    @staticmethod
    def _goes_on_standing(run: Run[ProvisioningState], wait: Wait) -> Outcome:
        """Keep what is told of a step standing while the step looks again: only its success takes it back."""
        told = run.state.told
        if told is None or told.step != run.step or wait.after is None:
            return wait
        if told.to_a_person:
            return NeedsHuman(told.code, told.facts, recheck=wait.after, effects=wait.effects)
        return Block(told.code, recheck=wait.after, facts=told.facts, effects=wait.effects)

    async def resume(self, run: Run[ProvisioningState], *, show: bool = True) -> tuple[Effect, ...]:
        """Show Activating again and tell that the order goes on; nothing while what was told may still be so.

        A problem met by a later step than this one stays visible until that step has succeeded, so that Salesforce does
        not flicker. Staff may have closed the order meanwhile: what has succeeded stays so.
        """
        told = run.state.told
        if told is None or not told.is_overcome_by(run.step):
            return ()
        try:
            if show:
                await self.orders.mark_activating(run.key, run.state.attempt)
        except Refused as no:
            _log.warning("an order that goes on is closed in Salesforce", order=run.key, problem=str(no))
        run.state.told = None
        return (self.progress.reached(run, "resumed"),)

    async def _refused_before_pivot(self, run: Run[ProvisioningState], no: Refused) -> Outcome:
        match meaning_of(no.code):
            case "waits":
                return await self.block(run, no.code, no.facts, step="read_order")
            case "person":
                return await self.park(run, no.code, no.facts)
            case "withdrawn" if not run.state.marked:
                return self._withdrawn(run, no)
            case _:
                return self.turn_back(run, no.code, no.facts)

    async def _refused_for_a_person(self, run: Run[ProvisioningState], no: Refused) -> Outcome:
        return await self.park(run, no.code, no.facts)

    def _withdrawn(self, run: Run[ProvisioningState], no: Refused) -> Fail:
        """End an attempt that has changed nothing: the order is not wanted (any more)."""
        ended = self.progress.ended(run, "withdrawn", "withdrawn", no.code, no.facts)
        run.state.forget_person()
        return Fail(no.code, no.facts, effects=(ended,))

    async def _tell(
        self, run: Run[ProvisioningState], stage: ProvisioningStage, code: str, facts: dict[str, Fact], pause: timedelta
    ) -> tuple[Effect, ...]:
        """Write the problem to Salesforce and the timeline, once for as long as it stands (C04, C37, R172)."""
        before = run.state.told
        told = Told(code=code, facts=facts, step=run.step, to_a_person=stage == "needs_human")
        is_told = before is not None and (before.code, before.facts) == (code, facts)
        try:
            # Orders looks before it writes. What is told already is told again because staff may have hidden it.
            await self.orders.record(
                RecordOutcome(order_id=run.key, attempt=run.state.attempt, outcome="blocked", code=code, facts=facts)
            )
        except TryLater:
            if not is_told:
                raise
        run.state.told = told
        if is_told:
            return ()
        until = run.clock.now() + pause
        return (self.progress.reached(run, stage, code, facts, until=until),)


async def _may_have_begun(run: Run[ProvisioningState]) -> bool:
    """Whether a line was asked for that may still come: then it is too late to cancel, and the steps look first."""
    return len(possible_effects(await run.journal(), run.state.attempt)) > run.state.written_off


def _traced(run: Run[ProvisioningState]) -> Span:
    """Open a span that links to the trace of the checkout: they are days apart and so two traces (architecture §10)."""
    order = run.state.order
    return span(
        f"provisioning: {run.step}",
        attributes={"portal.order": run.key, "portal.attempt": run.state.attempt},
        links=link_to(order.checkout_traceparent if order is not None else None),
    )
