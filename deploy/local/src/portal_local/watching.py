"""One watched thing: started, watched until ready, started again with growing pauses when it ends unasked."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from portal_local.errors import LocalError
from portal_local.managed import Managed
from portal_local.servers.child import last_lines

_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_CALM_SECONDS: Final = 60.0
"""Having run this long, the next crash counts as the first."""


class State(StrEnum):
    """Where a process stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    CRASHED = "crashed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Report:
    """Something a person wants to see."""

    name: str
    state: State
    seconds: float = 0.0
    """How long the start took, when ready."""
    text: str = ""


Reporter = Callable[[Report], None]


@dataclass
class Watched:
    """A managed thing and what is known about it."""

    managed: Managed
    report: Reporter
    state: State = State.WAITING
    wanted: bool = False
    crashes: int = 0
    _launched_at: float = field(default=0.0)
    _again_at: float = field(default=0.0)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.managed.name

    def launch(self) -> None:
        """Start it; from now on it is wanted."""
        self.wanted = True
        self._launched_at = time.monotonic()
        self._move(State.STARTING)
        self.managed.launch()

    async def look(self) -> None:
        """Notice that it became ready."""
        if self.state is State.STARTING and await self.managed.answers() and self.state is State.STARTING:
            self._move(State.READY, seconds=time.monotonic() - self._launched_at)

    def doubt(self) -> None:
        """It was ready once; `look` asks it again."""
        if self.state is State.READY:
            self.state = State.STARTING

    def ended_unasked(self) -> bool:
        """Whether it is wanted and its process is gone."""
        return self.wanted and self.state in {State.STARTING, State.READY} and not self.managed.running

    def note_crash(self) -> None:
        """Plan its next start and say so, with its last words."""
        if time.monotonic() - self._launched_at > _CALM_SECONDS:
            self.crashes = 0
        pause = _PAUSES[min(self.crashes, len(_PAUSES) - 1)]
        self.crashes += 1
        self._again_at = time.monotonic() + pause
        last = last_lines(self.managed.log_path, 1)
        words = f"{self.managed.why_it_ended()}; starts again in {pause:g} s" + (f"; last line: {last}" if last else "")
        self.managed.kill()  # whatever it left behind
        self._move(State.CRASHED, text=words)

    def start_again_when_due(self) -> None:
        """Start a crashed one whose pause is over."""
        if self.state is not State.CRASHED or not self.wanted or time.monotonic() < self._again_at:
            return
        try:
            self.launch()
        except LocalError as error:
            self._again_at = time.monotonic() + _PAUSES[-1]
            self._move(State.CRASHED, text=f"{error}; tried again in {_PAUSES[-1]:g} s")

    def stopped(self) -> None:
        """It ended because it was told to."""
        self.wanted = False
        self._move(State.STOPPED)

    def _move(self, state: State, *, seconds: float = 0.0, text: str = "") -> None:
        self.state = state
        self.report(Report(self.name, state, seconds, text))
