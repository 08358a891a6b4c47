"""Crashes, zombies, races and interventions, on both stores (R-T01, T-18 and T-20 of the torture plan)."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from pydantic import BaseModel

from portal_chassis.deadline import Deadline
from portal_chassis.process import Block, Done, Next, Outcome, ProcessDefinition, Run, StaleLease, Step, Wait
from portal_chassis.telemetry import SERVER, continue_from, span
from portal_chassis.testing import SpanCollector
from portal_contracts.problems import Refused

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Work(BaseModel):
    """State of the test processes."""

    done: list[str] = []


class Gate:
    """A step that says when it was entered and goes on when it is let."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def pass_through(self) -> None:
        self.entered.set()
        await self.open.wait()


async def until(true) -> None:
    while not true():  # noqa: ASYNC110 - a step says it by a list that grows
        await asyncio.sleep(0)


async def enter(gate: Gate, engine) -> asyncio.Task[None]:
    running = asyncio.create_task(engine.run_until_idle())
    await gate.entered.wait()
    return running


async def test_a_survivor_takes_over_after_the_lease_and_repeats_no_finished_step(world):
    runs = []

    def step(name, gate=None):
        async def action(run: Run[Work]) -> Outcome:
            runs.append((name, run.attempt, run.crashed))
            if gate is not None and len([ran for ran in runs if ran[0] == name]) == 1:
                await gate.pass_through()
            run.state.done.append(name)
            return Next()

        return Step(name, action)

    gate = Gate()
    definition = ProcessDefinition("work", Work, (step("one"), step("two", gate), step("three")))
    dying, survivor = world.worker(definition), world.worker(definition)
    await world.start(dying, "work", "1", Work())
    running = await enter(gate, dying)
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


async def test_a_zombie_can_neither_commit_nor_journal(world):
    gate = Gate()
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
    running = await enter(gate, zombie)
    await world.let_leases_pass()
    await survivor.run_until_idle()
    gate.open.set()
    await running
    assert attempts == [1, 2]
    assert await world.effects() == ["attempt 2"]


async def test_a_worker_that_slept_through_its_lease_does_not_start_a_call(world):
    gate = Gate()
    went_out = []

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        async with run.outside("AddOrder", fingerprint="f"):
            went_out.append(run.attempt)
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await enter(gate, engine)
    world.machine.advance(31)
    gate.open.set()
    await running
    assert 1 not in went_out


async def test_a_process_that_keeps_killing_its_workers_climbs_the_ladder(world):
    gates = []

    async def action(run: Run[Work]) -> Outcome:
        gate = Gate()
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


async def test_effects_commit_with_the_outcome_or_not_at_all(world):
    async def burst(transaction) -> None:
        raise ValueError("this effect cannot be written")

    async def action(run: Run[Work]) -> Outcome:
        effects = (world.effect("first"), burst) if run.attempt == 1 else (world.effect("second"),)
        run.state.done.append(f"attempt {run.attempt}")
        return Done(effects=effects)

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    await engine.run_until_idle()
    view = await world.view(engine, "work", "1")
    assert (view.status, view.state["done"], await world.effects()) == ("waiting", [], [])
    world.clock.advance(5)
    await engine.run_until_idle()
    view = await world.view(engine, "work", "1")
    assert (view.status, view.state["done"], await world.effects()) == ("done", ["attempt 2"], ["second"])


async def test_an_effect_may_start_another_process(world):
    async def first(run: Run[Work]) -> Outcome:
        async def start_next(transaction) -> None:
            await engine.start(transaction, "second", run.key, Work())

        return Done(effects=(start_next,))

    async def second(run: Run[Work]) -> Outcome:
        return Done()

    engine = world.worker(
        ProcessDefinition("first", Work, (Step("only", first),)),
        ProcessDefinition("second", Work, (Step("only", second),)),
    )
    await world.start(engine, "first", "1", Work())
    await engine.run_until_idle()
    assert (await world.view(engine, "second", "1")).status == "done"


async def test_a_call_that_never_ended_is_seen_by_the_next_attempt(world):
    gate = Gate()
    found = []

    async def action(run: Run[Work]) -> Outcome:
        found.extend(
            (entry.call, entry.state, entry.fingerprint, entry.attempt) for entry in await run.journal("AddOrder")
        )
        if run.attempt == 1:
            async with run.outside("AddOrder", fingerprint="abc"):
                await gate.pass_through()
        return Done()

    definition = ProcessDefinition("work", Work, (Step("only", action),))
    dying, survivor = world.worker(definition), world.worker(definition)
    await world.start(dying, "work", "1", Work())
    running = await enter(gate, dying)
    await world.let_leases_pass()
    await survivor.run_until_idle()
    assert found == [("AddOrder", "started", "abc", 1)]
    gate.open.set()
    await running


async def test_the_journal_tells_how_each_call_ended(world):
    entries = []

    async def action(run: Run[Work]) -> Outcome:
        async with run.outside("good", fingerprint="1") as intent:
            intent.external_id = "4711"
            intent.evidence["status"] = "Pending"
        with suppress(Refused):
            async with run.outside("refused", fingerprint="2"):
                raise Refused("CART_EMPTY")
        with suppress(ConnectionResetError):
            async with run.outside("lost", fingerprint="3"):
                raise ConnectionResetError
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01), run.outside("late", fingerprint="4"):
                await asyncio.sleep(5)
        entries.extend(await run.journal())
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    await engine.run_until_idle()
    assert [(entry.call, entry.state, entry.external_id) for entry in entries] == [
        ("good", "succeeded", "4711"),
        ("refused", "failed", None),
        ("lost", "unknown", None),
        ("late", "unknown", None),
    ]
    assert entries[0].evidence == {"status": "Pending"}
    assert entries[1].evidence == {"code": "CART_EMPTY"}
    assert entries[0].at == world.clock.now()


