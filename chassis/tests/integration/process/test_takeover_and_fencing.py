"""Crashes, zombies and races, on both stores (T-01 and T-18 of the torture plan)."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import BaseModel

from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, StaleLease, Step


class Work(BaseModel):
    """State of the test processes."""

    done: list[str] = []


async def until(true) -> None:
    while not true():
        await asyncio.sleep(0)


async def test_a_survivor_takes_over_after_the_lease_and_repeats_no_finished_step(world, new_gate):
    runs = []

    def step(name, gate=None):
        async def action(run: Run[Work]) -> Outcome:
            runs.append((name, run.attempt, run.crashed))
            if gate is not None and len([ran for ran in runs if ran[0] == name]) == 1:
                await gate.pass_through()
            run.state.done.append(name)
            return Next()

        return Step(name, action)

    gate = new_gate()
    definition = ProcessDefinition("work", Work, (step("one"), step("two", gate), step("three")))
    dying, survivor = world.worker(definition), world.worker(definition)
    await world.start(dying, "work", "1", Work())
    running = await gate.enter(dying)
    await survivor.run_until_idle()
    assert [name for name, *_ in runs] == ["one", "two"]
    await world.let_leases_pass()
    await survivor.run_until_idle()
    view = await world.view(survivor, "work", "1")
    assert (view.status, view.state["done"]) == ("done", ["one", "two", "three"])
    assert runs == [("one", 1, False), ("two", 1, False), ("two", 2, True), ("three", 1, False)]
    gate.open.set()
    await running
    assert (await world.view(survivor, "work", "1")).state["done"] == ["one", "two", "three"]


async def test_a_zombie_can_neither_commit_nor_journal(world, new_gate):
    gate = new_gate()
    attempts = []

    async def action(run: Run[Work]) -> Outcome:
        attempts.append(run.attempt)
        if run.attempt == 1:
            await gate.pass_through()
            with pytest.raises(StaleLease):
                async with run.outside("AddOrder", fingerprint="f"):
                    pytest.fail("a zombie got out")
        return Done(effects=(world.effect(f"attempt {run.attempt}"),))

    definition = ProcessDefinition("work", Work, (Step("only", action),))
    zombie, survivor = world.worker(definition), world.worker(definition)
    await world.start(zombie, "work", "1", Work())
    running = await gate.enter(zombie)
    await world.let_leases_pass()
    await survivor.run_until_idle()
    gate.open.set()
    await running
    assert attempts == [1, 2]
    assert await world.effects() == ["attempt 2"]


async def test_a_worker_that_slept_through_its_lease_does_not_start_a_call(world, new_gate):
    gate = new_gate()
    went_out = []

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        async with run.outside("AddOrder", fingerprint="f"):
            went_out.append(run.attempt)
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await gate.enter(engine)
    world.machine.advance(31)
    gate.open.set()
    await running
    assert 1 not in went_out


async def test_a_process_that_keeps_killing_its_workers_climbs_the_ladder(world, new_gate):
    gates = []

    async def action(run: Run[Work]) -> Outcome:
        gate = new_gate()
        gates.append(gate)
        await gate.pass_through()
        return Done()

    definition = ProcessDefinition("work", Work, (Step("only", action),))
    workers = []

    async def crash() -> None:
        worker = world.worker(definition)
        before = len(gates)
        workers.append(asyncio.create_task(worker.run_until_idle()))
        await until(lambda: len(gates) > before)
        await gates[-1].entered.wait()
        await world.let_leases_pass()

    starter = world.worker(definition)
    await world.start(starter, "work", "1", Work())
    await crash()
    await crash()
    last = world.worker(definition)
    await last.run_until_idle()
    view = await world.view(last, "work", "1")
    assert (view.status, view.attempts, len(gates)) == ("waiting", 2, 2)
    assert view.due_at == world.clock.now() + timedelta(seconds=30)
    for gate in gates:
        gate.open.set()
    await asyncio.gather(*workers)
    world.clock.advance(30)
    running = asyncio.create_task(last.run_until_idle())
    await until(lambda: len(gates) == 3)
    gates[-1].open.set()
    await running
    assert (await world.view(last, "work", "1")).status == "done"


async def test_two_workers_never_run_one_process_at_once(world):
    inside: dict[str, int] = {}
    most = []

    async def action(run: Run[Work]) -> Outcome:
        inside[run.key] = inside.get(run.key, 0) + 1
        most.append(inside[run.key])
        await asyncio.sleep(0.001)
        inside[run.key] -= 1
        run.state.done.append(run.step)
        return Next()

    steps = tuple(Step(f"step{number}", action) for number in range(4))
    definition = ProcessDefinition("work", Work, steps)
    workers = [world.worker(definition, at_once=4) for _ in range(3)]
    for number in range(20):
        await world.start(workers[0], "work", str(number), Work())
    await asyncio.gather(*(worker.run_until_idle() for worker in workers))
    await workers[0].run_until_idle()
    assert max(most) == 1
    assert len(most) == 80
    for number in range(20):
        assert (await world.view(workers[0], "work", str(number))).status == "done"


async def test_a_renewed_lease_holds_and_a_lost_one_does_not(world, new_gate):
    gate = new_gate()

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await gate.enter(engine)
    (held,) = engine._leases
    asked = {held.claim.id: held.claim.lease}
    assert set(await world.store.renew(asked)) == {held.claim.id}
    assert not await world.store.renew({held.claim.id: held.claim.lease - 1})
    async with world.transaction() as transaction:
        await engine.cancel(transaction, "work", "1", "CART_EMPTY")
    assert not await world.store.renew(asked)
    gate.open.set()
    await running


async def test_a_worker_that_claims_its_own_lost_process_again_ends_its_former_run_first(world, new_gate):
    gate = new_gate()
    trail = []

    async def action(run: Run[Work]) -> Outcome:
        trail.append(f"enter {run.attempt}")
        try:
            if run.attempt == 1:
                await gate.pass_through()
        finally:
            trail.append(f"leave {run.attempt}")
        return Done(effects=(world.effect(f"attempt {run.attempt}"),))

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await gate.enter(engine)
    await world.let_leases_pass()
    await engine.run_until_idle()
    await running
    assert trail == ["enter 1", "leave 1", "enter 2", "leave 2"]
    assert await world.effects() == ["attempt 2"]


async def test_a_worker_that_finds_its_lease_gone_ends_the_run(world, new_gate):
    gate = new_gate()
    ended = []

    async def action(run: Run[Work]) -> Outcome:
        try:
            await gate.pass_through()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await gate.enter(engine)
    await engine._leases.renew()
    assert not ended
    async with world.transaction() as transaction:
        await engine.cancel(transaction, "work", "1", "CART_EMPTY")
    await engine._leases.renew()
    await running
    assert ended == ["cancelled"]
    assert (await world.view(engine, "work", "1")).status == "cancelled"
