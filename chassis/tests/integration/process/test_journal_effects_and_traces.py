"""What a step leaves behind: journal, effects and spans, on both stores."""

import asyncio
from contextlib import suppress

from pydantic import BaseModel

from portal_chassis.deadline import Deadline
from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step
from portal_chassis.telemetry import SERVER, continue_from, span
from portal_chassis.testing import SpanCollector
from portal_contracts.problems import Refused

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Work(BaseModel):
    """State of the test processes."""

    done: list[str] = []


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


async def test_a_call_that_never_ended_is_seen_by_the_next_attempt(world, new_gate):
    gate = new_gate()
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
    running = await gate.enter(dying)
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


async def test_the_trace_of_the_starter_is_kept(world):
    async def action(run: Run[Work]) -> Outcome:
        return Done()

    engine = world.worker(ProcessDefinition("work", Work, (Step("only", action),)))
    with continue_from(TRACE):
        await world.start(engine, "work", "1", Work())
    assert (await world.view(engine, "work", "1")).traceparent == TRACE


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
