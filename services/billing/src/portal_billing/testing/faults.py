"""What can become of one call to WHMCS, chosen by a test; and effects that land later than anybody waits."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from portal_billing.ports import Unclear
from portal_chassis.testing import ManualClock
from portal_contracts.problems import Misconfigured, TryLater

R = TypeVar("R")

Kind = Literal[
    "fine", "down", "forbidden", "lost_before", "lost_after", "late", "paused", "killed_before", "killed_after"
]


class Killed(BaseException):
    """The worker is gone, as with kill -9: nobody catches this."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a call. `after` is the delay of `late` and `paused`, in seconds of the clock."""

    kind: Kind = "fine"
    after: float = 0.0


@dataclass(slots=True)
class Fates:
    """Decides the fate of each call by name, and lands late effects when their time has come."""

    clock: ManualClock
    choose: Callable[[str], Fate] = field(default=lambda _: Fate())
    calls: list[str] = field(default_factory=list)
    on_kill: Callable[[], None] = field(default=lambda: None)
    late: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)
    paused: list[tuple[datetime, asyncio.Event]] = field(default_factory=list)

    async def read(self, call: str, look: Callable[[], R]) -> R:
        """Carry a read out."""
        self.land()
        self.calls.append(call)
        fate = self.choose(call)
        await asyncio.sleep(0)
        if fate.kind == "forbidden":
            raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": call})
        if fate.kind == "down":
            raise TryLater("WHMCS_UNAVAILABLE")
        if fate.kind.startswith("killed"):
            self._kill()
        return look()

    async def write(self, call: str, effect: Callable[[], R], *, send_by: float) -> R:
        """Carry a write out, or not, or later, or without saying so."""
        self.land()
        self.calls.append(call)
        fate = self.choose(call)
        await asyncio.sleep(0)
        if self.clock.monotonic() >= send_by or fate.kind == "down":
            raise TryLater("WHMCS_UNAVAILABLE")
        if fate.kind == "forbidden":
            raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": call})
        due = self.clock.now() + timedelta(seconds=fate.after)
        if fate.kind == "killed_before":
            self._kill()
        if fate.kind == "lost_before":
            raise Unclear(call, "lost before the effect")
        if fate.kind == "late":
            self.late.append((due, effect))
            raise Unclear(call, "lost, the effect comes later")
        if fate.kind == "paused":  # between the last check and the socket write: the worker itself sleeps
            woken = asyncio.Event()
            self.paused.append((due, woken))
            await woken.wait()
        done = effect()
        if fate.kind == "killed_after":
            self._kill()
        if fate.kind == "lost_after":
            raise Unclear(call, "lost after the effect")
        return done

    def land(self) -> None:
        """Let what is due happen; a refused late effect has nobody to be told."""
        now = self.clock.now()
        due = [entry for entry in self.late if entry[0] <= now]
        self.late = [entry for entry in self.late if entry[0] > now]
        for _, effect in due:
            effect()
        for moment, woken in self.paused:
            if moment <= now:
                woken.set()

    def _kill(self) -> None:
        self.on_kill()
        raise Killed
