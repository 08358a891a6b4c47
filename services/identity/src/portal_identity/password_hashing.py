"""Argon2id in processes of its own, on all cores but one and at most four (reference reliability.md (c) §1, §7).

Not in threads: they would compete for the processor with the weight of the whole service, however little they want it,
and everybody who is signed in waited half as long again while a flood of log-ins was hashed (docs/performance.md).
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, Final, cast

from portal_chassis.logs import get_logger
from portal_contracts.problems import TryLater
from portal_identity.password_policy import normal_password

WAITING: Final = 32
MOST_WORKERS: Final = 4
"""Each takes some 30 MB, and a host may have many cores of which a container may use one."""
WORK_SECONDS: Final = 30.0
"""A worker that takes longer is given up."""
END_SECONDS: Final = 2.0

log = get_logger(__name__)


class Argon2Hasher:
    """Has passwords hashed; more than 32 waiting callers are asked to come back. Close it in the end."""

    def __init__(self) -> None:
        self._at_once = min(max(1, (os.cpu_count() or 1) - 1), MOST_WORKERS)
        self._places = asyncio.Semaphore(self._at_once)
        self._idle: list[_Worker] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def hash(self, password: str) -> str:
        """Hash the normal form of a password. TryLater OVERLOADED or, when a worker died of it, SERVICE_UNAVAILABLE."""
        return cast("str", await self._work("make", normal_password(password)))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Compare with a hash; without one, compare with a hash nobody knows the password of. Raises as `hash`."""
        return cast("bool", await self._work("compare", normal_password(password), hashed))

    async def start(self) -> None:
        """Start a worker, so that the first who logs in need not wait for one; others start when they are wanted."""
        self._idle.append(await _Worker.start())

    async def close(self) -> None:
        """Finish what is under way and end the workers."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.end() for worker in self._idle))
        self._idle.clear()

    async def _work(self, *work: str | None) -> Any:
        if len(self._tasks) >= self._at_once + WAITING:
            raise TryLater("OVERLOADED")
        # In a task of its own: whoever gives up waiting must not leave its answer to the next one.
        task = asyncio.create_task(self._by_a_worker(work))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # perhaps nobody waits for it any more

    async def _by_a_worker(self, work: tuple[str | None, ...]) -> Any:
        async with self._places:
            try:
                worker = await self._idle_one()
            except OSError as error:
                log.exception("no worker for passwords can be started")
                raise TryLater("SERVICE_UNAVAILABLE") from error
            try:
                async with asyncio.timeout(WORK_SECONDS):
                    answer = await worker.do(work)
            except (OSError, EOFError, TimeoutError) as error:
                log.warning("a worker for passwords was lost", error=type(error).__name__)
                await worker.end()
                raise TryLater("SERVICE_UNAVAILABLE") from error
            self._idle.append(worker)
            return answer

    async def _idle_one(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
        return await _Worker.start()


class _Worker:
    """The other end of `argon2_worker.py`."""

    def __init__(self, process: Process, requests: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._process = process
        self._requests = requests
        self._answers = answers

    @classmethod
    async def start(cls) -> "_Worker":
        """Start one; it needs none of what our environment says. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "portal_identity.argon2_worker",
            stdin=PIPE,
            stdout=PIPE,
            env={},
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise OSError("a worker for passwords has no pipes")
        return cls(process, process.stdin, process.stdout)

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def do(self, work: tuple[str | None, ...]) -> Any:
        """Have one piece of work done. Raises EOFError or OSError when the worker is gone."""
        self._requests.write(json.dumps(work).encode() + b"\n")
        await self._requests.drain()
        answer = await self._answers.readline()
        if not answer:
            raise EOFError
        return json.loads(answer)

    async def end(self) -> None:
        """Close its pipe, which ends it once it is idle, and wait."""
        self._requests.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
