"""Pulls from a durable consumer that somebody else made, and keeps doing so when it goes and comes back.

FastStream's subscribers call `pull_subscribe` and `fetch` on the JetStream context. nats-py's own versions create what
is missing (services may not), poll, stall for the rest of their timeout after a partial batch, and spin at 70-80 % of a
core when the durable is gone (libraries.md §1.5, §1.9). Here one pull request lingers at the server with an idle
heartbeat: messages come when they come, silence means that the durable or the server is gone, and then it is only
looked for twice a second until it is back.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext

from portal_chassis import bus_metrics
from portal_chassis.draining import drain
from portal_chassis.logs import get_logger
from portal_chassis.subscriptions import is_alive

_NANOSECONDS: Final = 1_000_000_000
_FINISHED: Final = frozenset({"404", "408"})
"""Statuses that end a pull request in the ordinary way: nothing there, or its time is over."""
_HEARTBEAT: Final = "100"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PullPace:
    """How a durable is pulled from; times in seconds."""

    batch: int = 64
    expires: float = 60.0
    heartbeat: float = 5.0
    look_again: float = 0.5
    look_at_pending: float = 15.0
    stuck: float = 180.0

    @property
    def silence(self) -> float:
        """How long without heartbeat or message means that nobody is there."""
        return 2 * self.heartbeat + 1


class DurablePull:
    """One durable consumer, as one instance of a service sees it. `present` says whether it answers."""

    def __init__(
        self, connection: Client, jetstream: JetStreamContext, stream: str, durable: str, pace: PullPace
    ) -> None:
        self.stream = stream
        self.durable = durable
        self.present = False
        self._connection = connection
        self._jetstream = jetstream
        self._pace = pace
        self._inbox = connection.new_inbox()
        self._subscription: Subscription | None = None
        self._buffer: deque[Msg] = deque()
        self._given: list[Msg] = []
        self._arrived = asyncio.Event()
        self._changed = asyncio.Event()
        self._renewed = asyncio.Event()
        self._requested = 0
        self._heard_at = 0.0
        self._moved_at = 0.0
        self._closed = False
        self._tending: asyncio.Task[None] | None = None
        bus_metrics.CONSUMER_PRESENT.labels(durable).set(0)

    async def open(self) -> None:
        """Subscribe to the private inbox and start asking."""
        self._subscription = await self._connection.subscribe(self._inbox, cb=self._received)
        self._tending = asyncio.create_task(self._tend(), name=f"pull-{self.durable}")

    async def fetch(self, batch: int = 1, timeout: float | None = None, heartbeat: float | None = None) -> list[Msg]:  # noqa: ASYNC109, ARG002 - FastStream calls it like this
        """Give what is there, up to `batch`; wait for the first message at most `timeout` seconds.

        FastStream asks again to fill a batch up; that question (for fewer than a whole batch) never waits. Raises
        nats.errors.TimeoutError when there is nothing.
        """
        if not self._buffer and (batch < self._pace.batch or not await self._wait_for_message(timeout)):
            raise NatsTimeout
        messages = [self._buffer.popleft() for _ in range(min(batch, len(self._buffer)))]
        self._moved_at = asyncio.get_running_loop().time()
        self._given = [message for message in self._given if not message.is_acked]
        self._given.extend(messages)
        if not self._buffer:
            self._arrived.clear()
            self._changed.set()
        return messages

    async def give_back(self, delay: float | None = None) -> None:
        """Return what was fetched ahead and not handed out, so that it does not wait for its acknowledgement time."""
        messages, self._buffer = list(self._buffer), deque()
        self._arrived.clear()
        for message in messages:
            await _return(message, delay)

    def listens(self) -> bool:
        """Whether the subscription and the task that keeps asking are there, unless ended on purpose."""
        if self._closed or self._subscription is None or self._tending is None:
            return True
        return is_alive(self._subscription) and not self._tending.done()

    def is_stuck(self) -> bool:
        """Whether something has been waiting here for minutes and nobody takes it up."""
        return bool(self._buffer) and asyncio.get_running_loop().time() - self._moved_at > self._pace.stuck

    def lose(self) -> None:
        """Know that the connection is gone, and with it the question at the server."""
        self._requested = 0
        self._be_present(present=False)
        self._changed.set()

    def renew(self) -> None:
        """Ask again at once: there is a new connection."""
        self.lose()
        self._renewed.set()

    async def stop_accepting(self) -> None:
        """Take nothing more and return what was not handed out."""
        if self._closed:
            return
        self._closed = True
        if self._tending is not None:
            self._tending.cancel()
        if self._subscription is not None:
            await drain(self._connection, self._subscription)
        await self.give_back()

    async def unsubscribe(self) -> None:
        """End; FastStream calls it last. What was handed out and not finished goes back to the server."""
        await self.stop_accepting()
        for message in self._given:
            if not message.is_acked:
                await _return(message, None)

    async def _wait_for_message(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - of one wait
        try:
            async with asyncio.timeout(timeout):
                await self._arrived.wait()
        except TimeoutError:
            return False
        return bool(self._buffer)

    async def _received(self, message: Msg) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        status = None if message.headers is None else message.headers.get("Status")
        if status is None or message.data:
            self._be_present(present=True)
            self._requested = max(0, self._requested - 1)
            if not self._buffer:
                self._moved_at = self._heard_at
            self._buffer.append(message)
            self._arrived.set()
            return
        if status == _HEARTBEAT:
            self._be_present(present=True)
            return
        self._requested = 0
        if status not in _FINISHED:
            description = (message.headers or {}).get("Description", "")
            log.info("the server ended a pull", durable=self.durable, status=status, description=description)
            self._be_present(present=False)
        self._changed.set()

    async def _tend(self) -> None:
        """Keep exactly one question at the server, or look for the durable while it is missing."""
        loop = asyncio.get_running_loop()
        looked_at = 0.0
        while not self._closed:
            self._changed.clear()
            self._renewed.clear()
            now = loop.time()
            try:
                if self._connection.is_connected and (not self.present or now - looked_at > self._pace.look_at_pending):
                    await self._look()
                    looked_at = now
                if self.present and self._requested and loop.time() - self._heard_at > self._pace.silence:
                    self._requested = 0
                    self._be_present(present=False)
                elif self.present and not self._requested and not self._buffer:
                    await self._ask()
            except NatsError as error:
                self._be_present(present=False)
                log.debug("a durable consumer does not answer", durable=self.durable, error=type(error).__name__)
            if self.present:
                await _wait(self._changed, self._pace.heartbeat)
            else:  # a change that keeps coming, such as a refusal of each question, must not make this loop spin
                await _wait(self._renewed, self._pace.look_again)

    async def _look(self) -> None:
        """Ask whether the durable is there; raises nats.errors.Error when it is not."""
        info = await self._jetstream.consumer_info(self.stream, self.durable, timeout=self._pace.heartbeat)
        bus_metrics.CONSUMER_PENDING.labels(self.durable).set(info.num_pending or 0)
        self._be_present(present=True)

    async def _ask(self) -> None:
        self._requested = self._pace.batch
        self._heard_at = asyncio.get_running_loop().time()
        question = {
            "batch": self._pace.batch,
            "expires": int(self._pace.expires * _NANOSECONDS),
            "idle_heartbeat": int(self._pace.heartbeat * _NANOSECONDS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.durable}"
        await self._connection.publish(subject, json.dumps(question).encode(), reply=self._inbox)

    def _be_present(self, *, present: bool) -> None:
        if present != self.present:
            self.present = present
            bus_metrics.CONSUMER_PRESENT.labels(self.durable).set(int(present))
            log.info("a durable consumer answers" if present else "a durable consumer is missing", durable=self.durable)


class PullingContext(JetStreamContext):
    """The JetStream context FastStream gets: its pull subscriptions bind to durables and never create one."""

    def __init__(self, connection: Client, pace: PullPace) -> None:
        super().__init__(connection)
        self._client = connection
        self._pace = pace
        self.pulls: dict[str, DurablePull] = {}

    async def pull_subscribe(  # type: ignore[override]  # ours has what FastStream calls on it, and no more
        self,
        subject: str,  # noqa: ARG002 - the durable's own filter says which subject it delivers
        durable: str | None = None,
        stream: str | None = None,
        **_: Any,
    ) -> DurablePull:
        """Open a pull on an existing durable; whether it is there shows in `present`, never as an exception."""
        if durable is None or stream is None:
            raise TypeError("a pull needs its stream and durable")
        pull = DurablePull(self._client, self, stream, durable, self._pace)
        await pull.open()
        self.pulls[durable] = pull
        return pull


async def _return(message: Msg, delay: float | None) -> None:
    try:
        await message.nak(delay=delay)
    except NatsError:
        log.debug("a message could not be given back", subject=message.subject)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most that many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
