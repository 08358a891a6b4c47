"""Running inline, in the background and until told to stop, on both stores."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import BaseModel

from portal_chassis.deadline import Deadline
from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step, Wait


class Work(BaseModel):
    """State of the test processes."""

    done: list[str] = []


async def test_inline_steps_run_until_the_process_ends_or_waits(world):
    async def action(run: Run[Work]) -> Outcome:
        run.state.done.append(run.step)
        return Wait(after=timedelta(hours=1)) if run.step == "three" else Next()

    steps = tuple(Step(name, action) for name in ("one", "two", "three"))
    engine = world.worker(ProcessDefinition("work", Work, steps))
    await world.start(engine, "work", "1", Work(), inline=True)
    view = await engine.run_inline("work", "1", until=Deadline.after(5))
    assert (view.status, view.step, view.state["done"]) == ("waiting", "three", ["one", "two", "three"])
    with pytest.raises(LookupError):
        await engine.run_inline("work", "unknown", until=Deadline.after(5))


async def test_an_inline_step_goes_on_in_the_background_when_time_is_up(world, new_gate):
    gate = new_gate()

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work(), inline=True)
    view = await engine.run_inline("work", "1", until=Deadline.after(0.02))
    assert view.status == "running"
    gate.open.set()
    await engine.run_until_idle()
    assert (await world.view(engine, "work", "1")).status == "done"


async def test_running_inline_waits_for_another_worker_that_was_faster(world, new_gate):
    gate = new_gate()

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        return Done()

    definition = ProcessDefinition("work", Work, (Step("only", action),))
    other, engine = world.worker(definition), world.worker(definition)
    await world.start(other, "work", "1", Work())
    running = await gate.enter(other)
    inline = asyncio.create_task(engine.run_inline("work", "1", until=Deadline.after(5)))
    await asyncio.sleep(0.01)
    gate.open.set()
    assert (await inline).status == "done"
    await running


async def test_a_started_engine_runs_what_is_started_and_what_becomes_due(world):
    async def action(run: Run[Work]) -> Outcome:
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    living = asyncio.create_task(engine.run())
    await world.start(engine, "work", "1", Work())
    await world.start(engine, "work", "2", Work(), due=world.clock.now() + timedelta(days=1))
    await world.until(engine, "work", "1", "done")
    assert (await world.view(engine, "work", "2")).status == "waiting"
    world.clock.advance(timedelta(days=1))
    await world.until(engine, "work", "2", "done")
    await engine.stop()
    await living


async def test_stopping_gives_a_long_step_back_without_counting_a_crash(world, new_gate):
    gate = new_gate()
    attempts = []

    async def action(run: Run[Work]) -> Outcome:
        attempts.append((run.attempt, run.crashed))
        if len(attempts) == 1:
            await gate.pass_through()
        return Done()

    definition = ProcessDefinition("work", Work, (Step("only", action),))
    leaving, staying = world.worker(definition), world.worker(definition)
    living = asyncio.create_task(leaving.run())
    await world.start(leaving, "work", "1", Work())
    await gate.entered.wait()
    await leaving.stop(grace_seconds=0.01)
    await living
    await staying.run_until_idle()
    assert (await world.view(staying, "work", "1")).status == "done"
    assert attempts == [(1, False), (1, False)]


async def test_a_step_whose_inner_task_was_cancelled_has_failed_and_is_not_repeated_at_once(world):
    async def action(run: Run[Work]) -> Outcome:
        inner = asyncio.create_task(asyncio.sleep(60))
        inner.cancel()
        await inner
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    await engine.run_until_idle()
    view = await world.view(engine, "work", "1")
    assert (view.status, view.attempts) == ("waiting", 1)
