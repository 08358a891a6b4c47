"""What a problem met by a step means for the whole process: wait for somebody, go back, or only ever forward (C19)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from portal_chassis.logs import get_logger
from portal_chassis.postgres import StoreUnavailable
from portal_chassis.process import Block, Effect, Fail, NeedsHuman, Next, Outcome, Run
from portal_chassis.telemetry import Span, link_to, span
from portal_contracts.orders import RecordOutcome
from portal_contracts.problems import Fact, Misconfigured, Refused, TryLater
from portal_fulfillment.ports import Orders
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_state import ProvisioningState, Told

Action: TypeAlias = Callable[[Run[ProvisioningState]], Awaitable[Outcome]]

_SOMEBODY_MENDS_IT: Final = frozenset(
    {
        "PAYMENT_METHOD_MISSING",
        "CUSTOMER_NOT_LINKED",
        "PRODUCT_UNMAPPED",
        "PRICE_MISMATCH",
        "MARKER_UNMAPPED",
        "EID_MISSING",
    }
)
"""Refusals that end when customer or staff have done something: the attempt waits for them (§2.1)."""
_A_PERSON_DECIDES: Final = frozenset({"WHMCS_ORDER_UNCLEAR"})
NOT_WANTED: Final = frozenset({"ORDER_NOT_APPROVED", "NOT_FOUND"})
"""The order is not to be provisioned (any more): the attempt ends as withdrawn."""

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
        return self._guarded(action, self._refused_before_pivot)

    def before_pivot(self, action: Action) -> Action:
        """Wrap a step from which there is a way back: a definite no releases the reservation."""
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
        effects = await self._tell(run, "blocked", code, dict(facts))
        return Block(code, recheck=self.recheck, step=step, facts=facts, effects=effects)

    async def park(self, run: Run[ProvisioningState], code: str, facts: Mapping[str, Fact] | None = None) -> NeedsHuman:
        """Hand over to a person, and go on looking by itself."""
        plain = dict(facts or {})
        effects = await self._tell(run, "needs_human", code, plain)
        return NeedsHuman(code, plain, recheck=self.recheck, effects=effects)

    def _guarded(
        self, action: Action, refused: Callable[[Run[ProvisioningState], Refused], Awaitable[Outcome]]
    ) -> Action:
        async def guarded(run: Run[ProvisioningState]) -> Outcome:
            try:
                with _traced(run):
                    return await action(run)
            except Refused as no:
                return await refused(run, no)
            except StoreUnavailable:
                raise
            except TryLater as later:
                return await self._wait_for_vendor(run, later)
            except Misconfigured as wrong:
                _log.error("provisioning is blocked by our set-up", alert=True, order=run.key, problem=str(wrong))
                return await self.block(run, wrong.code, wrong.facts)

        return guarded

    async def _wait_for_vendor(self, run: Run[ProvisioningState], later: TryLater) -> Outcome:
        """Try again on the ladder; who does not answer for long blocks visibly and is asked every `recheck` (§2.1)."""
        is_told = run.state.told is not None and run.state.told.code == later.code
        if run.attempt < VISIBLE_AFTER and not is_told:
            raise later
        try:
            return await self.block(run, later.code, later.facts)
        except TryLater:
            raise later from None  # orders cannot write it down either

    def _recovering(self, action: Action) -> Action:
        """Take a told block back, in Salesforce too, as soon as the step it stood at succeeds."""

        async def recovering(run: Run[ProvisioningState]) -> Outcome:
            outcome = await action(run)
            if run.state.told is not None and isinstance(outcome, Next) and run.state.failure is None:
                await self._take_back(run)
            return outcome

        return recovering

    async def _take_back(self, run: Run[ProvisioningState]) -> None:
        """Show Activating again. Staff may have closed the order meanwhile: what has succeeded stays so."""
        try:
            await self.orders.mark_activating(run.key, run.state.attempt)
        except Refused as no:
            _log.warning("an order that goes on is closed in Salesforce", order=run.key, problem=str(no))
        run.state.told = None

    async def _refused_before_pivot(self, run: Run[ProvisioningState], no: Refused) -> Outcome:
        if no.code in _SOMEBODY_MENDS_IT:
            return await self.block(run, no.code, no.facts, step="read_order")
        if no.code in _A_PERSON_DECIDES:
            return await self.park(run, no.code, no.facts)
        if no.code in NOT_WANTED and not run.state.marked:
            return self._withdrawn(run, no)
        return self.turn_back(run, no.code, no.facts)

    async def _refused_for_a_person(self, run: Run[ProvisioningState], no: Refused) -> Outcome:
        return await self.park(run, no.code, no.facts)

    def _withdrawn(self, run: Run[ProvisioningState], no: Refused) -> Fail:
        """End an attempt that has changed nothing: its signal is absorbed."""
        ended = self.progress.ended(run, "withdrawn", "absorbed", no.code, no.facts)
        run.state.forget_person()
        return Fail(no.code, no.facts, effects=(ended,))

    async def _tell(
        self, run: Run[ProvisioningState], stage: str, code: str, facts: dict[str, Fact]
    ) -> tuple[Effect, ...]:
        """Write the problem to Salesforce and the timeline, once for as long as it stands (C04, C37, R172)."""
        told = Told(code=code, facts=facts)
        if run.state.told == told:
            return ()
        await self.orders.record(
            RecordOutcome(order_id=run.key, attempt=run.state.attempt, outcome="blocked", code=code, facts=facts)
        )
        run.state.told = told
        return (self.progress.reached(run, "blocked" if stage == "blocked" else "needs_human", code, facts),)


def _traced(run: Run[ProvisioningState]) -> Span:
    """Open a span that links to the trace of the checkout: they are days apart and so two traces (architecture §10)."""
    order = run.state.order
    return span(
        f"provisioning: {run.step}",
        attributes={"portal.order": run.key, "portal.attempt": run.state.attempt},
        links=link_to(order.checkout_traceparent if order is not None else None),
    )
