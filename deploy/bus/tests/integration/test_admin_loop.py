"""The admin creates and re-creates streams and durables, with its own least permissions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import nats
import pytest
from nats.js.api import ConsumerConfig, StreamConfig

from portal_bus_admin.loop import BusAdmin
from portal_bus_admin.provisioning import apply, consumer_configs, stream_configs
from portal_contracts.topology import SERVICES


@contextlib.asynccontextmanager
async def admin_at(url: str, seed_path=None) -> AsyncIterator[BusAdmin]:
    admin = BusAdmin(url, seed_path, every=0.2)
    task = asyncio.create_task(admin.run())
    try:
        yield admin
    finally:
        admin.stop()
        await asyncio.wait_for(task, 10)


async def until(condition):
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def jetstream(nats_url):
    client = await nats.connect(nats_url, reconnect_time_wait=0.1)
    yield client.jetstream()
    await client.close()


async def test_streams_hold_their_owners_events_on_disk_for_two_weeks(nats_url, jetstream):
    async with admin_at(nats_url) as admin:
        await until(admin.check)
    for name, wanted in stream_configs().items():
        config = (await jetstream.stream_info(name)).config
        assert sorted(config.subjects) == wanted.subjects
        assert (config.storage, config.max_age, config.duplicate_window) == ("file", 14 * 24 * 3600, 120)
        assert (config.discard, config.retention) == ("old", "limits")
    for stream, durable in consumer_configs():
        config = (await jetstream.consumer_info(stream, durable)).config
        assert (config.deliver_policy, config.ack_policy) == ("all", "explicit")
        assert (config.ack_wait, config.max_deliver) == (30, -1)


async def test_every_consumed_event_has_a_stream(nats_url):
    streams = stream_configs()
    for service in SERVICES.values():
        for event in service.consumes:
            assert any(event.subject in config.subjects for config in streams.values()), event.subject


async def test_a_deleted_durable_or_stream_is_made_again(nats_url, jetstream):
    stream, durable = min(consumer_configs())
    async with admin_at(nats_url) as admin:
        await until(admin.check)
        await jetstream.delete_consumer(stream, durable)
        await until(lambda: _exists(jetstream.consumer_info(stream, durable)))
        await jetstream.delete_stream(stream)
        await until(lambda: _exists(jetstream.consumer_info(stream, durable)))


async def test_after_the_store_was_wiped_everything_is_made_again(nats_url, jetstream, nats_server):
    stream, durable = min(consumer_configs())
    async with admin_at(nats_url) as admin:
        await until(admin.check)
        await asyncio.to_thread(nats_server.wipe)
        nats_server.start()
        await until(lambda: _exists(jetstream.consumer_info(stream, durable, timeout=1)))


async def test_what_differs_from_the_topology_is_corrected_and_the_rest_left_alone(nats_url, jetstream):
    stream, durable = min(consumer_configs())
    await jetstream.add_stream(StreamConfig(name=stream, subjects=["something.else.v1"], max_age=60))
    done = await apply(jetstream)
    assert f"updated stream {stream}" in done
    await jetstream.add_consumer(stream, ConsumerConfig(durable_name=durable, ack_wait=1, filter_subject="x.y.z.v1"))
    await jetstream.add_consumer(stream, ConsumerConfig(durable_name="somebody-elses"))
    assert await apply(jetstream) == [f"updated consumer {durable}"]
    assert await apply(jetstream) == []
    assert (await jetstream.consumer_info(stream, durable)).config.ack_wait == 30
    assert await _exists(jetstream.consumer_info(stream, "somebody-elses"))


async def test_its_own_permissions_suffice(guarded_nats, keys_folder, identity):
    server = guarded_nats()
    async with admin_at(server.url, keys_folder / "bus-admin.seed") as admin:
        await until(admin.check)
    again = await identity(server.url, "bus-admin")
    assert await apply(again.client.jetstream()) == []
    assert again.denied == []


async def _exists(question):
    try:
        await question
    except nats.errors.Error:
        return False
    return True
