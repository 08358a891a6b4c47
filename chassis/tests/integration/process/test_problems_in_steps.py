"""What each kind of problem of a step leads to, on both stores."""

import asyncio
from datetime import timedelta
from itertools import pairwise

from pydantic import BaseModel

from portal_chassis.process import (
    Done,
    Fail,
    Next,
    Outcome,
    ProcessDefinition,
    Run,
    Step,
)
from portal_contracts.problems import Misconfigured, Refused, TryLater


class Trip(BaseModel):
    """What the test processes carry along."""

    been: list[str] = []
    polls: int = 0


async def home(run: Run[Trip]) -> Outcome:
    run.state.been.append("home")
    return Next()


async def sea(run: Run[Trip]) -> Outcome:
    run.state.been.append("sea")
    return Next()


async def arrive(run: Run[Trip]) -> Outcome:
    run.state.been.append("goal")
    return Done()


TRIP = ProcessDefinition("trip", Trip, (Step("home", home), Step("sea", sea), Step("goal", arrive)))


def one_step(action, *, kind="trip", limit=timedelta(minutes=1)):
    return ProcessDefinition(kind, Trip, (Step("only", action, limit),))


async def test_a_failing_step_climbs_the_ladder_until_a_person_must_look(world):
    times = []

    async def fail(run: Run[Trip]) -> Outcome:
        times.append(run.clock.now())
        run.state.been.append("lost")
        raise ConnectionResetError

    engine = world.worker(one_step(fail))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    while (view := await world.view(engine, "trip", "1")).status == "waiting":
        assert (view.code, view.state["been"]) == ("INTERNAL_ERROR", [])
        world.clock.advance_to(view.due_at)
        await engine.run_until_idle()
    pauses = [int((later - sooner).total_seconds()) for sooner, later in pairwise(times)]
    assert pauses[:6] == [5, 30, 120, 600, 3600, 21600]
    assert set(pauses[6:]) == {21600}
    assert (times[-1] - times[0]) >= timedelta(hours=72)
    assert (view.status, view.code, view.due_at) == ("needs_human", "TOO_MANY_FAILURES", None)
    assert view.facts == {"step": "only", "last": "INTERNAL_ERROR"}


async def test_a_longer_retry_after_wins_over_the_ladder(world):
    async def busy(run: Run[Trip]) -> Outcome:
        if run.attempt == 2:
            return Done()
        raise TryLater("WHMCS_UNAVAILABLE", retry_after=90)

    engine = world.worker(one_step(busy))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.code, view.attempts) == ("waiting", "WHMCS_UNAVAILABLE", 1)
    assert view.due_at == world.clock.now() + timedelta(seconds=90)
    world.clock.advance(90)
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_something_that_went_well_starts_the_ladder_again(world):
    async def moody(run: Run[Trip]) -> Outcome:
        run.state.polls += 1
        if run.attempt < 3:
            raise OSError
        return Next()

    engine = world.worker(
        ProcessDefinition("trip", Trip, (Step("one", moody), Step("two", moody), Step("goal", arrive)))
    )
    await world.start(engine, "trip", "1", Trip())
    dues = []
    for _ in range(4):
        await engine.run_until_idle()
        view = await world.view(engine, "trip", "1")
        dues.append(int((view.due_at - world.clock.now()).total_seconds()))
        world.clock.advance_to(view.due_at)
    assert dues == [5, 30, 5, 30]
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_our_own_bad_setup_blocks_and_is_looked_at_again(world):
    fixed = []

    async def need_setup(run: Run[Trip]) -> Outcome:
        if fixed:
            return Done()
        raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": "no key"})

    engine = world.worker(one_step(need_setup))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.code, view.facts) == ("blocked", "WHMCS_MISCONFIGURED", {"message": "no key"})
    fixed.append(True)
    world.clock.advance(timedelta(minutes=15))
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_a_refusal_without_a_way_back_fails_the_process(world):
    async def refuse(run: Run[Trip]) -> Outcome:
        raise Refused("CART_EMPTY")

    engine = world.worker(one_step(refuse))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.code, view.facts["step"]) == ("failed", "CART_EMPTY", "only")


async def test_a_refusal_takes_the_way_back_and_knows_why(world):
    async def refuse(run: Run[Trip]) -> Outcome:
        assert run.failure is None
        raise Refused("CART_EMPTY", facts={"items": 0})

    async def undo(run: Run[Trip]) -> Outcome:
        run.state.been.append("undo")
        return Next()

    async def give_up(run: Run[Trip]) -> Outcome:
        assert run.failure is not None
        return Fail(run.failure.code, facts=dict(run.failure.facts))

    steps = (Step("try", refuse), Step("goal", arrive), Step("undo", undo), Step("give_up", give_up))
    engine = world.worker(ProcessDefinition("trip", Trip, steps, on_failure="undo"))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.code, view.state["been"]) == ("failed", "CART_EMPTY", ["undo"])
    assert view.facts == {"items": 0, "step": "try"}


async def test_a_refusal_on_the_way_back_needs_a_person(world):
    async def refuse(run: Run[Trip]) -> Outcome:
        raise Refused("CART_EMPTY")

    engine = world.worker(
        ProcessDefinition("trip", Trip, (Step("try", refuse), Step("undo", refuse)), on_failure="undo")
    )
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.step, view.code) == ("needs_human", "undo", "CART_EMPTY")


async def test_a_step_that_hangs_is_cut_off_and_counts_as_failed(world):
    async def hang(run: Run[Trip]) -> Outcome:
        await asyncio.sleep(60)
        return Done()

    engine = world.worker(one_step(hang, limit=timedelta(milliseconds=20)))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.attempts) == ("waiting", 1)


async def test_a_process_that_this_code_does_not_understand_needs_a_person(world):
    old = world.worker(ProcessDefinition("trip", Trip, (Step("bygone", home), Step("goal", arrive))))
    await world.start(old, "trip", "1", Trip())
    new = world.worker(TRIP)
    await new.run_until_idle()
    view = await world.view(new, "trip", "1")
    assert (view.status, view.facts) == ("needs_human", {"unknown": "step", "step": "bygone"})


async def test_a_state_that_cannot_be_read_needs_a_person(world):
    class Stricter(BaseModel):
        must: int

    old = world.worker(TRIP)
    await world.start(old, "trip", "1", Trip())
    new = world.worker(ProcessDefinition("trip", Stricter, (Step("home", home),)))
    await new.run_until_idle()
    view = await world.view(new, "trip", "1")
    assert (view.status, view.facts["unknown"], view.state) == ("needs_human", "state", {"been": [], "polls": 0})
