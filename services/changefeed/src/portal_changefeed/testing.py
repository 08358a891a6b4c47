"""Fakes of the ports: an event bus that plays a script, and positions in memory."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from portal_changefeed.decoding import EventSchema
from portal_changefeed.ports import Batch, LeadershipLostError, Received, Stream
from portal_contracts.message import Event

Step = Batch | Exception | None


class ScriptedStream:
    """Plays its steps; at the end of the script the instance is told that somebody else was elected."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = deque(steps)
        self.asked: list[int] = []

    async def read(self) -> Batch | None:
        """Give or raise the next step."""
        if not self._steps:
            raise LeadershipLostError
        step = self._steps.popleft()
        if isinstance(step, Exception):
            raise step
        return step

    async def ask_for(self, number: int) -> None:
        """Note what was asked for."""
        self.asked.append(number)


class ScriptedPubSub:
    """Opens one scripted stream after another and remembers from where."""

    user_id: str | None = None

    def __init__(self, schemas: dict[str, EventSchema], *scripts: Sequence[Step]) -> None:
        self.schemas = schemas
        self._scripts = deque(scripts)
        self.opened: list[bytes | None] = []
        self.streams: list[ScriptedStream] = []
        self.logins = 0

    @asynccontextmanager
    async def open(self, topic: str, after: bytes | None, demand: int) -> AsyncIterator[Stream]:
        """Open the next script; without one the instance loses its election."""
        self.opened.append(after)
        if not self._scripts:
            raise LeadershipLostError
        script = self._scripts.popleft()
        stream = ScriptedStream(script)
        self.streams.append(stream)
        yield stream

    async def schema(self, schema_id: str) -> EventSchema:
        """Give a known schema."""
        return self.schemas[schema_id]

    async def log_in(self, stale: object) -> None:
        """Count."""
        self.logins += 1

    async def reconnect(self) -> None:
        """Nothing can be broken here."""


class PositionsInMemory:
    """Positions and everything that was recorded with them."""

    def __init__(self, position: bytes | None = None) -> None:
        self.at = position
        self.events: list[Event] = []
        self.raw: list[Received] = []
        self._seen: set[str] = set()

    async def position(self, topic: str) -> bytes | None:
        """Give the position."""
        return self.at

    async def take(self, topic: str, received: Sequence[Received], latest: bytes) -> int:
        """Keep all of it."""
        new = 0
        for one in received:
            if one.once and one.raw.event_id in self._seen:
                continue
            new += 1
            self._seen.add(one.raw.event_id)
            self.events += one.events
            self.raw += [one] if one.undecodable else []
        self.at = latest
        return new

    async def lose(self, topic: str, announcement: Event) -> None:
        """Forget the position."""
        self.at = None
        self.events.append(announcement)
