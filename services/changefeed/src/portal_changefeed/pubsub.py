"""The gRPC side of Salesforce's Pub/Sub API: one channel, one stream per topic (reference salesforce.md 4)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
import grpc.aio

from portal_changefeed.decoding import EventSchema, UndecodableError, parse_schema
from portal_changefeed.failures import PREFIX, StreamFailed
from portal_changefeed.ports import Batch, RawEvent, Stream
from portal_changefeed.pubsub_proto import pubsub_pb2 as wire
from portal_changefeed.pubsub_stub import PubSubStub
from portal_contracts.problems import Misconfigured
from portal_salesforce import AccessToken, AccessTokens

T = TypeVar("T")

CALL_SECONDS: Final = 20.0
LARGEST_MESSAGE: Final = 16 * 1024 * 1024
_BROKEN: Final = (grpc.aio.UsageError, asyncio.InvalidStateError)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the bus is and how its connection is kept alive; times are seconds."""

    address: str
    ca_bundle: Path | None
    ping_every: float
    ping_answer: float


class GrpcPubSub:
    """The event bus. Token and channel are shared by all topics and replaced when they are worth nothing any more."""

    def __init__(self, endpoint: Endpoint, tokens: AccessTokens) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._channel: grpc.aio.Channel | None = None
        self._schemas: dict[str, EventSchema] = {}
        self.user_id: str | None = None

    @asynccontextmanager
    async def open(self, topic: str, after: bytes | None, demand: int) -> AsyncIterator[Stream]:
        """Open a stream; it is torn down for good at the end of the block, so that no event comes twice from two."""
        token = await self._usable_token()
        call = self._stub().subscribe(metadata=_metadata(token))
        stream = GrpcStream(call)
        try:
            await stream.begin(topic, after, demand)
            yield stream
        except StreamFailed as failure:
            failure.session = token
            raise
        finally:
            call.cancel()

    async def schema(self, schema_id: str) -> EventSchema:
        """Give a schema; one id means one schema for ever, so it is asked for once."""
        known = self._schemas.get(schema_id)
        if known is None:
            known = self._schemas[schema_id] = await self._fetch_schema(schema_id)
        return known

    async def _fetch_schema(self, schema_id: str) -> EventSchema:
        request = wire.SchemaRequest(schema_id=schema_id)
        token = await self._usable_token()
        try:
            found = await self._stub().get_schema(request, metadata=_metadata(token), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            failure = _failure(error.code(), error.details(), error.trailing_metadata())
            if failure.error_code == "schema.validation.failed":
                raise UndecodableError("salesforce does not know the event's schema") from failure
            raise failure from error
        return parse_schema(found.schema_json)

    async def may_subscribe(self, topic: str) -> bool:
        """Whether our user may listen to a topic (R275). StreamFailed NOT_FOUND for one that is not there for us."""
        token = await self._usable_token()
        request = wire.TopicRequest(topic_name=topic)
        try:
            found = await self._stub().get_topic(request, metadata=_metadata(token), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise _failure(error.code(), error.details(), error.trailing_metadata()) from error
        return bool(found.can_subscribe)

    async def log_in(self, stale: object) -> None:
        """Replace the token unless that happened already: six topics meet the end of one session."""
        if isinstance(stale, AccessToken):
            await self._tokens.renew(stale)

    async def reconnect(self) -> None:
        """Close the channel; the next stream gets a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(0)

    close = reconnect

    async def _usable_token(self) -> AccessToken:
        token = await self._tokens.current()
        if not token.opaque:
            message = "the connected app issues JWT tokens, which the Pub/Sub API refuses"
            raise Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": message})
        self.user_id = token.user_id
        return token

    def _stub(self) -> PubSubStub:
        if self._channel is None:
            self._channel = self._new_channel()
        return PubSubStub(self._channel)

    def _new_channel(self) -> grpc.aio.Channel:
        endpoint = self._endpoint
        authorities = endpoint.ca_bundle.read_bytes() if endpoint.ca_bundle is not None else None
        options = (
            ("grpc.keepalive_time_ms", int(endpoint.ping_every * 1000)),
            ("grpc.keepalive_timeout_ms", int(endpoint.ping_answer * 1000)),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.enable_retries", 0),
            # A rebuilt channel must be a new connection: a shared one may be the dead one.
            ("grpc.use_local_subchannel_pool", 1),
        )
        return grpc.aio.secure_channel(endpoint.address, grpc.ssl_channel_credentials(authorities), options=options)


class GrpcStream:
    """One open subscription. Reads and writes come from one task, so writes never cross."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def begin(self, topic: str, after: bytes | None, demand: int) -> None:
        """Send the first request, the only one that names topic and position."""
        await self._write(
            wire.FetchRequest(
                topic_name=topic,
                replay_preset=wire.EARLIEST if after is None else wire.CUSTOM,
                replay_id=after or b"",
                num_requested=demand,
            )
        )

    async def ask_for(self, number: int) -> None:
        """Ask for so many events more."""
        await self._write(wire.FetchRequest(num_requested=number))

    async def read(self) -> Batch | None:
        """Give the next response, None at a proper end."""
        response = await self._guarded(self._call.read())
        if response is grpc.aio.EOF:
            await self._raise_status()
            return None
        events = tuple(
            RawEvent(each.event.id, each.event.schema_id, each.event.payload, each.replay_id)
            for each in response.events
        )
        return Batch(events, response.latest_replay_id)

    async def _write(self, request: wire.FetchRequest) -> None:
        await self._guarded(self._call.write(request))

    async def _guarded(self, step: Awaitable[T]) -> T:
        try:
            return await step
        except grpc.aio.AioRpcError as error:
            raise _failure(error.code(), error.details(), error.trailing_metadata()) from error
        except _BROKEN as error:  # the call ended while we were writing: its status says why
            await self._raise_status()
            raise StreamFailed("UNAVAILABLE", details=str(error)) from error
        except asyncio.CancelledError:
            # grpc says so as well when the channel was closed under the stream, which is not the end of our task.
            task = asyncio.current_task()
            if task is None or task.cancelling() or not self._call.cancelled():
                raise
            raise StreamFailed("CANCELLED", details="the channel was closed") from None

    async def _raise_status(self) -> None:
        code = await self._call.code()
        if code is not grpc.StatusCode.OK:
            raise _failure(code, await self._call.details(), await self._call.trailing_metadata())


def _metadata(token: AccessToken) -> tuple[tuple[str, str], ...]:
    return (("accesstoken", token.value), ("instanceurl", token.instance_url), ("tenantid", token.organization_id))


def _failure(code: grpc.StatusCode, details: str | None, trailers: Any) -> StreamFailed:
    found = {str(key): value for key, value in trailers or ()}
    error_code, rpc_id = (_text(found.get(name, "")) for name in ("error-code", "rpc-id"))
    return StreamFailed(code.name, error_code.removeprefix(PREFIX), details or "", rpc_id)


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
