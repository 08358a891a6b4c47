import asyncio

from pydantic import BaseModel

from portal_chassis.deadline import Deadline
from portal_chassis.process import Done, Outcome, ProcessDefinition, ProcessEngine, Run, Step
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import InMemoryDatabase, ManualClock


class Nothing(BaseModel):
    pass


async def test_a_worker_whose_callers_run_more_than_it_has_places_for_claims_none() -> None:
    clock, go_on = ManualClock(), asyncio.Event()

    async def wait(_: Run[Nothing]) -> Outcome:
        await go_on.wait()
        return Done()

    worker = ProcessEngine(InMemoryProcessStore(clock), clock, clock, at_once=1)
    worker.register(ProcessDefinition("errand", Nothing, (Step("wait", wait),)))
    async with InMemoryDatabase().transaction() as transaction:
        for key in ("a", "b", "c"):
            await worker.start(transaction, "errand", key, Nothing())
    until = Deadline.after(30.0)
    inline = [asyncio.create_task(worker.run_inline("errand", key, until=until)) for key in ("a", "b")]
    await asyncio.sleep(0.05)
    assert await worker._claim_some() is False
    go_on.set()
    assert [view.status for view in await asyncio.gather(*inline)] == ["done", "done"]
