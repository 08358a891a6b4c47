"""Each safety rule, and the proof that a test notices its absence: without it the same story goes wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.process import Step
from portal_contracts.problems import Refused
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.order_steps import read_approved
from portal_fulfillment.progress import Progress
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.sim_steps import SimPatience, SimSteps
from portal_fulfillment.testing import InMemoryAttempts

ORDER = "801000000000001AAA"
EID = "89049032000000000000000000000357"


class NeverLooks(SimSteps):
    """Asks for a line without a look at the EID first."""

    async def activate(self, run):
        order = await read_approved(self.orders, run)
        await self.operations.claim("activate", run.key, run.state.attempt, EID)
        return await self._send(run, self.plans.activation_of(order))


class AsksAgain(SimSteps):
    """Forgets that a request without an answer may have had its effect."""

    async def activate(self, run):
        order = await read_approved(self.orders, run)
        before = await self.sims.lines_of(EID)
        await self.operations.remember(run.key, run.state.attempt, {line.account: line.state for line in before})
        return await self._send(run, self.plans.activation_of(order))


class WritesOffAtOnce(SimSteps):
    """Takes the first look without a line for the proof that there never will be one."""

    async def _not_found(self, run, requested_at, found, looks):
        hurried = replace(self, patience=SimPatience(quiet=timedelta()))
        return await SimSteps._not_found(hurried, run, requested_at, found, looks)


class ClaimsNothing(SimSteps):
    """Does not hold the EID while it works."""

    async def activate(self, run):
        order = await read_approved(self.orders, run)
        found = await self.sims.lines_of(order.eid)
        if any(line.state is LineState.ACTIVE for line in found):
            raise Refused("SIM_IN_USE")
        return await self._send(run, self.plans.activation_of(order))


class BelievesDuplicates(InMemoryAttempts):
    """Does not compare a signal's time with the failure's, nor remember signals."""

    async def lock(self, transaction, order_id):
        latest = await super().lock(transaction, order_id)
        return latest and replace(latest, ended_at=latest.ended_at and datetime(2020, 1, 1, tzinfo=UTC))

    async def note_signal(self, *_signal, **_what):
        return True


def drop(desk, mutant):
    """Put a mutant of the SIM steps into the process."""
    ends, progress = desk.ends, Progress(desk.ends.attempts)
    obstacles = Obstacles(ends.orders, progress, timedelta(minutes=15))
    steps = mutant(ends.orders, ends.sims, ends.operations, ends.lines, desk.plans, progress, obstacles, SimPatience())
    put_steps(
        desk,
        Step("activate_sim", obstacles.before_pivot(steps.activate)),
        Step("confirm_sim", obstacles.at_pivot(steps.confirm)),
    )


def put_steps(desk, *steps):
    named = {step.name: step for step in steps}
    listed = tuple(named.get(step.name, step) for step in desk.definition.steps)
    desk.definition = replace(desk.definition, steps=listed)
    desk.new_worker()


async def story_of_a_taken_eid(desk, _new_order):
    desk.sims.one_line_per_eid = False
    desk.sims.put(Line("07000009999", LineState.ACTIVE, "active", eid=EID))
    await desk.provision()
    assert desk.sims.requested == []


async def story_of_a_lost_reply(desk, _new_order):
    desk.sims.one_line_per_eid = False
    desk.sims.completion = timedelta()
    desk.sims.faults = lambda call: (
        "kill_after" if call == "sims.activate" and desk.sims.calls.count(call) == 1 else None
    )
    await desk.provision(by=timedelta(hours=3))
    assert desk.sims.activated == [EID]


async def story_of_a_late_landing(desk, _new_order):
    desk.sims.one_line_per_eid = False
    desk.sims.completion = timedelta()
    desk.sims.faults = lambda call: "late" if call == "sims.activate" and desk.sims.calls.count(call) == 1 else None
    await desk.provision(by=timedelta(hours=3))
    desk.sims.settle()
    assert desk.sims.activated == [EID]


async def story_of_two_orders_for_one_eid(desk, new_order):
    desk.sims.one_line_per_eid = False
    desk.sims.completion = timedelta()
    desk.sims.faults = lambda call: "late" if call == "sims.activate" and desk.sims.calls.count(call) == 1 else None
    other = "801000000000002AAA"
    desk.orders.put(new_order(order_id=other))
    await desk.signal(order_id=other)
    await desk.provision()
    desk.sims.settle()
    assert desk.sims.activated == [EID]


SIM_RULES = [
    (story_of_a_taken_eid, NeverLooks),
    (story_of_a_lost_reply, AsksAgain),
    (story_of_a_late_landing, WritesOffAtOnce),
    (story_of_two_orders_for_one_eid, ClaimsNothing),
]


@pytest.mark.parametrize(("story", "mutant"), SIM_RULES)
async def test_a_sim_story_ends_well_only_with_its_rule(new_desk, new_order, story, mutant):
    await story(new_desk(), new_order)
    broken = new_desk()
    drop(broken, mutant)
    with pytest.raises(AssertionError):
        await story(broken, new_order)


async def story_of_a_late_duplicate(desk):
    approved_at = desk.clock.now()
    desk.sims.refuses = Refused("SIM_IN_USE")
    await desk.provision()
    await desk.signal("platform_event", at=approved_at)
    await desk.run(timedelta(hours=1))
    assert desk.billing.count("created", ORDER) == 1


async def test_late_duplicates_are_absorbed_and_would_reopen_a_failed_order_otherwise(new_desk):
    await story_of_a_late_duplicate(new_desk())
    broken = new_desk()
    broken.attempts.__class__ = BelievesDuplicates
    with pytest.raises(AssertionError):
        await story_of_a_late_duplicate(broken)


async def story_of_a_refused_acceptance(desk):
    desk.billing.refuses = {"accept": Refused("WHMCS_ORDER_REFUSED", facts={"message": "x"})}
    await desk.provision()
    assert not desk.sims.activated or desk.billing.is_reserved(ORDER)  # C19: no live line that nobody bills


async def test_release_stays_before_the_pivot_and_would_leave_an_unbilled_line_otherwise(new_desk):
    await story_of_a_refused_acceptance(new_desk())
    broken = new_desk()
    ends, progress = broken.ends, Progress(broken.ends.attempts)
    obstacles = Obstacles(ends.orders, progress, timedelta(minutes=15))
    accept = next(step for step in broken.definition.steps if step.name == "accept")

    async def may_turn_back(run):
        reply = await ends.billing.accept(run.key, run.generation, phone_number=None, iccid=None)
        return await accept.action(run) if reply else None

    put_steps(broken, Step("accept", obstacles.before_pivot(may_turn_back)))
    with pytest.raises(AssertionError):
        await story_of_a_refused_acceptance(broken)
