"""Rehearsals of docs/runbook/keys.md that need a server: a bus identity's nkey, a database's password."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from portal_bus_admin.identities import create_keys
from portal_bus_admin.server_config import nats_server_config
from portal_local.servers import NatsServer, PostgresServer

PATIENCE_SECONDS = 10


@pytest.fixture
def bus(folder: Path) -> Iterator[NatsServer]:
    server = NatsServer(
        folder / "nats",
        configure=lambda port, store: nats_server_config(create_keys(folder / "keys"), port=port, store_dir=store),
    )
    server.start()
    yield server
    server.wipe()


async def may_connect(server: NatsServer, seed: Path) -> bool:
    client = Client()
    try:
        await client.connect(server.url, nkeys_seed=str(seed), allow_reconnect=False, error_cb=say_nothing)
    except (NatsError, ConnectionError):
        return False
    else:
        return True
    finally:
        await client.close()


async def say_nothing(_error: Exception) -> None:
    """A refusal is what is asked for."""


async def test_a_new_nkey_counts_from_the_reload_on_and_the_former_no_more(bus: NatsServer, folder: Path) -> None:
    seed, former = folder / "keys" / "orders.seed", folder / "orders.former.seed"
    assert await may_connect(bus, seed)
    seed.rename(former)
    bus.prepare()  # writes the configuration anew, with a new key for whoever lacks one
    assert not await may_connect(bus, seed)
    psutil.Process(bus.pid).send_signal(signal.SIGHUP)  # what `nats-server --signal reload` sends
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await may_connect(bus, seed):
            await asyncio.sleep(0.05)
    assert not await may_connect(bus, former)
    assert await may_connect(bus, folder / "keys" / "billing.seed")


async def test_a_new_database_password_counts_at_once_and_open_connections_live_on(folder: Path) -> None:
    server = PostgresServer(folder / "postgres", password="fake-password", fsync=False, may_open=(folder,))
    server.start()
    try:
        server.provide({"orders": "fake-former"})
        working = await asyncpg.connect(server.database_url("orders", "orders", "fake-former"))
        server.provide({"orders": "fake-new"})
        assert await working.fetchval("SELECT 1") == 1
        await working.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.database_url("orders", "orders", "fake-former"))
        fresh = await asyncpg.connect(server.database_url("orders", "orders", "fake-new"))
        await fresh.close()
    finally:
        server.wipe()
