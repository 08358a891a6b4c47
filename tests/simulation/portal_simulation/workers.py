"""Workers: one process of a service, which may be killed at any await and is started again later."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

from portal_simulation.virtual_time import VirtualTimeLoop

_CURRENT: ContextVar["Worker | None"] = ContextVar("simulated_worker", default=None)


class WorkerKilled(BaseException):
    """Stands for kill -9: nothing of the worker catches it, and nothing more of it takes effect."""


class Worker:
    """The tasks of one process, and whether it lives.

    Everything that leaves the process or is written by it passes `reach`, which counts, may kill, and raises in a dead
    one. Being killed cancels every task, so that a wait anywhere is a place to die.
    """

    def __init__(self, service: str, number: int, reached: Callable[["Worker", str], None]) -> None:
        """`reached` is told each point; it may call `kill`."""
        self.service = service
        self.name = f"{service}-{number}"
        self.alive = True
        self.context = contextvars.Context()
        self.context.run(_CURRENT.set, self)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.frozen_until = 0.0
        """Loop time until which the process is stopped (SIGSTOP): nothing of it reaches the world, or hears of it."""
        self._reached = reached

    def __repr__(self) -> str:
        return self.name

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """Run something as part of this process."""
        task = asyncio.get_running_loop().create_task(work, context=self.context.copy())
        if name:
            task.set_name(f"{self.name} {name}")
        return task

    async def reach(self, point: str) -> None:
        """Pass a point between the process and the world; raises WorkerKilled in a dead one."""
        await self.thaw()
        self._reached(self, point)
        await self.thaw()

    async def thaw(self) -> None:
        """Wait while the process is stopped; raises WorkerKilled in a dead one."""
        self.check()
        while (left := self.frozen_until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)
        self.check()

    def check(self) -> None:
        """Raise in a dead process: what still unwinds there must not have an effect."""
        if not self.alive:
            raise WorkerKilled

    def kill(self) -> None:
        """End the process now."""
        self.alive = False
        for task in list(self.tasks):
            task.cancel()


def current_worker() -> Worker | None:
    """Give the worker this code runs in; None outside of all."""
    return _CURRENT.get()


def follow_tasks(loop: VirtualTimeLoop) -> None:
    """Let every task know the worker it belongs to: the one in whose context it was started."""

    def factory(
        _: asyncio.AbstractEventLoop,
        work: Any,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
        worker = context.get(_CURRENT) if context is not None else _CURRENT.get()
        if worker is not None:
            worker.tasks.add(task)
            task.add_done_callback(worker.tasks.discard)
            if not worker.alive:
                task.cancel()
        return task

    loop.set_task_factory(factory)


def unkilled(work: Callable[..., Awaitable[Any]]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Make the end of a worker the quiet end of a task of it."""

    async def quiet(*arguments: Any) -> None:
        try:
            await work(*arguments)
        except WorkerKilled:
            return

    return quiet
