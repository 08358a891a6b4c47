"""The pivot: a line is asked for once and watched until it is definite what became of it (C19).

Freebit knows no request key. What makes one activation out of any number of crashes: the intent is journalled before
the request; every request directly follows a look at the line; a request whose end is unknown is never repeated before
`quiet` has passed and a look has shown that there is no line and no open request; one order at a time holds an EID or a
card; and a line is ours only if it is on our EID or card and was not there, or in another state, before our request.

An eSIM with a new number is looked for by its EID, everything else by the number, which is known before (freebit.md 8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, JournalEntry, Next, Outcome, Run, Wait
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.line_adoption import LineAdoption
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.order_steps import read_approved
from portal_fulfillment.porting_rules import PortingRules
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
from portal_fulfillment.sim import Activation, EsimActivation, Line, LineState, Target, has_right_check_digits
from portal_fulfillment.sim_plans import SimPlans

ACTIVATE_ESIM: Final = "activate_esim"
ACTIVATE_CARD: Final = "activate_card"
MOST_REQUESTS: Final = 2
"""Requests without a trace after which a person decides."""
LOOK_AGAIN: Final = timedelta(seconds=30)
"""Pause after a look that was not answered."""
_DEAD: Final = frozenset({LineState.ENDED, LineState.FAILED})
_COMING: Final = frozenset({LineState.RESERVED, LineState.PENDING, LineState.UNKNOWN})
_PORTING: Final = PortingRules()

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SimPatience:
    """`quiet`: how long a request whose end is unknown may still land. `silence`: how long looks may go unanswered.

    `spacing`: the pause between two changes of voice options, network or plan of one line.
    """

    quiet: timedelta = timedelta(minutes=15)
    silence: timedelta = timedelta(minutes=15)
    spacing: timedelta = timedelta(minutes=30)


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
    porting: PortingRules = _PORTING

    @property
    def adoption(self) -> LineAdoption:
        """Who knows a line that is the order's although nobody remembers asking for it."""
        return LineAdoption(self.progress.attempts, self.operations, self.lines)

    async def activate(self, run: Run[ProvisioningState]) -> Outcome:
        """Ask for the line, unless an earlier request of ours may have had an effect: then look what became of it."""
        sent = possible_effects(await _requests(run), run.state.attempt)
        if len(sent) > run.state.written_off:
            return self._look(run, sent[-1].at)
        order = await read_approved(self.orders, run)
        wanted = self.plans.activation_of(order)
        self.porting.check(order, run.clock.today())
        target = wanted.target
        if not await self.operations.claim("activate", run.key, run.state.attempt, target.bearer):
            raise _in_use(target)
        before = await self._found(target)
        own = _own(before, target, await self._before(run))
        if run.state.written_off and own is not None and not _is_reserved(own, target):
            return self._look(run, sent[-1].at)  # the request that was written off has landed after all
        living = [line for line in before if line.state not in _DEAD and not _is_reserved(line, target)]
        if living:
            return await self._met(run, wanted, living)
        await self.operations.remember(run.key, run.state.attempt, {line.account: line.state for line in before})
        return await self._send(run, wanted)

    async def _met(self, run: Run[ProvisioningState], wanted: Activation, living: Sequence[Line]) -> Outcome:
        """Go on with a line that is surely the order's, though nobody here knows of the request; refuse any other."""
        ours = await self.adoption.finds_ours(run, wanted, living)
        if ours is None:
            raise _in_use(wanted.target)
        if ours.state is not LineState.ACTIVE:
            raise TryLater("LINE_BUSY")
        _log.warning("a line that nobody here remembers asking for is taken over", order=run.key)
        return self._look(run, run.clock.now())

    async def _send(self, run: Run[ProvisioningState], wanted: Activation) -> Outcome:
        sent_at, esim = run.clock.now(), isinstance(wanted, EsimActivation)
        call = ACTIVATE_ESIM if esim else ACTIVATE_CARD
        try:
            async with run.outside(call, fingerprint=fingerprint(run.state.attempt)) as intent:
                intent.evidence |= _evidence(wanted, run.key)
                try:
                    await self._ask(wanted)
                except (TryLater, Misconfigured):
                    intent.evidence["sent"] = NOT_SENT
                    raise
                except Refused as no:
                    intent.evidence |= {"code": no.code, "facts": dict(no.facts)}
                    raise
        except Unclear:
            _log.warning("it is unclear whether a SIM was asked for", order=run.key)
            return self._look(run, sent_at)
        except Refused:
            if not run.state.written_off:
                raise
            return self._look(run, sent_at)  # perhaps because of our own request, which has landed late after all
        return self._look(run, sent_at, "accepted")

    async def _ask(self, wanted: Activation) -> None:
        if isinstance(wanted, EsimActivation):
            await self.sims.activate(wanted)
        else:
            await self.sims.activate_physical(wanted)

    def _look(self, run: Run[ProvisioningState], requested_at: datetime, state: OperationState = "unknown") -> Outcome:
        """Go on to watching the line."""
        run.state.requested_at = run.state.answered_at = requested_at
        settled = self._settled(run, state)
        return Next("confirm_sim", effects=(self.progress.reached(run, "sim_requested"), settled))

    async def confirm(self, run: Run[ProvisioningState]) -> Outcome:
        """Look until the line is active, has failed, or a person has to (the pivot lies here)."""
        target = self.plans.target_of(run.state.known_order())
        now, requested_at = run.clock.now(), run.state.requested_at or run.started_at
        looks = self.sims.looks_after_activation(target)
        first = requested_at + timedelta(seconds=min(looks, default=0.0))
        if now < first:
            return Wait(until=first, because="the operator is working")
        try:
            found = await self._found(target)
        except TryLater:
            return await self._unanswered(run)
        run.state.answered_at = now
        own = _own(found, target, await self._before(run))
        if own is None or _is_reserved(own, target):
            return await self._not_found(run, requested_at, found, looks)
        if own.state is LineState.ACTIVE:
            return self._active(run, own)
        if own.state is LineState.FAILED:
            raise Refused("SIM_REFUSED", facts={"pair": "ACTIVATION_FAILED"})
        if own.state in _COMING:
            return await self._patient(run, requested_at, own.raw_state, looks)
        return await self.obstacles.park(run, "SIM_UNCLEAR", {"state": own.raw_state})

    def _active(self, run: Run[ProvisioningState], own: Line) -> Outcome:
        run.state.line = OwnLine(account=own.account, iccid=own.iccid or None)
        at = run.clock.now()

        async def kept(transaction: Transaction) -> None:
            await self.lines.keep(transaction, run.key, own, activated_at=at)

        return Next(effects=(kept, self._settled(run, "confirmed"), self.progress.reached(run, "sim_active")))

    async def _not_found(
        self, run: Run[ProvisioningState], requested_at: datetime, found: Sequence[Line], looks: Sequence[float]
    ) -> Outcome:
        """Wait while the request may still land; after that it had no effect and may be made once more."""
        requests = await _requests(run)
        sent = possible_effects(requests, run.state.attempt)
        if sent and sent[-1].state == "succeeded":  # they said yes: a line that does not show is not "no line"
            return await self._promised(run, requested_at, found, looks)
        if any(line.running_requests for line in found):
            return await self._patient(run, requested_at, "another request runs", looks)
        quiet_until, now = requested_at + self.patience.quiet, run.clock.now()
        if now < quiet_until:
            look = next_look(requested_at, looks, now)
            return Wait(until=min(look or quiet_until, quiet_until), because="the operator shows no line yet")
        refusal = _refusal(requests, run.state.attempt)
        if refusal is not None:
            raise refusal  # then it was not because of a request of ours
        if len(sent) >= MOST_REQUESTS:
            return await self.obstacles.park(run, "SIM_UNCLEAR", {"requests": len(sent)})
        run.state.written_off = len(sent)
        _log.warning("a request for a SIM had no effect", order=run.key, requests=len(sent))
        return Next("activate_sim")

    async def _promised(
        self, run: Run[ProvisioningState], requested_at: datetime, found: Sequence[Line], looks: Sequence[float]
    ) -> Outcome:
        """Wait for a line they said yes to. One whose number had failed before may have failed again."""
        is_over = next_look(requested_at, looks, run.clock.now()) is None
        failed_again = [line for line in found if line.state is LineState.FAILED and not line.running_requests]
        if is_over and failed_again and self.plans.target_of(run.state.known_order()).account is not None:
            raise Refused("SIM_REFUSED", facts={"pair": "ACTIVATION_FAILED"})
        return await self._patient(run, requested_at, "not shown", looks)

    async def _patient(
        self, run: Run[ProvisioningState], requested_at: datetime, raw_state: str, looks: Sequence[float]
    ) -> Outcome:
        look = next_look(requested_at, looks, run.clock.now())
        if look is None:
            return await self.obstacles.park(run, "SIM_UNCLEAR", {"state": raw_state})
        return Wait(until=look, because="the operator is working")

    async def _unanswered(self, run: Run[ProvisioningState]) -> Outcome:
        """Ask again soon; after a quarter of an hour without an answer a person has to know (rule 9)."""
        answered_at = run.state.answered_at or run.started_at
        if run.clock.now() - answered_at >= self.patience.silence:
            return await self.obstacles.park(run, "SIM_UNCLEAR", {"state": "no answer"})
        return Wait(after=LOOK_AGAIN, because="the operator does not answer")

    async def _found(self, target: Target) -> tuple[Line, ...]:
        if target.account is not None:
            line = await self.sims.line(target.account)
            return () if line is None else (line,)
        if target.card_number:
            return await self.sims.lines_of_card(target.card_number)
        return await self.sims.lines_of(target.eid)

    async def _before(self, run: Run[ProvisioningState]) -> Mapping[str, str]:
        return await self.operations.before(run.key, run.state.attempt)

    def _settled(self, run: Run[ProvisioningState], state: OperationState) -> Effect:
        attempt = run.state.attempt

        async def settled(transaction: Transaction) -> None:
            await self.operations.settle(transaction, "activate", run.key, attempt, state)

        return settled


