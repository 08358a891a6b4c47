"""A worker for the kill tests: runs the process `line`, stops inside its outside call until told to go on."""

import asyncio
import json
import logging
import sys

from pydantic import BaseModel

from portal_chassis import logs
from portal_chassis.clocks import RealClock
from portal_chassis.postgres import Database, Transaction
from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, ProcessEngine, Run, StaleLease, Step
from portal_chassis.process_store import PostgresProcessStore


class Line(BaseModel):
    """State of the process."""

    done: list[str] = []


def say(word: str, **more: object) -> None:
    sys.stdout.write(json.dumps({"said": word, **more}) + "\n")
    sys.stdout.flush()


async def main(database_url: str, *, block: bool) -> None:
    logs.configure("worker", "ERROR")
    logging.getLogger().setLevel(logging.CRITICAL)
    told = asyncio.Event()
    blocking = [block]

    async def first(run: Run[Line]) -> Outcome:
        run.state.done.append("first")
        return Next()

    async def call(run: Run[Line]) -> Outcome:
        journal = [entry.state for entry in await run.journal("AddOrder")]
        try:
            async with run.outside("AddOrder", fingerprint="f"):
                say("outside", attempt=run.attempt, crashed=run.crashed, journal=journal)
                if blocking.pop() if blocking else False:
                    await told.wait()
        except StaleLease:
            say("stale")
            raise
        run.state.done.append("call")
        return Next()

    async def last(run: Run[Line]) -> Outcome:
        async def note(transaction: Transaction) -> None:
            await transaction.execute("INSERT INTO happened (name) VALUES ('last')")

        run.state.done.append("last")
        return Done(effects=(note,))

    database = Database(database_url, name="worker")
    await database.connect()
    engine = ProcessEngine(PostgresProcessStore(database), RealClock(), poll_seconds=0.05)
    engine.register(ProcessDefinition("line", Line, (Step("first", first), Step("call", call), Step("last", last))))
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: (sys.stdin.readline(), told.set()))
    say("ready")
    await engine.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], block=sys.argv[2] == "block"))
