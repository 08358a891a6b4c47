"""An order with a date: held until then, checked some days before, followed when somebody changes it (C15, C38).

The portal's own due time is the one scheduler; a signed call of the org's schedule or button and Activate Now only make
it come sooner (R155, R156, R168). Nothing is marked, reserved or asked for before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal_chassis.clocks import TOKYO
from portal_chassis.logs import get_logger
from portal_chassis.process import Effect, Outcome, Run, Wait
from portal_contracts.orders import ProvisioningOrder, RecordOutcome
from portal_contracts.problems import Fact, Misconfigured, Refused, TryLater
from portal_fulfillment.order_checks import OrderChecks
from portal_fulfillment.ports import Attempts, Orders
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_metrics import PREFLIGHTS
from portal_fulfillment.provisioning_state import ProvisioningState, Schedule
from portal_fulfillment.schedule import SchedulePatience, start_of
from portal_fulfillment.waiting_times import SCHEDULED

SOON: Final = timedelta(minutes=15)
"""Pause after which a neighbour that did not answer about a scheduled order is asked again."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduleSteps:
    """Hold, check beforehand, let go."""

    orders: Orders
    attempts: Attempts
    checks: OrderChecks
    progress: Progress
    patience: SchedulePatience

    async def hold(self, run: Run[ProvisioningState], order: ProvisioningOrder) -> Outcome | None:
        """Wait for the order's time; None when it has come, is gone, or somebody wants the order now."""
        start, now = start_of(order), run.clock.now()
        if start is None or start <= now or await self.attempts.is_early(run.key, run.state.attempt):
            return None
        effects = [*await self._show(run, order, start), *await self._preflight(run, order)]
        schedule = _held(run)
        schedule.look_at = self._next_look(schedule, now)
        return Wait(until=schedule.look_at, because=SCHEDULED, effects=tuple(effects))

    def let_go(self, run: Run[ProvisioningState]) -> tuple[Effect, ...]:
        """End the waiting; nothing for an order that did not wait."""
        if run.state.schedule is None:
            return ()
        run.state.schedule = None
        return (self.progress.reached(run, "resumed"),)

    def keep_waiting(self, run: Run[ProvisioningState], later: TryLater) -> Outcome:
        """Look again soon at an order that cannot be read now: its time has not come, so nobody has to be told."""
        schedule = run.state.schedule
        if schedule is None or schedule.start <= run.clock.now():
            raise later
        schedule.look_at = min(schedule.start, run.clock.now() + SOON)
        return Wait(until=schedule.look_at, because=SCHEDULED)

    async def _show(self, run: Run[ProvisioningState], order: ProvisioningOrder, start: datetime) -> list[Effect]:
        """Take back what Salesforce says of work under way (C38), and tell the date once, and again when it changes."""
        state, goes_on = run.state, run.state.told is not None
        if order.activation not in {"not_started", "scheduled"} or goes_on:
            await self.orders.record(RecordOutcome(order_id=run.key, attempt=state.attempt, outcome="scheduled"))
            state.marked, state.told = False, None
        if state.schedule is not None and state.schedule.start == start and not goes_on:
            return []
        if state.schedule is None or state.schedule.start != start:
            state.schedule = Schedule(start=start)
        return [self.progress.reached(run, "scheduled", until=start)]

    async def _preflight(self, run: Run[ProvisioningState], order: ProvisioningOrder) -> list[Effect]:
        """Tell what will be missing, once for each code and date; again daily and when woken (R165)."""
        schedule, now = _held(run), run.clock.now()
        woken = schedule.look_at is not None and now < schedule.look_at
        if not self._wants_preflight(schedule, now, woken=woken):
            return []
        try:
            missing = await self._missing(order, schedule.start)
        except (TryLater, Misconfigured) as error:
            _log.info("a preflight has to wait", order=run.key, problem=str(error))
            return []
        schedule.checked_at, schedule.passed = now, not missing
        PREFLIGHTS.labels("failed" if missing else "passed").inc()
        if not missing:
            return [self.progress.reached(run, "preflight_passed", until=schedule.start)]
        new = {code: facts for code, facts in missing.items() if code not in schedule.told}
        schedule.told.extend(new)
        return [self.progress.missing(run, order.account_id, code, facts) for code, facts in new.items()]

    async def _missing(self, order: ProvisioningOrder, start: datetime) -> Mapping[str, Mapping[str, Fact]]:
        """Give everything that would stop the order on its day, not only the first thing."""
        day = start.astimezone(TOKYO).date()
        missing: dict[str, Mapping[str, Fact]] = {}
        for check in (self.checks.can_pay, self.checks.products):
            try:
                await check(order)
            except Refused as no:
                missing[no.code] = no.facts
        try:
            self.checks.line(order, day)
        except Refused as no:
            missing[no.code] = no.facts
        return missing

    def _wants_preflight(self, schedule: Schedule, now: datetime, *, woken: bool = False) -> bool:
        if schedule.passed or now < schedule.start - self.patience.preflight:
            return False
        return woken or schedule.checked_at is None or now - schedule.checked_at >= self.patience.again

    def _next_look(self, schedule: Schedule, now: datetime) -> datetime:
        unanswered = self._wants_preflight(schedule, now)
        moments = (
            schedule.start,
            schedule.start - self.patience.preflight,
            now + (SOON if unanswered else self.patience.look),
        )
        return min(moment for moment in moments if moment > now)


def _held(run: Run[ProvisioningState]) -> Schedule:
    if run.state.schedule is None:
        raise LookupError("the order does not wait for a date")
    return run.state.schedule
