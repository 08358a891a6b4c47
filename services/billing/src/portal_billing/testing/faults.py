"""What can become of one call to WHMCS, chosen by a test; and effects that land later than anybody waits."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from portal_billing.ports import Unclear
from portal_chassis.testing import ManualClock
from portal_contracts.problems import Misconfigured, Refused, TryLater

R = TypeVar("R")

Kind = Literal[
    "fine",
    "down",
    "forbidden",
    "says_no",
    "stale",
    "lost_before",
    "lost_after",
    "late",
    "slow",
    "paused",
    "killed_before",
    "killed_after",
    "killed_late",
]
"""`slow` sleeps before the last look at the send deadline, `paused` after it; `stale` is for reads alone."""


class Killed(BaseException):
    """The worker is gone, as with kill -9: nobody catches this."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a call. `after` is the delay of all that come late or sleep, in seconds of the clock."""

    kind: Kind = "fine"
    after: float = 0.0


@dataclass(slots=True)
class Fates:
    """Decides the fate of each call by name, and lands late effects when their time has come."""

    clock: ManualClock
    choose: Callable[[str], Fate] = field(default=lambda _: Fate())
    calls: list[str] = field(default_factory=list)
    on_kill: Callable[[], None] = field(default=lambda: None)
    on_sleep: Callable[[], None] = field(default=lambda: None)
    late: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)
    paused: list[tuple[datetime, asyncio.Event]] = field(default_factory=list)

    async def read(self, call: str, look: Callable[[], R], old: Callable[[], R] | None = None) -> R:
        """Carry a read out; `old` looks at what was there before the last write."""
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
        return old() if old is not None and fate.kind == "stale" else look()

    async def write(self, call: str, effect: Callable[[], R], *, send_by: float) -> R:
        """Carry a write out, or not, or later, or without saying so."""
        self.land()
        self.calls.append(call)
        fate = self.choose(call)
        await asyncio.sleep(0)
        due = self.clock.now() + timedelta(seconds=fate.after)
        if fate.kind == "slow":
            await self._sleep(due)
        self._refuse(call, fate, late=self.clock.monotonic() >= send_by)
        if fate.kind == "killed_before":
            self._kill()
        if fate.kind == "lost_before":
            raise Unclear(call, "lost before the effect")
        if fate.kind in ("late", "killed_late"):
            self.late.append((due, effect))
        if fate.kind == "killed_late":
            self._kill()
        if fate.kind == "late":
            raise Unclear(call, "lost, the effect comes later")
        if fate.kind == "paused":  # between the last check and the socket write: the worker itself sleeps
            await self._sleep(due)
        done = effect()
        if fate.kind == "killed_after":
            self._kill()
        if fate.kind == "lost_after":
            raise Unclear(call, "lost after the effect")
        return done

    @staticmethod
    def _refuse(call: str, fate: Fate, *, late: bool) -> None:
        """Say that nothing was done, in one of three ways."""
        if late or fate.kind == "down":
            raise TryLater("WHMCS_UNAVAILABLE")
        if fate.kind == "forbidden":
            raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": call})
        if fate.kind == "says_no":
            raise Refused("WHMCS_ORDER_REFUSED", facts={"message": call})

    async def _sleep(self, due: datetime) -> None:
        woken = asyncio.Event()
        self.paused.append((due, woken))
        self.on_sleep()
        await woken.wait()

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
        self.paused = [entry for entry in self.paused if entry[0] > now]

    def _kill(self) -> None:
        self.on_kill()
        raise Killed
