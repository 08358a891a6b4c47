"""The Pub/Sub API over gRPC with TLS (reference/salesforce.md 4), without PublishStream and ManagedSubscribe."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc

from portal_sandbox.core import Core
from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.pubsub_methods import handlers_of
from portal_sandbox.salesforce.pubsub_proto import pubsub_pb2 as wire
from portal_sandbox.salesforce.refusals import Refusal
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.salesforce.subscription import Subscription
from portal_sandbox.salesforce.switches import VENDOR
from portal_sandbox.salesforce.tokens import Tokens
from portal_sandbox.salesforce.topics import KnownTopic, find_topic

STOP_GRACE_SECONDS = 0.2
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
Result = TypeVar("Result")


class PubSubServer:
    """The running server."""

    def __init__(self, server: Any, service: "PubSubService", port: int) -> None:
        self._server = server
        self._service = service
        self.port = port

    async def stop(self) -> None:
        """Ends open streams and closes the port."""
        self._service.close()
        await self._server.stop(STOP_GRACE_SECONDS)


class PubSubService:
    """Checks the caller, then answers; every refusal carries its trailers."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._org: Org = org_of(core)
        self._tokens = Tokens(core, self._org.switches)
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Lets open streams end by themselves."""
        self._closing.set()
        self._org.bus.wake()

    async def GetTopic(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's own name
        """A topic's schema and rights."""

        async def work(rpc_id: str, token: str) -> Any:
            known = self._topic(request.topic_name, token)
            schema_id = self._org.bus.announce_schema(known.schema) if known.schema is not None else ""
            return wire.TopicInfo(
                topic_name=request.topic_name,
                tenant_guid=f"core/sandbox/{ids.ORGANIZATION_ID}",
                can_publish=known.can_publish,
                can_subscribe=True,
                schema_id=schema_id,
                rpc_id=rpc_id,
            )

        return await self._guarded("GetTopic", context, work)

    async def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802 - the same
        """The Avro schema of an id, for ever."""

        async def work(rpc_id: str, _: str) -> Any:
            body = self._org.bus.find_schema(request.schema_id) if request.schema_id else None
            if body is None:
                raise Refusal(
                    grpc.StatusCode.INVALID_ARGUMENT, "schema.validation.failed", "The schema id is blank or unknown."
                )
            return wire.SchemaInfo(schema_json=body, schema_id=request.schema_id, rpc_id=rpc_id)

        return await self._guarded("GetSchema", context, work)

    async def Publish(self, request: Any, context: Any) -> Any:  # noqa: N802 - the same
        """Publishes platform events; payloads are not looked at, as in the real service."""

        async def work(rpc_id: str, token: str) -> Any:
            known = self._topic(request.topic_name, token)
            if not known.can_publish or known.schema is None:
                raise Refusal(
                    grpc.StatusCode.PERMISSION_DENIED, "topic.meta.permission", "This topic cannot be published to."
                )
            if not request.events:
                raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "publish.event.count.invalid", "No events.")
            return wire.PublishResponse(
                results=self._publish(known, known.schema, request.events), schema_id=known.schema[0], rpc_id=rpc_id
            )

        return await self._guarded("Publish", context, work)

    async def Subscribe(self, _: Any, context: Any) -> None:  # noqa: N802 - the same
        """A pull subscription."""

        async def work(rpc_id: str, token: str) -> None:
            await Subscription(self._org, self._tokens, token, context, rpc_id, closing=self._closing).run()

        await self._guarded("Subscribe", context, work)

    async def _guarded(self, rpc: str, context: Any, work: Callable[[str, str], Awaitable[Result]]) -> Result | None:
        rpc_id = str(uuid.uuid4())
        try:
            await self._apply_fault(rpc)
            return await work(rpc_id, self._authenticated(context))
        except Refusal as refusal:
            await refusal.end(context, rpc, rpc_id)
        return None

    def _authenticated(self, context: Any) -> str:
        metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        token, instance, tenant = (metadata.get(key, "") for key in ("accesstoken", "instanceurl", "tenantid"))
        if not (token and instance.startswith(("https://", "http://")) and tenant):
            raise Refusal(
                grpc.StatusCode.UNAUTHENTICATED, "service.auth.headers.invalid", "Authentication headers are missing."
            )
        session = self._tokens.find(token)
        if session is None or not session.opaque or ids.normalize(tenant) != ids.ORGANIZATION_ID:
            raise Refusal.unauthenticated()
        return token

    async def _apply_fault(self, rpc: str) -> None:
        """Fault rules reach RPCs as `pubsub/Subscribe` and so on.

        `slow` delays, `before_effect` hangs, `auth` and `quota` have codes of their own, all others break the call.
        """
        if self._org.switches.is_on("pubsubUnavailable"):
            raise Refusal.unavailable()
        rule = self._core.faults.take(VENDOR, f"pubsub/{rpc}", is_read=False)
        if rule is None:
            return
        if rule.kind == "slow":
            await asyncio.sleep(rule.number("seconds", 1))
            return
        if rule.kind == "auth":
            raise Refusal.unauthenticated()
        if rule.kind == "quota":
            limit = "You have exceeded your limit of concurrent subscriptions."
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "subscription.limit.exceeded", limit)
        if rule.kind == "before_effect":
            await asyncio.sleep(rule.number("seconds", 60))
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "", "Connection reset by peer")

    def _topic(self, name: str, token: str) -> KnownTopic:
        if not name:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "topic.validation.empty", "Topic name is blank.")
        session = self._tokens.find(token)
        if session is None:
            raise Refusal.unauthenticated()
        known = find_topic(self._org.seen_by(session.user_id), name)
        if known is None:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "topic.not.found", f"No topic {name}.")
        return known

    def _publish(self, known: KnownTopic, schema: tuple[str, str], events: Any) -> list[Any]:
        results = []
        with self._core.store.transaction() as db:
            for event in events:
                position = self._org.bus.append(
                    db,
                    kind="event",
                    entity=str(known.topic.entity),
                    event_id=event.id or str(uuid.uuid4()),
                    schema=schema,
                    payload=event.payload,
                )
                results.append(wire.PublishResult(replay_id=self._org.bus.encode(position), correlation_key=event.id))
        return results


async def serve(core: Core, host: str, port: int) -> PubSubServer:
    """Starts the server with the sandbox's certificate; port 0 lets the kernel pick."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            # Clients ping often to notice dead connections; the real service tolerates it.
            ("grpc.http2.min_ping_interval_without_data_ms", 1000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.so_reuseport", 0),
        ]
    )
    service = PubSubService(core)
    server.add_generic_rpc_handlers((handlers_of(service),))
    credentials = grpc.ssl_server_credentials([(core.tls.key.read_bytes(), core.tls.certificate.read_bytes())])
    bound = server.add_secure_port(f"{host}:{port}", credentials)
    await server.start()
    return PubSubServer(server, service, bound)
