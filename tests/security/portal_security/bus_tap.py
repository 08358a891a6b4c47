"""Everything that goes over the bus: requests, their replies, events, what JetStream says."""

import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from portal_testing.stack import PortalStack

EVERYTHING: Final = ">"
USER: Final = "tap"
_USERS: Final = "  users: [\n"


class BusTap:
    """Hears all and keeps it; a reply is called by the subject it is the answer to."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._heard: list[tuple[str, bytes]] = []
        self._asked: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def on(cls, stack: PortalStack) -> AsyncIterator[Self]:
        """Listen to an embedded portal's bus, as a user made for it: nobody of the portal may hear everything."""
        password = secrets.token_hex(16)
        _let_in(stack, f'    {{ user: "{USER}", password: "{password}" }}\n')
        connection = await nats.connect(stack.nats_url, user=USER, password=password, reconnect_time_wait=0.1)
        tap = cls(connection)
        await connection.subscribe(EVERYTHING, cb=tap.hear, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await connection.flush()
        yield tap
        await connection.close()

    async def say(self, subject: str, data: bytes) -> None:
        """Say something; it has been heard when this returns."""
        await self._connection.publish(subject, data)
        await self._connection.flush()

    async def hear(self, message: Msg) -> None:
        """Keep one message with its headers."""
        name = self._asked.get(message.subject)
        if message.reply:
            self._asked[message.reply] = message.subject
        headers = "\n".join(f"{key}: {value}" for key, value in (message.headers or {}).items())
        self._heard.append((f"reply to {name}" if name else message.subject, headers.encode() + b"\n" + message.data))

    @property
    def subjects(self) -> set[str]:
        """What was heard of, replies too."""
        return {name for name, _ in self._heard}

    def holding(self, secret: str) -> set[str]:
        """Name what held a secret."""
        return {name for name, said in self._heard if secret.encode() in said}


def _let_in(stack: PortalStack, user: str) -> None:
    """Add a user to the running server, in place of an earlier one."""
    path, server = stack.state_folder / "nats" / "nats.conf", stack.pid("NATS")
    lines = [line for line in path.read_text().splitlines(keepends=True) if f'user: "{USER}"' not in line]
    text = "".join(lines)
    assert _USERS in text
    assert server is not None
    path.write_text(text.replace(_USERS, _USERS + user, 1))
    os.kill(server, signal.SIGHUP)
