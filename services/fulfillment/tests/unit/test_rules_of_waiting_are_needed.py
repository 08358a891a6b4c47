"""Each rule of dates, blocks and cancelling, and the proof that a test notices its absence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal_chassis.process import Next, Step
from portal_contracts.fulfillment import PreflightFailed
from portal_contracts.problems import Refused
from portal_fulfillment.after_pivot_steps import AfterPivotSteps
from portal_fulfillment.billing_steps import BillingSteps
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.order_checks import OrderChecks
from portal_fulfillment.order_steps import OrderSteps
from portal_fulfillment.porting_rules import PortingRules
from portal_fulfillment.progress import Progress
from portal_fulfillment.schedule import SchedulePatience
from portal_fulfillment.schedule_steps import ScheduleSteps
from portal_fulfillment.sim_steps import SimPatience, SimSteps

ORDER = "801000000000001AAA"
WHO = "operator@staff.example"


class StartsWhenApproved(ScheduleSteps):
    """Does not wait for the date."""

    async def hold(self, run, order):
        del run, order


class ForgetsWhatItTold(ScheduleSteps):
    """Tells what is missing at every look."""

    async def hold(self, run, order):
        if run.state.schedule is not None:
            run.state.schedule.told.clear()
        return await super().hold(run, order)


class Flickers(Obstacles):
    """Takes a block back as soon as any step succeeds."""

    async def resume(self, run, *, show=True):
        if run.state.told is not None:
            run.state.told.step = "read_order"
        return await super().resume(run, show=show)


class CancelsAnything(Obstacles):
    """Goes back though a line may have been asked for."""

    def _cancellable(self, action):
        async def cancellable(run):
            by = await self.progress.attempts.cancelled_by(run.key, run.state.attempt)
            return self.turn_back(run, "PROVISIONING_CANCELLED") if by is not None else await action(run)

        return cancellable


class BillsWhateverIsLive(AfterPivotSteps):
    """Does not look at the order once the line is active."""

    async def confirm_approval(self, run):
        del run
        return Next()


def drop(desk, mutant):
    """Put a mutant into the process; everything else is as wired."""
    ends, progress = desk.ends, Progress(desk.ends.attempts)
    kinds = {base: mutant if issubclass(mutant, base) else base for base in (Obstacles, ScheduleSteps, AfterPivotSteps)}
    obstacles = kinds[Obstacles](ends.orders, progress, timedelta(minutes=15))
    checks = OrderChecks(ends.billing, desk.plans, PortingRules())
    schedule = kinds[ScheduleSteps](ends.orders, ends.attempts, checks, progress, SchedulePatience())
    order = OrderSteps(ends.orders, ends.operations, checks, schedule, progress, obstacles)
    sim = SimSteps(ends.orders, ends.sims, ends.operations, ends.lines, desk.plans, progress, obstacles, SimPatience())
    after = kinds[AfterPivotSteps](ends.orders, ends.sims, ends.lines, obstacles)
    named = {
        "read_order": obstacles.checking(order.read_order),
        "validate": obstacles.checking(order.validate),
        "reserve": obstacles.before_pivot(BillingSteps(ends.orders, ends.billing, progress, ends.lines).reserve),
        "activate_sim": obstacles.before_pivot(sim.activate),
        "confirm_approval": obstacles.forward_only(after.confirm_approval),
    }
    steps = tuple(Step(step.name, named.get(step.name, step.action)) for step in desk.definition.steps)
    desk.definition = replace(desk.definition, steps=steps)
    desk.new_worker()


async def story_of_a_date(desk, new_order):
    start = desk.clock.now() + timedelta(days=10)
    await desk.provision(new_order(activation_type="scheduled", scheduled_at=start), by=timedelta(days=9))
    assert desk.billing.ledger == []


async def story_of_a_preflight(desk, new_order):
    desk.billing.payment_method = False
    start = desk.clock.now() + timedelta(days=10)
    await desk.provision(new_order(activation_type="scheduled", scheduled_at=start), by=timedelta(days=9))
    assert len([event for event in desk.events if isinstance(event, PreflightFailed)]) == 1


async def story_of_a_refused_request(desk, new_order):
    desk.sims.refuses = Refused("PORTING_RESERVATION_REFUSED", facts={"pair": "400_352"})
    await desk.provision(new_order(), by=timedelta(hours=12))
    assert len(desk.orders.marks) == 1  # C20: each Activating would publish the event again


async def story_of_a_late_cancel(desk, new_order):
    desk.sims.completion = timedelta()
    desk.sims.on_request = lambda _eid: desk.attempts.rows.update(
        {(ORDER, 1): replace(desk.attempts.rows[ORDER, 1], cancelled_by=WHO)}
    )
    desk.sims.faults = lambda call: (
        "kill_after" if call == "sims.activate" and desk.sims.calls.count(call) == 1 else None
    )
    await desk.provision(new_order(), by=timedelta(hours=3))
    assert not desk.sims.activated or desk.billing.is_reserved(ORDER)  # C19


async def story_of_a_closed_order(desk, new_order):
    await desk.provision(new_order(), by=timedelta(minutes=1))
    desk.orders.put(new_order(state="cancelled"))
    await desk.run(timedelta(hours=1))
    assert desk.billing.count("accepted", ORDER) == 0


RULES = [
    (story_of_a_date, StartsWhenApproved),
    (story_of_a_preflight, ForgetsWhatItTold),
    (story_of_a_refused_request, Flickers),
    (story_of_a_late_cancel, CancelsAnything),
    (story_of_a_closed_order, BillsWhateverIsLive),
]


@pytest.mark.parametrize(("story", "mutant"), RULES)
async def test_a_story_ends_well_only_with_its_rule(new_desk, new_order, story, mutant):
    await story(new_desk(), new_order)
    broken = new_desk()
    drop(broken, mutant)
    with pytest.raises(AssertionError):
        await story(broken, new_order)
