"""A process store that kills its own process, or holds it still, exactly where a test wants it.

An order lies in a folder, in a file called `<service>@<step>@<point>`, and says `die` or `hold`. The first write that
fits takes the file away and acts on it: `die` is SIGKILL; `hold` waits until the test takes `<service>.held` away.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from portal_chassis.process_port import Change, Claim, Committed, ProcessStore

Point: TypeAlias = Literal[
    "before_intent", "after_intent", "after_reply", "before_commit", "after_commit", "before_ack"
]
POINTS: Final[tuple[Point, ...]] = ("before_intent", "after_intent", "after_reply", "before_commit", "after_commit")
"""Around a journalled call and around the end of a step; between effect and reply a fault of the sandbox can hang.

`before_ack` is of an event, whose subject is the step: its effect is committed, and the bus does not know.
"""
FOLDER: Final = "PORTAL_TESTING_DEATHS"
_LOOK: Final = 0.02


Act: TypeAlias = Literal["die", "hold"]


@dataclass(frozen=True)
class DeathOrders:
    """The folder of orders, from both sides."""

    folder: Path

    def give(self, service: str, step: str, point: Point, act: Act = "die") -> None:
        """Order what the service is to do when it gets there."""
        unfinished = self.folder / f"{service}.new"
        unfinished.write_text(act)
        unfinished.rename(self.folder / f"{service}@{step}@{point}")

    def held(self, service: str) -> bool:
        """Whether the service stands still where it was ordered to."""
        return (self.folder / f"{service}.held").exists()

    def let_go(self, service: str) -> None:
        """Let it go on."""
        (self.folder / f"{service}.held").unlink(missing_ok=True)

    def withdraw(self) -> None:
        """Take all orders back."""
        for file in self.folder.iterdir():
            file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Obedience:
    """A service's own side of the folder."""

    service: str
    folder: Path

    async def __call__(self, step: str, point: Point) -> None:
        """Act on the order for here, if there is one."""
        order, held = self.folder / f"{self.service}@{step}@{point}", self.folder / f"{self.service}.held"
        try:
            act = order.read_text()
        except FileNotFoundError:
            return
        if act == "die":
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        held.touch()
        order.unlink()
        while held.exists():  # noqa: ASYNC110 - another process takes it away
            await asyncio.sleep(_LOOK)


class MortalStore:
    """The `ProcessStore` port around another one, for one service's process of its own."""

    def __init__(self, store: ProcessStore, obey: Obedience) -> None:
        self._store = store
        self._obey = obey

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def journal_start(self, claim: Claim, call: str, fingerprint: str, now: datetime) -> int:
        """Commit an intent, around which the process may end."""
        started: int = await self._around(
            claim.step,
            "before_intent",
            "after_intent",
            lambda: self._store.journal_start(claim, call, fingerprint, now),
        )
        return started

    async def journal_finish(self, claim: Claim, *rest: Any) -> None:
        """Write what became of a call, before which the process may end."""
        await self._obey(claim.step, "after_reply")
        await self._store.journal_finish(claim, *rest)

    async def commit(self, claim: Claim, change: Change) -> Committed:
        """Write the end of a step, around which the process may end."""
        committed: Committed = await self._around(
            claim.step, "before_commit", "after_commit", lambda: self._store.commit(claim, change)
        )
        return committed

    async def _around(self, step: str, before: Point, after: Point, write: Callable[[], Awaitable[Any]]) -> Any:
        await self._obey(step, before)
        answer = await write()
        await self._obey(step, after)
        return answer
