"""What goes over the wire, and how gRPC's ways to end reach us."""

import asyncio

import grpc
import grpc.aio
import pytest

from portal_changefeed.failures import StreamFailed
from portal_changefeed.pubsub import GrpcStream
from portal_changefeed.pubsub_proto import pubsub_pb2 as wire

TRAILERS = (("error-code", "sfdc.platform.eventbus.grpc.service.unavailable"), ("rpc-id", "rpc-1"))


class Call:
    """A call that answers what it was told and notes what was written."""

    def __init__(self, answer=grpc.aio.EOF, code=grpc.StatusCode.OK, write_fails=None):
        self.answer = answer
        self.status = code
        self.write_fails = write_fails
        self.written = []

    async def write(self, request):
        if self.write_fails is not None:
            raise self.write_fails
        self.written.append(wire.FetchRequest.FromString(request.SerializeToString()))

    async def read(self):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def code(self):
        return self.status

    async def details(self):
        return "rpcId: rpc-1"

    async def trailing_metadata(self):
        return TRAILERS

    def cancelled(self):
        return self.status is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize(
    ("after", "preset"), [(None, wire.EARLIEST), (b"\x00\x06\x60\xc1\x22\x6c\x4b\x54\x00\x00", wire.CUSTOM)]
)
async def test_the_first_request_never_asks_for_the_latest(after, preset):
    """C29; reference 4.2: LATEST is 0, so a preset that was forgotten would skip events."""
    call = Call()
    stream = GrpcStream(call)
    await stream.begin("/data/OrderChangeEvent", after, 100)
    await stream.ask_for(60)
    first, second = call.written
    assert first.replay_preset == preset != wire.LATEST
    assert (first.topic_name, first.replay_id, first.num_requested) == ("/data/OrderChangeEvent", after or b"", 100)
    assert (second.topic_name, second.num_requested) == ("", 60)


async def test_a_response_is_read_with_its_bytes_unchanged():
    event = wire.ProducerEvent(id="e", schema_id="s", payload=b"\x00\xff")
    response = wire.FetchResponse(
        events=[wire.ConsumerEvent(event=event, replay_id=b"\x00\x01")], latest_replay_id=b"\x02"
    )
    batch = await GrpcStream(Call(response)).read()
    assert (batch.events[0].payload, batch.events[0].replay_id, batch.latest) == (b"\x00\xff", b"\x00\x01", b"\x02")


async def test_a_proper_end_is_none():
    assert await GrpcStream(Call()).read() is None


async def test_an_end_with_a_status_names_the_trailers_code():
    with pytest.raises(StreamFailed) as caught:
        await GrpcStream(Call(code=grpc.StatusCode.INTERNAL)).read()
    failure = caught.value
    assert (failure.status, failure.error_code, failure.rpc_id) == ("INTERNAL", "service.unavailable", "rpc-1")


async def test_a_write_on_a_dead_stream_tells_why_it_died():
    call = Call(code=grpc.StatusCode.UNAUTHENTICATED, write_fails=asyncio.InvalidStateError("RPC already finished."))
    with pytest.raises(StreamFailed) as caught:
        await GrpcStream(call).ask_for(1)
    assert caught.value.status == "UNAUTHENTICATED"


async def test_a_channel_closed_under_a_stream_is_not_the_end_of_our_task():
    call = Call(asyncio.CancelledError(), grpc.StatusCode.CANCELLED)
    with pytest.raises(StreamFailed) as caught:
        await GrpcStream(call).read()
    assert caught.value.status == "CANCELLED"


async def test_our_own_cancellation_goes_through():
    class Hanging(Call):
        async def read(self):
            await asyncio.sleep(60)

    task = asyncio.create_task(GrpcStream(Hanging(code=grpc.StatusCode.CANCELLED)).read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
