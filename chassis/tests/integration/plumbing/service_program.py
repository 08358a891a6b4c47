"""A service for the lifecycle tests: what it does is said by its first argument."""

import asyncio
import signal
import sys
import time

from pydantic import BaseModel

from portal_chassis.process import Done, Outcome, ProcessDefinition, Run, Step
from portal_chassis.service import Service, run


class Greeting(BaseModel):
    """State of the process."""

    text: str


async def wire(service: Service) -> None:
    mode = sys.argv[1]

    async def closing() -> None:
        sys.stdout.write('{"event": "closed by on_stop"}\n')

    service.on_stop(closing)
    if mode == "broken wiring":
        raise ValueError("this cannot be wired")
    if mode == "dying background":

        async def die() -> None:
            await asyncio.sleep(0.05)
            raise RuntimeError("the feed is gone")

        service.background("feed", die)
    if mode == "blocking":

        def block() -> None:
            sys.stdout.write('{"event": "blocking"}\n')
            sys.stdout.flush()
            time.sleep(3.2)

        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, block)
    if mode == "process":

        async def greet(run: Run[Greeting]) -> Outcome:
            sys.stdout.write(f'{{"event": "greeted {run.state.text}"}}\n')
            sys.stdout.flush()
            return Done()

        service.processes.register(ProcessDefinition("greeting", Greeting, (Step("greet", greet),)))
        async with service.database.transaction() as transaction:
            await service.processes.start(transaction, "greeting", "1", Greeting(text="hello"))


if __name__ == "__main__":
    if sys.argv[2] == "with database":
        run("billing", wire, migrations="portal_chassis")
    else:
        run("support", wire)
