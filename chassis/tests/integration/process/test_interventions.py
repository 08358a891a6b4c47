"""Waking, rescheduling and cancelling from outside, on both stores (T-20)."""

from datetime import timedelta

import pytest
from pydantic import BaseModel

from portal_chassis.process import Block, Done, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.problems import TryLater


class Work(BaseModel):
    """State of the test processes."""

    done: list[str] = []


async def test_a_wake_up_during_a_step_is_not_lost(world, new_gate):
    gate = new_gate()
    runs = []

    async def action(run: Run[Work]) -> Outcome:
        runs.append(run.attempt)
        if len(runs) == 1:
            await gate.pass_through()
            return Wait(after=timedelta(days=1))
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await gate.enter(engine)
    assert await world.wake(engine, "work", "1")
    gate.open.set()
    await running
    assert (await world.view(engine, "work", "1")).status == "done"


async def test_a_wake_up_during_a_step_may_choose_what_follows(world, new_gate):
    gate = new_gate()
    ran = []

    async def action(run: Run[Work]) -> Outcome:
        ran.append(run.step)
        if run.step == "one":
            await gate.pass_through()
        return Next()

    steps = tuple(Step(name, action) for name in ("one", "two", "three"))
    engine = world.worker(ProcessDefinition("work", Work, steps))
    await world.start(engine, "work", "1", Work())
    running = await gate.enter(engine)
    await world.wake(engine, "work", "1", step="three")
    gate.open.set()
    await running
    assert ran == ["one", "three"]


async def test_a_patient_wake_up_makes_a_process_due_and_lets_its_ladder_go_on(world):
    async def action(run: Run[Work]) -> Outcome:
        raise TryLater("WHMCS_UNAVAILABLE")

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    await engine.run_until_idle()
    for attempts, pause in ((2, 30), (3, 120)):
        assert await world.wake(engine, "work", "1", patient=True)
        await engine.run_until_idle()
        view = await world.view(engine, "work", "1")
        assert (view.attempts, view.due_at) == (attempts, world.clock.now() + timedelta(seconds=pause))
    assert await world.wake(engine, "work", "1")
    await engine.run_until_idle()
    assert (await world.view(engine, "work", "1")).attempts == 1


@pytest.mark.parametrize(("patient", "tries"), [(True, 2), (False, 3)])
async def test_only_who_knows_of_a_change_has_a_failing_step_that_runs_tried_once_more(world, new_gate, patient, tries):
    gate, attempts = new_gate(), []

    async def action(run: Run[Work]) -> Outcome:
        attempts.append(run.attempt)
        if len(attempts) == 2:
            await gate.pass_through()
        raise TryLater("WHMCS_UNAVAILABLE")

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    await engine.run_until_idle()
    world.clock.advance(timedelta(seconds=5))
    running = await gate.enter(engine)
    assert await world.wake(engine, "work", "1", patient=patient)
    gate.open.set()
    await running
    assert len(attempts) == tries


async def test_a_waiting_process_can_be_rescheduled_both_ways(world):
    async def action(run: Run[Work]) -> Outcome:
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    due = world.clock.now() + timedelta(days=10)
    await world.start(engine, "work", "1", Work(), due=due)
    for days in (20, 2):
        async with world.transaction() as transaction:
            assert await engine.reschedule(transaction, "work", "1", world.clock.now() + timedelta(days=days))
    world.clock.advance(timedelta(days=1))
    await engine.run_until_idle()
    assert (await world.view(engine, "work", "1")).status == "waiting"
    world.clock.advance(timedelta(days=1))
    await engine.run_until_idle()
    assert (await world.view(engine, "work", "1")).status == "done"
    async with world.transaction() as transaction:
        assert not await engine.reschedule(transaction, "work", "1", due)


async def test_a_cancelled_process_never_runs_again(world):
    async def action(run: Run[Work]) -> Outcome:
        return Block("PAYMENT_METHOD_MISSING")

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    await engine.run_until_idle()
    async with world.transaction() as transaction:
        assert await engine.cancel(transaction, "work", "1", "CART_EMPTY")
    async with world.transaction() as transaction:
        assert not await engine.cancel(transaction, "work", "1", "CART_EMPTY")
    assert not await world.wake(engine, "work", "1")
    world.clock.advance(timedelta(days=1))
    await engine.run_until_idle()
    view = await world.view(engine, "work", "1")
    assert (view.status, view.code, view.ended) == ("cancelled", "CART_EMPTY", True)


async def test_cancelling_during_a_step_fences_the_step(world, new_gate):
    gate = new_gate()

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        return Done(effects=(world.effect("too late"),))

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await gate.enter(engine)
    async with world.transaction() as transaction:
        await engine.cancel(transaction, "work", "1", "CART_EMPTY")
    gate.open.set()
    await running
    assert (await world.view(engine, "work", "1")).status == "cancelled"
    assert await world.effects() == []


async def test_a_rolled_back_intervention_changes_nothing(world):
    async def action(run: Run[Work]) -> Outcome:
        return Wait(after=timedelta(days=1))

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    await engine.run_until_idle()
    before = await world.view(engine, "work", "1")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block must end with it
        async with world.transaction() as transaction:
            await engine.cancel(transaction, "work", "1", "CART_EMPTY")
            raise ZeroDivisionError
    assert await world.view(engine, "work", "1") == before