async def _requests(run: Run[ProvisioningState]) -> list[JournalEntry]:
    """Give the activations in the journal, also of earlier attempts."""
    return [entry for entry in await run.journal() if entry.call in (ACTIVATE_ESIM, ACTIVATE_CARD)]


def _refusal(requests: Sequence[JournalEntry], attempt: int) -> Refused | None:
    """Give their no to an attempt's newest request; None when they did not say no."""
    newest = next((entry for entry in reversed(requests) if entry.fingerprint == fingerprint(attempt)), None)
    if newest is None or newest.state != "failed" or "code" not in newest.evidence:
        return None
    return Refused(newest.evidence["code"], facts=newest.evidence.get("facts", {}))


def _own(found: Sequence[Line], target: Target, before: Mapping[str, str]) -> Line | None:
    """Give the newest line on our EID or card that was not there, or was in another state, before our request."""
    return next((line for line in found if target.carries(line) and before.get(line.account) != line.state), None)


def _is_reserved(line: Line, target: Target) -> bool:
    """Whether a line is reserved on our card: half of an activation in two requests, which goes on with the second."""
    return bool(target.card_number) and target.carries(line) and line.state is LineState.RESERVED


def _in_use(target: Target) -> Refused:
    """Give the refusal for something that carries a line already, or is held by another order."""
    if target.card_number:
        return Refused("SIM_CARD_UNKNOWN", facts={"card": target.card_number, "pair": "IN_USE"})
    return Refused("SIM_IN_USE")


def _evidence(wanted: Activation, order_id: str) -> dict[str, object]:
    """Give what a person may need to see of a request; no personal data."""
    evidence: dict[str, object] = {"bearer_ends": wanted.target.bearer[-4:], "plan": wanted.plan_code}
    if wanted.target.is_ported:
        evidence["ported"] = "yes"
    if isinstance(wanted, EsimActivation) and not has_right_check_digits(wanted.eid):
        _log.warning("an EID's check digits do not fit", order=order_id)
        evidence["eid_check_digits"] = "wrong"
    return evidence
