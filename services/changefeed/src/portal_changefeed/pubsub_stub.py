"""The methods of Salesforce's Pub/Sub API by their real names (reference salesforce.md 4.1); pubsub.proto says why."""

from typing import Any, Final

import grpc.aio

from portal_changefeed.pubsub_proto import pubsub_pb2 as wire

SERVICE: Final = "/eventbus.v1.PubSub/"


class PubSubStub:
    """The calls of one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.subscribe: Any = channel.stream_stream(
            SERVICE + "Subscribe",
            request_serializer=wire.FetchRequest.SerializeToString,
            response_deserializer=wire.FetchResponse.FromString,
        )
        self.get_schema: Any = channel.unary_unary(
            SERVICE + "GetSchema",
            request_serializer=wire.SchemaRequest.SerializeToString,
            response_deserializer=wire.SchemaInfo.FromString,
        )
        self.get_topic: Any = channel.unary_unary(
            SERVICE + "GetTopic",
            request_serializer=wire.TopicRequest.SerializeToString,
            response_deserializer=wire.TopicInfo.FromString,
        )
