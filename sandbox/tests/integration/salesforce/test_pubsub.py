"""The Pub/Sub API with grpc.aio and fastavro, as the portal's changefeed uses them."""

import asyncio
import io
import json
from contextlib import asynccontextmanager
from types import SimpleNamespace

import fastavro
import grpc
import pytest

from portal_sandbox.salesforce.pubsub_methods import METHODS, SERVICE
from portal_sandbox.salesforce.pubsub_proto import pubsub_pb2 as wire
from portal_sandbox.salesforce.seed import account_id

EVENTS = "/event/OrderProvisionRequested__e"
ORDERS = "/data/OrderChangeEvent"
ORGANIZATION = "00DSd0000000001MAA"
PREFIX = "sfdc.platform.eventbus.grpc."


class Bus:
    """A client of one user."""

    def __init__(self, stub, metadata):
        self.stub = stub
        self.metadata = metadata

    def opened(self):
        """A stream on which nothing was asked yet."""
        return self.stub.Subscribe(metadata=self.metadata)

    @asynccontextmanager
    async def subscribed(self, topic, preset=wire.LATEST, replay_id=b"", number=100):
        call = self.opened()
        await call.write(
            wire.FetchRequest(topic_name=topic, replay_preset=preset, replay_id=replay_id, num_requested=number)
        )
        try:
            yield call
        finally:
            call.cancel()

    async def decode(self, event):
        info = await self.stub.GetSchema(wire.SchemaRequest(schema_id=event.event.schema_id), metadata=self.metadata)
        schema = fastavro.parse_schema(json.loads(info.schema_json))
        return fastavro.schemaless_reader(io.BytesIO(event.event.payload), schema)


async def some(call, number):
    """The next events, however the server batches them."""
    events = []
    while len(events) < number:
        reply = await asyncio.wait_for(call.read(), 10)
        assert reply is not grpc.aio.EOF
        if reply.events:
            assert reply.latest_replay_id == reply.events[-1].replay_id
        events += reply.events
    return events


