"""The methods of the Pub/Sub API that the sandbox serves (reference/salesforce.md 4.1); gRPC refuses all others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc

from portal_sandbox.salesforce.pubsub_proto import pubsub_pb2 as wire

SERVICE: Final = "eventbus.v1.PubSub"


@dataclass(frozen=True, slots=True)
class Method:
    """One method by its real name, with its messages."""

    name: str
    request: Any
    reply: Any
    streams: bool = False

    @property
    def path(self) -> str:
        """What a client calls."""
        return f"/{SERVICE}/{self.name}"


METHODS: Final = (
    Method("Subscribe", wire.FetchRequest, wire.FetchResponse, streams=True),
    Method("GetSchema", wire.SchemaRequest, wire.SchemaInfo),
    Method("GetTopic", wire.TopicRequest, wire.TopicInfo),
    Method("Publish", wire.PublishRequest, wire.PublishResponse),
)


def handlers_of(answering: object) -> grpc.GenericRpcHandler:
    """Have an object's methods of these names answer."""
    handlers = {method.name: _handler(method, getattr(answering, method.name)) for method in METHODS}
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _handler(method: Method, answer: Callable[..., Any]) -> Any:
    handler = grpc.stream_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
    return handler(
        answer,
        request_deserializer=method.request.FromString,
        response_serializer=method.reply.SerializeToString,
    )
