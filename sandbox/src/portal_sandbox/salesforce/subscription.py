"""One Subscribe stream: demand, delivery, keep-alives, and its ways to go wrong (reference/salesforce.md 4.4-4.6)."""

import asyncio
import secrets
import time
from typing import Any

import grpc

from portal_sandbox.salesforce.event_bus import BusEvent
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.pubsub_proto import pubsub_pb2 as wire
from portal_sandbox.salesforce.refusals import Refusal
from portal_sandbox.salesforce.tokens import Tokens
from portal_sandbox.salesforce.topics import KnownTopic, find_topic

MAX_DEMAND = 100
LONGEST_WAIT = 5.0


class Subscription:
    """Serves one stream until the client leaves or a rule ends it."""

    def __init__(
        self, org: Org, tokens: Tokens, token: str, context: Any, rpc_id: str, *, closing: asyncio.Event
    ) -> None:
        self._org = org
        self._bus = org.bus
        self._switches = org.switches
        self._closing = closing
        self._tokens = tokens
        self._token = token
        self._context = context
        self._rpc_id = rpc_id
        self._topic_name = ""
        self._position = 0
        self._demand = 0
        self._refusal: Refusal | None = None
        self._half_closed = False
        self._last_sent = time.monotonic()
        self._drained_at = time.monotonic()
        self._stream_generation = org.switches.number("streamGeneration")

    async def run(self) -> None:
        """Serves the stream. Refusal when it has to end with a status."""
        first = await self._context.read()
        if first == grpc.aio.EOF:
            return
        known = self._open(first)
        reader = asyncio.get_running_loop().create_task(self._read())
        try:
            await self._serve(known)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    def _open(self, request: Any) -> KnownTopic:
        if not request.topic_name:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "topic.validation.empty", "Topic name is blank.")
        known = find_topic(self._org.schema, request.topic_name)
        if known is None:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "topic.not.found", f"No topic {request.topic_name}.")
        self._topic_name = request.topic_name
        self._add_demand(request.num_requested)
        if self._refusal is not None:
            raise self._refusal
        self._position = self._start(request)
        return known

    def _start(self, request: Any) -> int:
        if request.replay_preset == wire.EARLIEST:
            return 0
        if request.replay_preset != wire.CUSTOM:
            return self._bus.latest_position()
        if not request.replay_id:
            raise Refusal(
                grpc.StatusCode.INVALID_ARGUMENT,
                "subscription.fetch.replayid.validation.failed",
                "The replay preset CUSTOM needs a replay id.",
            )
        position = self._bus.decode(request.replay_id)
        if position is None:
            raise Refusal(
                grpc.StatusCode.INVALID_ARGUMENT,
                "subscription.fetch.replayid.corrupted",
                "The Replay ID validation failed. Ensure that the Replay ID is valid.",
            )
        return position

    async def _read(self) -> None:
        while True:
            request = await self._context.read()
            if request == grpc.aio.EOF:
                self._half_closed = True
            elif request.topic_name and request.topic_name != self._topic_name:
                self._refusal = Refusal(
                    grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.topic.mismatch", "The topic name changed."
                )
            else:
                self._add_demand(request.num_requested)
            self._bus.wake()
            if self._half_closed or self._refusal is not None:
                return

    def _add_demand(self, number: int) -> None:
        if number <= 0:
            self._refusal = Refusal(
                grpc.StatusCode.INVALID_ARGUMENT,
                "subscription.fetch.requested.events.invalid",
                "The number of requested events must be positive.",
            )
            return
        self._demand = min(self._demand + number, MAX_DEMAND)

    async def _serve(self, known: KnownTopic) -> None:
        while not (self._half_closed or self._closing.is_set()):
            self._check_health()
            if self._switches.is_on("silentStall"):
                self._last_sent = self._drained_at = time.monotonic()
            elif self._demand > 0:
                events = self._bus.after(known.topic, self._position, self._demand)
                if events:
                    await self._deliver(events)
                    continue
                if time.monotonic() - self._last_sent >= self._switches.number("keepAliveSeconds"):
                    await self._keep_alive()
                    continue
            elif time.monotonic() - self._drained_at >= self._switches.number("idleCloseSeconds"):
                return
            await self._bus.wait(self._pause())

    def _check_health(self) -> None:
        if self._refusal is not None:
            raise self._refusal
        if self._switches.number("streamGeneration") != self._stream_generation:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "", "RST_STREAM closed stream. HTTP/2 error code: NO_ERROR")
        if self._switches.is_on("pubsubUnavailable"):
            raise Refusal.unavailable()
        if self._switches.text("pubsubTokenCheck") == "live" and self._tokens.find(self._token) is None:
            raise Refusal.unauthenticated()

    async def _deliver(self, events: list[BusEvent]) -> None:
        # The real bus cuts batches wherever it likes; a client may not rely on one response per publication.
        batch = events[: 1 + secrets.randbelow(len(events))]
        copies = 2 if self._switches.is_on("duplicateDelivery") else 1
        self._position = batch[-1].position
        self._demand -= len(batch)
        await self._send([self._consumer_event(event) for event in batch for _ in range(copies)], self._position)

    async def _keep_alive(self) -> None:
        self._position = max(self._position, self._bus.latest_mark())
        await self._send([], self._position)

    async def _send(self, events: list[Any], position: int) -> None:
        now = time.monotonic()
        self._last_sent = now
        if self._demand == 0:
            self._drained_at = now
        await self._context.write(
            wire.FetchResponse(
                events=events,
                latest_replay_id=self._bus.encode(position),
                rpc_id=self._rpc_id,
                pending_num_requested=self._demand,
            )
        )

    def _consumer_event(self, event: BusEvent) -> Any:
        produced = wire.ProducerEvent(id=event.event_id, schema_id=event.schema_id, payload=event.payload)
        return wire.ConsumerEvent(event=produced, replay_id=self._bus.encode(event.position))

    def _pause(self) -> float:
        """Until the next thing that time alone brings."""
        if self._demand > 0:
            due = self._last_sent + self._switches.number("keepAliveSeconds")
        else:
            due = self._drained_at + self._switches.number("idleCloseSeconds")
        return min(max(due - time.monotonic(), 0.01), LONGEST_WAIT)
