"""Open order pages: server-sent events of an order's timeline, resumed by Last-Event-ID (D12).

A hint on the bus only wakes a stream; what it shows is always asked for, with the caller's own rights. So a lost hint
costs freshness until the bus is back or the stream's life ends and the browser connects again, never correctness.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_contracts.orders import Timeline, TimelineEntry, TimelineGrew
from portal_contracts.problems import PortalProblem, Refused
from portal_gateway.limits import InFlight
from portal_gateway.ports import Asks
from portal_gateway.reply import Receive, Send

SEND_SECONDS: Final = 30.0
"""How long a client may take to read what was sent before it counts as gone."""
AGAIN_SECONDS: Final = 5.0
"""Pause before asking again when orders could not answer."""
RECONNECT_MILLISECONDS: Final = 2000
ALIVE: Final = b": alive\n\n"

Read = Callable[[int], Awaitable[Timeline]]
"""Ask for the entries after a sequence number, as the stream's caller."""

log = get_logger(__name__)


class OpenStream:
    """One stream's ear: woken by hints, ended by log-out, shutdown or the client."""

    def __init__(self, order_id: str, session_id: str) -> None:
        self.order_id = order_id
        self.session_id = session_id
        self.ended = False
        self._wake = asyncio.Event()
        self.grown = False

    def hint(self) -> None:
        """Say that there may be something new."""
        self.grown = True
        self._wake.set()

    def end(self) -> None:
        """Say that it is over."""
        self.ended = True
        self._wake.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for a hint or the end, at most so long; tells whether it goes on."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
        return not self.ended


class TimelineStreams:
    """All open streams of this instance."""

    def __init__(self, clock: MachineClock, places: InFlight, heartbeat_seconds: float, longest_seconds: float) -> None:
        self._clock = clock
        self._places = places
        self._heartbeat = heartbeat_seconds
        self._longest = longest_seconds
        self._again = AGAIN_SECONDS
        self._open: set[OpenStream] = set()

    def register(self, bus: Asks) -> None:
        """Watch timelines; after a lost connection every stream looks again."""

        @bus.watches(TimelineGrew)
        async def on_timeline_grew(event: TimelineGrew) -> None:
            for stream in self._open:
                if stream.order_id == event.order_id:
                    stream.hint()

        async def look_again() -> None:
            for stream in self._open:
                stream.hint()

        bus.on_reconnect(look_again)

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def end_session(self, session_id: str) -> None:
        """End the streams of a session that has ended."""
        for stream in self._open:
            if stream.session_id == session_id:
                stream.end()

    def end_all(self) -> None:
        """End every stream, for a shutdown; browsers connect again elsewhere."""
        for stream in self._open:
            stream.end()

    def open(self, order_id: str, session_id: str) -> OpenStream:
        """Start listening, before the first read so that nothing falls between. End it with `close`.

        Raises TryLater OVERLOADED when there are too many, of the session or in all.
        """
        self._places.enter(session_id)
        stream = OpenStream(order_id, session_id)
        self._open.add(stream)
        return stream

    def close(self, stream: OpenStream) -> None:
        """Stop listening and give the place back."""
        self._open.remove(stream)
        self._places.leave(stream.session_id)

    async def run(self, stream: OpenStream, first: Timeline, read: Read, receive: Receive, send: Send) -> None:
        """Send the first entries, then what is added, until somebody ends it."""
        gone = asyncio.create_task(_until_gone(receive, stream))
        try:
            await self._follow(stream, first, read, send)
        except TimeoutError:
            log.info("a timeline's reader is gone without saying so")
        finally:
            gone.cancel()

    async def _follow(self, stream: OpenStream, first: Timeline, read: Read, send: Send) -> None:
        until = self._clock.monotonic() + self._longest
        await _write(send, f"retry: {RECONNECT_MILLISECONDS}\n\n".encode() + _events(first))
        last = first.last_sequence
        while self._clock.monotonic() < until and await stream.wait(0 if stream.grown else self._heartbeat):
            if not stream.grown:
                await _write(send, ALIVE)
                continue
            stream.grown = False
            try:
                timeline = await read(last)
            except Refused:
                return  # the session or the order is not the caller's any more: connecting again says which
            except PortalProblem:
                await stream.wait(self._again)
                stream.grown = True
                continue
            last = max(last, timeline.last_sequence)
            await _write(send, _events(timeline))


def _events(timeline: Timeline) -> bytes:
    return b"".join(_event(entry) for entry in timeline.entries)


def _event(entry: TimelineEntry) -> bytes:
    return f"id: {entry.sequence}\nevent: timeline\ndata: {entry.model_dump_json()}\n\n".encode()


async def _write(send: Send, chunk: bytes) -> None:
    if chunk:
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _until_gone(receive: Receive, stream: OpenStream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()
