"""The fixtures other members' tests stand on."""

import asyncpg
import nats
import pytest

from portal_local.servers import NatsServer, PostgresServer, RedisServer


async def test_nats_takes_messages_of_eight_megabytes_and_has_jetstream(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    try:
        assert client.max_payload == 8 * 1024 * 1024
        await client.jetstream().add_stream(name="PORTAL_BILLING", subjects=["billing.>"])
        assert (await client.jetstream().publish("billing.invoice.paid.v1", b"{}")).seq == 1
    finally:
        await client.close()


async def test_streams_of_an_earlier_test_are_gone(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    try:
        await client.jetstream().add_stream(name="PORTAL_BILLING", subjects=["billing.>"])
        assert (await client.jetstream().publish("billing.invoice.paid.v1", b"{}")).seq == 1
    finally:
        await client.close()


def test_a_test_may_leave_nats_dead(nats_url: str, nats_server: NatsServer) -> None:
    nats_server.kill()
    assert not nats_server.running


async def test_nats_runs_again_after_a_test_that_killed_it(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    await client.close()


@pytest.mark.parametrize("time", ["first", "second"])
async def test_every_test_has_a_database_of_its_own(database_url: str, time: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE TABLE only_once (id integer)")
    finally:
        await connection.close()


async def test_a_database_a_test_is_still_connected_to_is_dropped(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    connection.terminate()


def test_a_test_may_leave_postgres_dead(database_url: str, postgres_server: PostgresServer) -> None:
    postgres_server.kill()
    assert not postgres_server.running


async def test_postgres_runs_again_after_a_test_that_killed_it(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize("time", ["first", "second"])
def test_every_test_finds_redis_empty(redis_url: str, redis_server: RedisServer, time: str) -> None:
    assert redis_url == redis_server.url
    assert redis_server.ask("DBSIZE") == b":0"
    assert redis_server.ask("SET", "left", "behind") == b"+OK"
