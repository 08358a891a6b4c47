"""A finished process whose time is over is reduced to its proof, on both stores (§5.10)."""

from datetime import timedelta

import pytest
from pydantic import BaseModel

from portal_chassis.process import Block, Done, Fail, Next, Outcome, ProcessDefinition, Proof, Run, Step, Wait

KIND = "sale"
PROOF = Proof(state=("order_id",), calls=("place",), evidence=("left",))
YEARS = timedelta(days=800)


class Sale(BaseModel):
    name: str
    order_id: str = ""
    outcome: str = "done"


async def ask(run: Run[Sale]) -> Outcome:
    async with run.outside("ask", fingerprint="1") as intent:
        intent.evidence["name"] = run.state.name
    return Next()


async def place(run: Run[Sale]) -> Outcome:
    if any(entry.external_id for entry in await run.journal("place")):
        return Done()  # it was placed before: a second one must not come of it
    run.state.order_id = f"order of {run.key}"
    async with run.outside("place", fingerprint="1") as intent:
        intent.external_id = run.state.order_id
        intent.evidence.update({"left": True, "name": run.state.name})
    match run.state.outcome:
        case "failed":
            return Fail("SIM_REFUSED", {"name": run.state.name})
        case "blocked":
            return Block("PAYMENT_METHOD_MISSING", facts={"name": run.state.name})
        case "waiting":
            return Wait(after=YEARS * 2, because=run.state.name)
    return Done()


SALE = ProcessDefinition(KIND, Sale, (Step("ask", ask), Step("place", place)), proof=PROOF)


@pytest.fixture
def reduce(world):
    async def run(kept: timedelta = timedelta(days=400), limit: int = 500) -> int:
        now = world.clock.now()
        async with world.transaction() as transaction:
            return await world.store.reduce(transaction, KIND, PROOF, ended_before=now - kept, now=now, limit=limit)

    return run


async def journal_of(world, key):
    """Give what a run of the process would read."""
    [claim] = await world.store.claim([KIND], world.clock.now(), 1, key=key)
    return await world.store.journal(claim.id)


async def test_what_proves_it_stays_and_the_person_goes(world, reduce):
    worker = world.worker(SALE)
    await world.start(worker, KIND, "1", Sale(name="Hanako", outcome="failed"), traceparent="00-1-2-01")
    await worker.run_until_idle()
    before = await world.view(worker, KIND, "1")
    world.clock.advance(YEARS)
    assert await reduce() == 1
    after = await world.view(worker, KIND, "1")
    assert (after.status, after.step, after.code) == ("failed", "place", "SIM_REFUSED")
    assert (after.started_at, after.updated_at) == (before.started_at, before.updated_at)
    assert (after.state, after.facts, after.because) == ({"order_id": "order of 1"}, {}, "")
    assert after.traceparent is None
    assert await reduce() == 0  # each once


async def test_a_reduced_process_is_not_started_twice(world, reduce):
    worker = world.worker(SALE)
    await world.start(worker, KIND, "1", Sale(name="Hanako"))
    await worker.run_until_idle()
    world.clock.advance(YEARS)
    assert await reduce() == 1
    assert not await world.start(worker, KIND, "1", Sale(name="Hanako"))
    assert not await world.wake(worker, KIND, "1")


async def test_one_that_is_opened_again_sees_what_it_has_done_and_is_whole(world, reduce):
    worker = world.worker(SALE)
    await world.start(worker, KIND, "1", Sale(name="Hanako", outcome="failed"))
    await worker.run_until_idle()
    world.clock.advance(YEARS)
    assert await reduce() == 1
    async with world.transaction() as transaction:
        assert await worker.reopen(transaction, KIND, "1", Sale(name="Taro"), "ask")
    [entry] = await journal_of(world, "1")
    assert (entry.call, entry.state, entry.external_id, entry.evidence) == (
        "place",
        "succeeded",
        "order of 1",
        {"left": True},
    )
    await world.let_leases_pass()
    await worker.run_until_idle()
    assert (await world.view(worker, KIND, "1")).state["name"] == "Taro"
    world.clock.advance(YEARS)
    assert await reduce() == 1  # its time begins anew


@pytest.mark.parametrize("outcome", ["blocked", "waiting"])
async def test_an_open_process_stays_whole_however_old(world, reduce, outcome):
    worker = world.worker(SALE)
    await world.start(worker, KIND, "1", Sale(name="Hanako", outcome=outcome))
    await worker.run_until_idle()
    world.clock.advance(YEARS)
    assert await reduce() == 0
    assert (await world.view(worker, KIND, "1")).state["name"] == "Hanako"


async def test_the_oldest_go_first_a_few_at_a_time_and_young_ones_stay(world, reduce):
    worker = world.worker(SALE)
    for key in "123":
        await world.start(worker, KIND, key, Sale(name="Hanako"))
        await worker.run_until_idle()
        world.clock.advance(timedelta(days=200))
    kept = timedelta(days=300)
    assert await reduce(kept, limit=1) == 1
    assert [(await world.view(worker, KIND, key)).state.get("name") for key in "123"] == [None, "Hanako", "Hanako"]
    assert (await reduce(kept, limit=1), await reduce(kept, limit=1)) == (1, 0)
    assert (await world.view(worker, KIND, "3")).state["name"] == "Hanako"


async def test_one_that_somebody_opens_at_this_moment_is_passed_over(world, reduce):
    worker = world.worker(SALE)
    await world.start(worker, KIND, "1", Sale(name="Hanako", outcome="failed"))
    await worker.run_until_idle()
    world.clock.advance(YEARS)
    async with world.transaction() as transaction:
        assert await worker.reopen(transaction, KIND, "1", Sale(name="Taro"), "ask")
        assert await reduce() == 0
    assert (await world.view(worker, KIND, "1")).state["name"] == "Taro"