async def test_a_wake_up_during_a_step_is_not_lost(world):
    gate = Gate()
    runs = []

    async def action(run: Run[Work]) -> Outcome:
        runs.append(run.attempt)
        if len(runs) == 1:
            await gate.pass_through()
            return Wait(after=timedelta(days=1))
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await enter(gate, engine)
    assert await world.wake(engine, "work", "1")
    gate.open.set()
    await running
    assert (await world.view(engine, "work", "1")).status == "done"


async def test_a_wake_up_during_a_step_may_choose_what_follows(world):
    gate = Gate()
    ran = []

    async def action(run: Run[Work]) -> Outcome:
        ran.append(run.step)
        if run.step == "one":
            await gate.pass_through()
        return Next()

    steps = tuple(Step(name, action) for name in ("one", "two", "three"))
    engine = world.worker(ProcessDefinition("work", Work, steps))
    await world.start(engine, "work", "1", Work())
    running = await enter(gate, engine)
    await world.wake(engine, "work", "1", step="three")
    gate.open.set()
    await running
    assert ran == ["one", "three"]


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


async def test_cancelling_during_a_step_fences_the_step(world):
    gate = Gate()

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        return Done(effects=(world.effect("too late"),))

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await enter(gate, engine)
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


async def test_the_trace_of_the_starter_is_kept(world):
    async def action(run: Run[Work]) -> Outcome:
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    with continue_from(TRACE):
        await world.start(engine, "work", "1", Work())
    assert (await world.view(engine, "work", "1")).traceparent == TRACE


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


async def test_an_inline_step_goes_on_in_the_background_when_time_is_up(world):
    gate = Gate()

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


async def test_running_inline_waits_for_another_worker_that_was_faster(world):
    gate = Gate()

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        return Done()

    definition = ProcessDefinition("work", Work, (Step("only", action),))
    other, engine = world.worker(definition), world.worker(definition)
    await world.start(other, "work", "1", Work())
    running = await enter(gate, other)
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


async def test_stopping_gives_a_long_step_back_without_counting_a_crash(world):
    gate = Gate()
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


async def test_a_renewed_lease_holds_and_a_lost_one_does_not(world):
    gate = Gate()

    async def action(run: Run[Work]) -> Outcome:
        await gate.pass_through()
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    await world.start(engine, "work", "1", Work())
    running = await enter(gate, engine)
    (held,) = engine._leases
    asked = {held.claim.id: held.claim.lease}
    assert set(await world.store.renew(asked)) == {held.claim.id}
    assert not await world.store.renew({held.claim.id: held.claim.lease - 1})
    async with world.transaction() as transaction:
        await engine.cancel(transaction, "work", "1", "CART_EMPTY")
    assert not await world.store.renew(asked)
    gate.open.set()
    await running


async def test_a_worker_that_claims_its_own_lost_process_again_ends_its_former_run_first(world):
    gate = Gate()
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
    running = await enter(gate, engine)
    await world.let_leases_pass()
    await engine.run_until_idle()
    await running
    assert trail == ["enter 1", "leave 1", "enter 2", "leave 2"]
    assert await world.effects() == ["attempt 2"]


async def test_a_worker_that_finds_its_lease_gone_ends_the_run(world):
    gate = Gate()
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
    running = await enter(gate, engine)
    await engine._leases.renew()
    assert not ended
    async with world.transaction() as transaction:
        await engine.cancel(transaction, "work", "1", "CART_EMPTY")
    await engine._leases.renew()
    await running
    assert ended == ["cancelled"]
    assert (await world.view(engine, "work", "1")).status == "cancelled"


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


async def test_spans_of_a_process_link_to_the_trace_that_started_it(world):
    async def one(run: Run[Work]) -> Outcome:
        return Next()

    async def two(run: Run[Work]) -> Outcome:
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("one", one), Step("two", two))))
    collector = SpanCollector()
    with collector.recording(ratio=0.0):
        with continue_from(TRACE):
            await world.start(engine, "work", "1", Work())
        await world.start(engine, "work", "2", Work())
        await engine.run_until_idle()
    (process,) = collector.named("process work")
    assert (process.kind, process.links, process.parent_id) == ("consumer", (TRACE.split("-")[1],), None)
    assert process.attributes["portal.process.key"] == "1"
    assert collector.outline(process.trace_id) == (
        "test consumer process work\n  test internal work one\n  test internal work two"
    )


async def test_inline_steps_belong_to_the_callers_trace(world):
    async def action(run: Run[Work]) -> Outcome:
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    collector = SpanCollector()
    with collector.recording(), span("POST /orders", SERVER):
        await world.start(engine, "work", "1", Work(), inline=True)
        await engine.run_inline("work", "1", until=Deadline.after(5))
    (root,) = collector.named("POST /orders")
    assert collector.outline(root.trace_id).splitlines() == [
        "test server POST /orders",
        "  test consumer process work",
        "    test internal work only",
    ]
