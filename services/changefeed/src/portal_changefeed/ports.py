"""What following a topic needs from outside."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from portal_changefeed.decoding import EventSchema
from portal_contracts.message import Event


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One event as delivered. `replay_id` is opaque: kept and given back unchanged."""

    event_id: str
    schema_id: str
    payload: bytes
    replay_id: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """One response: events in their order, or none and just the place the bus has reached."""

    events: tuple[RawEvent, ...]
    latest: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """An event and what came of it: our events, or why it could not be read (then it is stored raw)."""

    raw: RawEvent
    events: tuple[Event, ...]
    undecodable: str | None = None
    once: bool = False
    """Whether the same event id is passed on only once."""


class Stream(Protocol):
    """An open subscription. Every method raises StreamFailed."""

    async def read(self) -> Batch | None:
        """Give the next response; None when the other side ended the stream properly."""
        ...

    async def ask_for(self, number: int) -> None:
        """Ask for so many events more; at most 100 are ever owed."""
        ...


class PubSub(Protocol):
    """Salesforce's event bus."""

    user_id: str | None

    def open(self, topic: str, after: bytes | None, demand: int) -> AbstractAsyncContextManager[Stream]:
        """Open a stream strictly after a position; from the oldest event there is when there is no position."""
        ...

    async def schema(self, schema_id: str) -> EventSchema:
        """Give a schema by its id, from memory after the first time; StreamFailed or UndecodableError."""
        ...

    async def log_in(self, stale: object) -> None:
        """Replace the token a failure names, unless somebody did so already; raises portal problems."""
        ...

    async def reconnect(self) -> None:
        """Drop the connection: it may be dead without anybody having said so. Other streams reopen, too."""
        ...


class Positions(Protocol):
    """Where we are in each topic, kept with what came of it."""

    async def position(self, topic: str) -> bytes | None:
        """Give the last position whose events are all finished; None for EARLIEST."""
        ...

    async def take(self, topic: str, received: Sequence[Received], latest: bytes) -> int:
        """Record all events and the new position in one transaction; gives how many events were new.

        Raises LeadershipLostError when another instance has taken over meanwhile; then nothing is written.
        """
        ...

    async def lose(self, topic: str, announcement: Event) -> None:
        """Forget a position that Salesforce does not know and announce it, in one transaction."""
        ...


class LeadershipLostError(Exception):
    """Another instance follows the topics now, or we can no longer be sure that none does."""
