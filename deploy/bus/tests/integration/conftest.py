"""A NATS with users: one nkey per identity, permissions from the topology."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from portal_bus_admin import create_keys, nats_server_config
from portal_contracts.topology import SERVICES
from portal_local.servers import NatsServer


@pytest.fixture
def keys_folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def guarded_nats(tmp_path: Path, keys_folder: Path) -> Iterator[Callable[..., NatsServer]]:
    """Starts a server for a set of services: `guarded_nats(services)`; without an argument for the real topology.

    `also` names identities beyond those.
    """
    started: list[NatsServer] = []

    def start(services: Any = None, also: tuple[str, ...] = ()) -> NatsServer:
        names = (*(services if services is not None else SERVICES), "bus-admin", "operator", *also)
        public_keys = create_keys(keys_folder, names)
        server = NatsServer(
            tmp_path / "nats",
            configure=lambda port, store: nats_server_config(
                public_keys, port=port, store_dir=store, services=services
            ),
        )
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


class Identity:
    """One connected user, and what the server denied it."""

    def __init__(self, client: Client, denied: list[str]) -> None:
        self.client = client
        self.denied = denied

    async def publish_all(self, subjects: list[str]) -> set[str]:
        """Publish to every subject and give those that were denied."""
        for subject in subjects:
            await self.client.publish(subject, b"{}")
        return await self._denials("Publish")

    async def subscribe_all(self, subjects: list[str]) -> set[str]:
        """Subscribe to every subject and give those that were denied."""
        for subject in subjects:
            name, _, queue = subject.partition(" ")
            subscription = await self.client.subscribe(name, queue=queue)
            await subscription.unsubscribe()
        return await self._denials("Subscription")

    async def _denials(self, kind: str) -> set[str]:
        for _ in range(2):  # nats-py's first PING overtakes what is waiting to be written
            await self.client.flush()
        marker = f'permissions violation for {kind.lower()} to "'
        found = {text.partition(marker)[2].partition('"')[0] for text in self.denied if marker in text}
        self.denied.clear()
        return found


@pytest.fixture
async def identity(keys_folder: Path) -> AsyncIterator[Callable[..., Awaitable[Identity]]]:
    """Connects as somebody: `await identity(url, "billing")`."""
    opened: list[Client] = []

    async def connect(url: str, name: str) -> Identity:
        denied: list[str] = []

        async def failed(error: Exception) -> None:
            denied.append(str(error))

        client = await nats.connect(
            url, nkeys_seed=str(keys_folder / f"{name}.seed"), inbox_prefix=f"_INBOX.{name}", error_cb=failed
        )
        opened.append(client)
        return Identity(client, denied)

    yield connect
    for client in opened:
        await client.close()
