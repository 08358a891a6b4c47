"""What each outcome of a step leads to, on both stores."""

from datetime import timedelta

import pytest
from pydantic import BaseModel

from portal_chassis.process import (
    Block,
    Done,
    NeedsHuman,
    Next,
    Outcome,
    ProcessDefinition,
    Run,
    Step,
    Wait,
)
from portal_contracts.problems import Refused


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


async def test_steps_run_in_order_and_carry_the_state(world):
    engine = world.worker(TRIP)
    assert await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.state["been"], view.due_at) == ("done", ["home", "sea", "goal"], None)
    assert view.ended


async def test_the_last_next_ends_the_process(world):
    engine = world.worker(one_step(home))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_a_step_may_name_the_one_that_follows(world):
    async def skip(run: Run[Trip]) -> Outcome:
        return Next("goal")

    engine = world.worker(ProcessDefinition("trip", Trip, (Step("home", skip), Step("sea", sea), Step("goal", arrive))))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).state["been"] == ["goal"]


async def test_a_process_starts_once_per_key(world):
    engine = world.worker(TRIP)
    assert await world.start(engine, "trip", "1", Trip())
    assert not await world.start(engine, "trip", "1", Trip(been=["other"]))
    assert await world.start(engine, "trip", "2", Trip())


async def test_a_process_whose_transaction_was_rolled_back_never_existed(world):
    engine = world.worker(TRIP)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block must end with it
        async with world.transaction() as transaction:
            await engine.start(transaction, "trip", "1", Trip())
            raise ZeroDivisionError
    await engine.run_until_idle()
    assert await engine.read("trip", "1") is None


async def test_nobody_sees_a_process_before_its_transaction_commits(world):
    engine = world.worker(TRIP)
    async with world.transaction() as transaction:
        await engine.start(transaction, "trip", "1", Trip())
        await engine.run_until_idle()
        assert await engine.read("trip", "1") is None
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_a_process_may_start_at_a_date(world):
    engine = world.worker(TRIP)
    due = world.clock.now() + timedelta(days=3)
    await world.start(engine, "trip", "1", Trip(), due=due)
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.due_at) == ("waiting", due)
    world.clock.advance(timedelta(days=3))
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_waiting_runs_the_same_step_again_and_counts_no_attempt(world):
    attempts = []

    async def poll(run: Run[Trip]) -> Outcome:
        attempts.append(run.attempt)
        run.state.polls += 1
        return Done() if run.state.polls == 3 else Wait(after=timedelta(minutes=2), because="not there yet")

    engine = world.worker(one_step(poll))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.because, view.due_at) == (
        "waiting",
        "not there yet",
        world.clock.now() + timedelta(minutes=2),
    )
    for _ in range(2):
        world.clock.advance(timedelta(minutes=2))
        await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"
    assert attempts == [1, 1, 1]


async def test_a_wait_may_name_the_moment(world):
    moment = world.clock.now() + timedelta(hours=5)

    async def sleep(run: Run[Trip]) -> Outcome:
        return Done() if run.clock.now() >= moment else Wait(until=moment)

    engine = world.worker(one_step(sleep))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    world.clock.advance(timedelta(hours=4))
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "waiting"
    world.clock.advance(timedelta(hours=1))
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_a_blocked_process_is_looked_at_again_and_resumes_when_woken(world):
    looks = []

    async def need_card(run: Run[Trip]) -> Outcome:
        looks.append(run.clock.now())
        return Done() if len(looks) == 3 else Block("PAYMENT_METHOD_MISSING", facts={"client": 7})

    engine = world.worker(one_step(need_card))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.code, view.facts) == ("blocked", "PAYMENT_METHOD_MISSING", {"client": 7})
    world.clock.advance(timedelta(minutes=15))
    await engine.run_until_idle()
    assert len(looks) == 2
    assert await world.wake(engine, "trip", "1")
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_a_block_may_say_where_to_look_again(world):
    async def jump(run: Run[Trip]) -> Outcome:
        return Block("PAYMENT_METHOD_MISSING", step="goal")

    engine = world.worker(ProcessDefinition("trip", Trip, (Step("home", jump), Step("goal", arrive))))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).step == "goal"
    await world.wake(engine, "trip", "1")
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_a_parked_process_waits_for_a_person_who_may_choose_the_step(world):
    async def unclear(run: Run[Trip]) -> Outcome:
        return NeedsHuman("WHMCS_ORDER_UNCLEAR", {"orders": [1, 2]})

    engine = world.worker(ProcessDefinition("trip", Trip, (Step("home", unclear), Step("goal", arrive))))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    world.clock.advance(timedelta(days=30))
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.code, view.facts) == ("needs_human", "WHMCS_ORDER_UNCLEAR", {"orders": [1, 2]})
    assert await world.wake(engine, "trip", "1", step="goal")
    await engine.run_until_idle()
    assert (await world.view(engine, "trip", "1")).status == "done"


async def test_a_parked_process_may_keep_looking_by_itself(world):
    looks = []

    async def unclear(run: Run[Trip]) -> Outcome:
        looks.append(1)
        return NeedsHuman("WHMCS_ORDER_UNCLEAR", recheck=timedelta(minutes=15))

    engine = world.worker(one_step(unclear))
    await world.start(engine, "trip", "1", Trip())
    await engine.run_until_idle()
    world.clock.advance(timedelta(minutes=15))
    await engine.run_until_idle()
    assert len(looks) == 2
    assert (await world.view(engine, "trip", "1")).status == "needs_human"


async def test_a_failed_process_can_be_opened_again(world):
    async def refuse(run: Run[Trip]) -> Outcome:
        if run.state.been == ["second"]:
            return Next()
        raise Refused("CART_EMPTY")

    engine = world.worker(ProcessDefinition("trip", Trip, (Step("home", refuse), Step("goal", arrive))))
    await world.start(engine, "trip", "1", Trip())
    async with world.transaction() as transaction:
        assert not await engine.reopen(transaction, "trip", "1", Trip(), "home")
    await engine.run_until_idle()
    assert not await world.wake(engine, "trip", "1")
    async with world.transaction() as transaction:
        assert await engine.reopen(transaction, "trip", "1", Trip(been=["second"]), "home")
    await engine.run_until_idle()
    view = await world.view(engine, "trip", "1")
    assert (view.status, view.code, view.state["been"]) == ("done", None, ["second", "goal"])


async def test_a_worker_leaves_kinds_alone_that_it_does_not_know(world):
    one = world.worker(TRIP)
    other = world.worker(one_step(arrive, kind="other"))
    await world.start(one, "trip", "1", Trip())
    await other.run_until_idle()
    assert (await world.view(one, "trip", "1")).step == "home"


def test_a_definition_refuses_what_cannot_be_right():
    with pytest.raises(ValueError, match="distinct"):
        ProcessDefinition("trip", Trip, (Step("home", home), Step("home", home)))
    with pytest.raises(ValueError, match="no step nowhere"):
        ProcessDefinition("trip", Trip, (Step("home", home),), on_failure="nowhere")
    with pytest.raises(ValueError, match="either"):
        Wait()