async def failure(call):
    """Status and error code an RPC ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(drain(call), 10)
    trailers = dict(caught.value.trailing_metadata())
    return caught.value.code(), trailers.get("error-code", "").removeprefix(PREFIX)


def stub_of(channel):
    calls = {}
    for method in METHODS:
        kind = channel.stream_stream if method.streams else channel.unary_unary
        calls[method.name] = kind(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.reply.FromString,
        )
    return SimpleNamespace(**calls)


async def drain(call):
    while await call.read() is not grpc.aio.EOF:
        pass


@pytest.fixture
async def channel(sandbox, addresses):
    credentials = grpc.ssl_channel_credentials(sandbox.core.tls.authority.read_bytes())
    async with grpc.aio.secure_channel(addresses["pubsub"], credentials) as opened:
        yield opened


@pytest.fixture
def connect(channel, addresses):
    def connect(token):
        metadata = (
            ("accesstoken", token),
            ("instanceurl", addresses["salesforce_tls"]),
            ("tenantid", ORGANIZATION),
        )
        return Bus(stub_of(channel), metadata)

    return connect


@pytest.fixture
def bus(connect, token):
    return connect(token)


async def test_an_approval_reaches_a_subscriber(bus, submit, staff):
    async with bus.subscribed(EVENTS, wire.EARLIEST) as call:
        order = await submit()
        await staff.change("Order", order, Status="Approved")
        (event,) = await some(call, 1)
        body = await bus.decode(event)
    assert body["OrderId__c"] == order
    assert len(event.replay_id) == 10
    assert len(event.event.id) == 36


async def test_change_events_name_their_origin_and_fields(bus, rest):
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        await rest.change("Account", account_id("SNX-10001"), WH_Account__c="5001")
        (event,) = await some(call, 1)
    header = (await bus.decode(event))["ChangeEventHeader"]
    assert header["recordIds"] == [account_id("SNX-10001")]
    assert header["changeOrigin"].endswith(";client=PortalTest")
    assert header["changedFields"][0].startswith("0x")


async def test_all_changes_share_one_stream_and_one_id(bus, submit):
    order = await submit()
    async with bus.subscribed("/data/ChangeEvents", wire.EARLIEST) as everything:
        all_events = await some(everything, 4)
    async with bus.subscribed(ORDERS, wire.EARLIEST) as orders:
        order_events = await some(orders, 2)
    assert {event.replay_id for event in order_events} <= {event.replay_id for event in all_events}
    headers = [(await bus.decode(event))["ChangeEventHeader"] for event in all_events]
    assert [header["entityName"] for header in headers] == ["Order", "OrderItem", "OrderItem", "Order"]
    assert headers[0]["recordIds"] == [order]


async def test_a_subscription_resumes_strictly_after_a_replay_id(bus, rest):
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        for number in range(3):
            await rest.change("Account", account_id("SNX-10001"), WH_Account__c=str(number))
        first, second, third = await some(call, 3)
    async with bus.subscribed("/data/AccountChangeEvent", wire.CUSTOM, first.replay_id) as call:
        assert [event.replay_id for event in await some(call, 2)] == [second.replay_id, third.replay_id]
    async with bus.subscribed("/data/AccountChangeEvent", wire.CUSTOM, second.replay_id[:8]) as call:
        assert [event.replay_id for event in await some(call, 1)] == [third.replay_id]


async def test_latest_starts_now(bus, rest, switch):
    switch(keepAliveSeconds=0.1)
    await rest.change("Account", account_id("SNX-10001"), WH_Account__c="1")
    async with bus.subscribed("/data/AccountChangeEvent") as call:
        assert not (await call.read()).events
        await rest.change("Account", account_id("SNX-10001"), WH_Account__c="2")
        (event,) = await some(call, 1)
    assert (await bus.decode(event))["WH_Account__c"] == "2"


async def test_demand_is_one_counter_capped_at_a_hundred(bus, rest, switch):
    switch(keepAliveSeconds=0.05)
    async with bus.subscribed("/data/AccountChangeEvent", number=2) as call:
        first = await call.read()
        assert (list(first.events), first.pending_num_requested) == ([], 2)
        for number in range(3):
            await rest.change("Account", account_id("SNX-10001"), WH_Account__c=str(number))
        await some(call, 2)
        await call.write(wire.FetchRequest(num_requested=99))
        await call.write(wire.FetchRequest(num_requested=99))
        await some(call, 1)
        while (reply := await call.read()).pending_num_requested < 99:
            pass
        assert reply.pending_num_requested <= 100


async def test_an_empty_response_moves_the_position_on(bus, switch):
    switch(keepAliveSeconds=0.05)
    async with bus.subscribed(EVENTS) as call:
        reply = await call.read()
    assert reply.latest_replay_id
    async with bus.subscribed(EVENTS, wire.CUSTOM, reply.latest_replay_id) as call:
        assert await asyncio.wait_for(call.read(), 10) is not grpc.aio.EOF


async def test_a_stream_without_demand_is_closed(bus, rest, switch):
    switch(idleCloseSeconds=0.1)
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST, number=1) as call:
        await rest.change("Account", account_id("SNX-10001"), WH_Account__c="1")
        await some(call, 1)
        assert await asyncio.wait_for(call.read(), 10) is grpc.aio.EOF


@pytest.mark.parametrize(
    ("request_fields", "status", "error"),
    [
        ({"topic_name": "", "num_requested": 1}, grpc.StatusCode.INVALID_ARGUMENT, "topic.validation.empty"),
        ({"topic_name": "/event/No__e", "num_requested": 1}, grpc.StatusCode.NOT_FOUND, "topic.not.found"),
        (
            {"topic_name": "/data/CaseCommentChangeEvent", "num_requested": 1},
            grpc.StatusCode.NOT_FOUND,
            "topic.not.found",
        ),
        (
            {"topic_name": ORDERS, "num_requested": 0},
            grpc.StatusCode.INVALID_ARGUMENT,
            "subscription.fetch.requested.events.invalid",
        ),
        (
            {"topic_name": ORDERS, "num_requested": 1, "replay_preset": wire.CUSTOM},
            grpc.StatusCode.INVALID_ARGUMENT,
            "subscription.fetch.replayid.validation.failed",
        ),
        (
            {"topic_name": ORDERS, "num_requested": 1, "replay_preset": wire.CUSTOM, "replay_id": b"\0" * 10},
            grpc.StatusCode.INVALID_ARGUMENT,
            "subscription.fetch.replayid.corrupted",
        ),
    ],
)
async def test_a_wrong_fetch_is_refused_with_its_error_code(bus, request_fields, status, error):
    call = bus.opened()
    await call.write(wire.FetchRequest(**request_fields))
    assert await failure(call) == (status, error)


async def test_the_topic_may_not_change_in_mid_stream(bus):
    async with bus.subscribed(ORDERS) as call:
        await call.write(wire.FetchRequest(topic_name=EVENTS, num_requested=1))
        assert await failure(call) == (grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.topic.mismatch")


async def test_a_bad_token_and_missing_metadata_are_refused(connect, channel, switch, log_in):
    refused = (grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")
    assert await failure(connect("00DSd0000000001!nonsense").opened()) == refused
    switch(tokenFormat="jwt")
    assert await failure(connect(await log_in()).opened()) == refused
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub_of(channel).GetTopic(wire.TopicRequest(topic_name=ORDERS))
    assert dict(caught.value.trailing_metadata())["error-code"] == PREFIX + "service.auth.headers.invalid"


async def test_replay_ids_can_be_invalidated(bus, rest, switch):
    await rest.change("Account", account_id("SNX-10001"), WH_Account__c="1")
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        (event,) = await some(call, 1)
    switch(replayGeneration=1)
    async with bus.subscribed("/data/AccountChangeEvent", wire.CUSTOM, event.replay_id) as call:
        assert (await failure(call))[1] == "subscription.fetch.replayid.corrupted"


async def test_live_streams_can_be_cut_without_a_reason(bus, switch):
    switch(keepAliveSeconds=0.05)
    async with bus.subscribed(ORDERS) as call:
        await call.read()
        switch(streamGeneration=1)
        assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, "")


async def test_the_service_can_be_unavailable(bus, switch):
    switch(keepAliveSeconds=0.05)
    async with bus.subscribed(ORDERS) as call:
        await call.read()
        switch(pubsubUnavailable=True)
        assert await failure(call) == (grpc.StatusCode.INTERNAL, "service.unavailable")
    async with bus.subscribed(ORDERS) as call:
        assert await failure(call) == (grpc.StatusCode.INTERNAL, "service.unavailable")


async def test_a_dead_token_ends_a_stream_only_when_the_switch_says_so(bus, switch):
    switch(keepAliveSeconds=0.05)
    async with bus.subscribed(ORDERS) as call:
        await call.read()
        switch(tokenGeneration=1)
        await call.read()
        switch(pubsubTokenCheck="live")
        assert await failure(call) == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")


async def test_a_stalled_stream_is_silent_and_catches_up_later(bus, rest, switch):
    switch(silentStall=True, keepAliveSeconds=0.02)
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        await rest.change("Account", account_id("SNX-10001"), WH_Account__c="1")
        waiting = asyncio.ensure_future(call.read())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        switch(silentStall=False)
        while not (reply := await asyncio.wait_for(waiting, 10)).events:
            waiting = asyncio.ensure_future(call.read())
    assert len(reply.events) == 1


async def test_events_can_come_twice(bus, rest, switch):
    switch(duplicateDelivery=True)
    await rest.change("Account", account_id("SNX-10001"), WH_Account__c="1")
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        first, second = await some(call, 2)
    assert first == second


async def test_noise_is_not_avro_and_the_next_event_is(bus, rest, switch):
    switch(undecodableEvents=True)
    await rest.change("Account", account_id("SNX-10001"), WH_Account__c="1")
    switch(undecodableEvents=False)
    await rest.change("Account", account_id("SNX-10001"), WH_Account__c="2")
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        noise, event = await some(call, 2)
    with pytest.raises((EOFError, ValueError, IndexError, UnicodeDecodeError)):
        await bus.decode(noise)
    assert (await bus.decode(event))["WH_Account__c"] == "2"


async def test_old_events_leave_the_bus_on_the_sandbox_clock(bus, rest, sandbox, switch):
    switch(keepAliveSeconds=0.05)
    await rest.change("Account", account_id("SNX-10001"), WH_Account__c="1")
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        (event,) = await some(call, 1)
    sandbox.core.clock.advance(73 * 3600)
    async with bus.subscribed("/data/AccountChangeEvent", wire.EARLIEST) as call:
        assert not (await call.read()).events
    async with bus.subscribed("/data/AccountChangeEvent", wire.CUSTOM, event.replay_id) as call:
        assert (await failure(call))[1] == "subscription.fetch.replayid.corrupted"


async def test_a_changed_org_means_a_new_schema_id_and_old_events_keep_theirs(bus, rest, switch, submit):
    await submit()
    switch(optionalOrderFields=False)
    await submit()
    async with bus.subscribed(ORDERS, wire.EARLIEST) as call:
        events = await some(call, 4)
    assert len({event.event.schema_id for event in events}) == 2
    assert [("EID__c" in await bus.decode(event)) for event in events] == [True, True, False, False]


async def test_the_integration_user_may_listen_and_not_publish(bus):  # R275
    topic = await bus.stub.GetTopic(wire.TopicRequest(topic_name=EVENTS), metadata=bus.metadata)
    assert (topic.can_subscribe, topic.can_publish) == (True, False)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bus.stub.Publish(
            wire.PublishRequest(topic_name=EVENTS, events=[wire.ProducerEvent(payload=b"-")]), metadata=bus.metadata
        )
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_client_can_publish_and_is_answered_per_event(bus, switch):
    switch(rightsMistakes="OrderProvisionRequested__e+create")
    topic = await bus.stub.GetTopic(wire.TopicRequest(topic_name=EVENTS), metadata=bus.metadata)
    assert (topic.can_publish, len(topic.schema_id)) == (True, 22)
    event = wire.ProducerEvent(id="mine", schema_id=topic.schema_id, payload=b"not avro")
    request = wire.PublishRequest(topic_name=EVENTS, events=[event])
    reply = await bus.stub.Publish(request, metadata=bus.metadata)
    assert reply.results[0].correlation_key == "mine"
    async with bus.subscribed(EVENTS, wire.EARLIEST) as call:
        (received,) = await some(call, 1)
    assert received.replay_id == reply.results[0].replay_id
    closed = wire.PublishRequest(topic_name=ORDERS, events=[event])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bus.stub.Publish(closed, metadata=bus.metadata)
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_an_event_can_arrive_before_its_commit(bus, submit, staff, rest, switch):
    """The platform event leaves first: a reader sees the order as it still is."""
    order = await submit()
    switch(publishBeforeCommit=True, commitLagSeconds=0.5)
    async with bus.subscribed(EVENTS, wire.EARLIEST) as call:
        approval = asyncio.ensure_future(staff.change("Order", order, Status="Approved"))
        await some(call, 1)
        assert (await rest.read("Order", order))["Status"] == "Pending Review"
        await approval
    assert (await rest.read("Order", order))["Status"] == "Approved"


@pytest.mark.parametrize("name", ["PublishStream", "ManagedSubscribe"])
async def test_what_the_sandbox_does_not_serve_is_refused_as_such(channel, name):
    call = channel.stream_stream(f"/{SERVICE}/{name}")()
    assert (await failure(call))[0] == grpc.StatusCode.UNIMPLEMENTED
