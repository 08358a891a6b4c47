"""The pivot: a SIM is asked for once and watched until it is definite what became of it (C19).

Freebit knows no request key. What makes one activation out of any number of crashes: the intent is journalled before
the request; every request directly follows a look at the EID; a request whose end is unknown is never repeated before
`quiet` has passed and a look has shown that it had no effect; one order at a time holds an EID; and a line is ours only
if it was not there before our own request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, Next, Outcome, Run, Wait
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.order_steps import read_approved
from portal_fulfillment.ports import Lines, Operations, OperationState, Orders, Sims, Unclear
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_state import (
    NOT_SENT,
    OwnLine,
    ProvisioningState,
    fingerprint,
    next_look,
    possible_effects,
)
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.sim_plans import SimPlans

ACTIVATE: Final = "activate_esim"
MOST_REQUESTS: Final = 2
"""Requests without a trace after which a person decides."""
LOOK_AGAIN: Final = timedelta(seconds=30)
"""Pause after a look that was not answered."""
_DEAD: Final = frozenset({LineState.ENDED, LineState.FAILED})
_COMING: Final = frozenset({LineState.RESERVED, LineState.PENDING, LineState.UNKNOWN})

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SimPatience:
    """`quiet`: how long a request whose end is unknown may still land. `silence`: how long looks may go unanswered."""

    quiet: timedelta = timedelta(minutes=15)
    silence: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SimSteps:
    """Activate, confirm."""

    orders: Orders
    sims: Sims
    operations: Operations
    lines: Lines
    plans: SimPlans
    progress: Progress
    obstacles: Obstacles
    patience: SimPatience

    async def activate(self, run: Run[ProvisioningState]) -> Outcome:
        """Ask for the line, unless an earlier request of ours may have had an effect: then look what became of it."""
        sent = possible_effects(await run.journal(ACTIVATE), run.state.attempt)
        if len(sent) > run.state.written_off:
            return self._look(run, sent[-1].at)
        order = await read_approved(self.orders, run)
        eid = order.eid or ""
        if not await self.operations.claim("activate", run.key, run.state.attempt, eid):
            raise Refused("SIM_IN_USE")
        before = await self.sims.lines_of(eid)
        if run.state.written_off and self._own(before, await self._before(run)) is not None:
            return self._look(run, sent[-1].at)  # the request that was written off has landed after all
        if any(line.state not in _DEAD for line in before):
            raise Refused("SIM_IN_USE")
        await self.operations.remember(run.key, run.state.attempt, {line.account: line.state for line in before})
        return await self._send(run)

    async def _send(self, run: Run[ProvisioningState]) -> Outcome:
        wanted = self.plans.activation_of(run.state.known_order())
        sent_at = run.clock.now()
        try:
            async with run.outside(ACTIVATE, fingerprint=fingerprint(run.state.attempt)) as intent:
                intent.evidence |= {"eid_ends": wanted.eid[-4:], "plan": wanted.plan_code}
                try:
                    await self.sims.activate(wanted)
                except (TryLater, Misconfigured):
                    intent.evidence["sent"] = NOT_SENT
                    raise
        except Unclear:
            _log.warning("it is unclear whether a SIM was asked for", order=run.key)
            return self._look(run, sent_at)
        except Refused as no:
            if no.code == "SIM_IN_USE" and run.state.written_off:
                run.state.refused_as_in_use = True  # perhaps by our own request, which landed late after all
                return self._look(run, sent_at)
            raise
        return self._look(run, sent_at, "accepted")

    def _look(self, run: Run[ProvisioningState], requested_at: datetime, state: OperationState = "unknown") -> Outcome:
        """Go on to watching the line."""
        run.state.requested_at = run.state.answered_at = requested_at
        settled = self._settled(run, state)
        return Next("confirm_sim", effects=(self.progress.reached(run, "sim_requested"), settled))

    async def confirm(self, run: Run[ProvisioningState]) -> Outcome:
        """Look until the line is active, has failed, or a person has to (the pivot lies here)."""
        now, requested_at = run.clock.now(), run.state.requested_at or run.started_at
        first = requested_at + timedelta(seconds=min(self.sims.looks_after_activation, default=0.0))
        if now < first:
            return Wait(until=first, because="the operator is working")
        try:
            found = await self.sims.lines_of(run.state.known_order().eid or "")
        except TryLater:
            return await self._unanswered(run)
        run.state.answered_at = now
        own = self._own(found, await self._before(run))
        if own is None:
            return await self._not_found(run, requested_at)
        if own.state is LineState.ACTIVE:
            return self._active(run, own)
        if own.state is LineState.FAILED:
            raise Refused("SIM_REFUSED", facts={"pair": "ACTIVATION_FAILED"})
        if own.state in _COMING:
            return await self._patient(run, requested_at, own.raw_state)
        return await self.obstacles.park(run, "SIM_UNCLEAR", {"state": own.raw_state})

    def _active(self, run: Run[ProvisioningState], own: Line) -> Outcome:
        run.state.line = OwnLine(account=own.account, iccid=own.iccid or None)
        at = run.clock.now()

        async def kept(transaction: Transaction) -> None:
            await self.lines.keep(transaction, run.key, own, activated_at=at)

        return Next(effects=(kept, self._settled(run, "confirmed"), self.progress.reached(run, "sim_active")))

    async def _not_found(self, run: Run[ProvisioningState], requested_at: datetime) -> Outcome:
        """Wait while the request may still land; after that it had no effect and may be made once more."""
        sent = possible_effects(await run.journal(ACTIVATE), run.state.attempt)
        quiet_until = requested_at + self.patience.quiet
        now = run.clock.now()
        if sent and sent[-1].state == "succeeded":  # they said yes: a line that does not show is not "no line"
            return await self._patient(run, requested_at, "not shown")
        if now < quiet_until:
            look = next_look(requested_at, self.sims.looks_after_activation, now)
            return Wait(until=min(look or quiet_until, quiet_until), because="the operator shows no line yet")
        if run.state.refused_as_in_use:
            raise Refused("SIM_IN_USE")  # then it was somebody else's
        if len(sent) >= MOST_REQUESTS:
            return await self.obstacles.park(run, "SIM_UNCLEAR", {"requests": len(sent)})
        run.state.written_off = len(sent)
        _log.warning("a request for a SIM had no effect", order=run.key, requests=len(sent))
        return Next("activate_sim")

    async def _patient(self, run: Run[ProvisioningState], requested_at: datetime, raw_state: str) -> Outcome:
        look = next_look(requested_at, self.sims.looks_after_activation, run.clock.now())
        if look is None:
            return await self.obstacles.park(run, "SIM_UNCLEAR", {"state": raw_state})
        return Wait(until=look, because="the operator is working")

    async def _unanswered(self, run: Run[ProvisioningState]) -> Outcome:
        """Ask again soon; after a quarter of an hour without an answer a person has to know (rule 9)."""
        answered_at = run.state.answered_at or run.started_at
        if run.clock.now() - answered_at >= self.patience.silence:
            return await self.obstacles.park(run, "SIM_UNCLEAR", {"state": "no answer"})
        return Wait(after=LOOK_AGAIN, because="the operator does not answer")

    async def _before(self, run: Run[ProvisioningState]) -> Mapping[str, str]:
        return await self.operations.before(run.key, run.state.attempt)

    @staticmethod
    def _own(found: Sequence[Line], before: Mapping[str, str]) -> Line | None:
        """Give the newest line that was not there, or was in another state, before our request."""
        return next((line for line in found if before.get(line.account) != line.state), None)

    def _settled(self, run: Run[ProvisioningState], state: OperationState) -> Effect:
        attempt = run.state.attempt

        async def settled(transaction: Transaction) -> None:
            await self.operations.settle(transaction, "activate", run.key, attempt, state)

        return settled
