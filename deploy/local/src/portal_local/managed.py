"""What the supervisor starts and watches: a server, or a process of ours written in Python."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from portal_local.errors import PortInUseError
from portal_local.servers.child import Child, Command
from portal_local.servers.ports import is_free
from portal_local.servers.server import Server

_ANSWER_SECONDS: Final = 2.5
_GOOD: Final = b"200"
_HEADERS: Final = ("Accept: application/json", "Connection: close")


class Managed(Protocol):
    """One thing that runs."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def log_path(self) -> Path:
        """Where its output goes."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""

    @property
    def running(self) -> bool:
        """Whether its process runs."""

    def prepare(self) -> None:
        """Make what must be there before it starts."""

    def launch(self) -> None:
        """Start it (again) without waiting. From the thread that owns it."""

    async def answers(self) -> bool:
        """Whether it is ready."""

    def request_stop(self) -> None:
        """Ask it to end in order."""

    def kill(self) -> None:
        """End it at once and reap it."""

    def why_it_ended(self) -> str:
        """Its ending in words."""


@dataclass
class ManagedServer:
    """NATS, Postgres or Redis."""

    server: Server

    @property
    def name(self) -> str:
        """What people call it."""
        return self.server.name

    @property
    def log_path(self) -> Path:
        """Where its output goes."""
        return self.server.log_path

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.server.pid

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.server.running

    def prepare(self) -> None:
        """Make what must be there before it starts."""
        self.server.prepare()

    def launch(self) -> None:
        """Start it (again) without waiting."""
        self.server.prepare()  # also after a crash: it clears what that left behind
        self.server.launch()

    async def answers(self) -> bool:
        """Whether it is ready; asks it on loopback, which takes well under a millisecond."""
        return self.server.running and self.server.ready()

    def request_stop(self) -> None:
        """Ask it to end in order."""
        self.server.request_stop()

    def kill(self) -> None:
        """End it at once and reap it."""
        self.server.kill()

    def why_it_ended(self) -> str:
        """Its ending in words."""
        return self.server.why_it_ended()


@dataclass
class PythonProcess:
    """`python -m <module>` (or other arguments), ready when a URL answers 200."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    ready_url: str
    log_path: Path
    ports: Sequence[int] = ()
    """The ports it listens on: one taken by another program is said before it fails on its own words."""
    _child: Child | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child is not None else None

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._child is not None and self._child.running

    def prepare(self) -> None:
        """Nothing has to be there."""

    def launch(self) -> None:
        """Start it (again) without waiting."""
        for port in self.ports:
            if not is_free(port):
                raise PortInUseError(self.name, port)
        self._child = Child(
            Command(
                name=self.name,
                arguments=(sys.executable, *self.arguments),
                log_path=self.log_path,
                environment=self.environment,
            )
        )
        self._child.launch()

    async def answers(self) -> bool:
        """Whether its URL answers 200."""
        return self.running and await answers_ok(self.ready_url)

    def request_stop(self) -> None:
        """Ask it to end in order."""
        if self._child is not None:
            self._child.send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once and reap it."""
        if self._child is not None:
            self._child.kill()

    def why_it_ended(self) -> str:
        """Its ending in words."""
        return self._child.why_it_ended() if self._child is not None else "never ran"


async def answers_ok(url: str) -> bool:
    """Whether GET answers 200. By hand: an HTTP client library takes longer to import than most things to start."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                request = (f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", *_HEADERS, "", "")
                writer.write("\r\n".join(request).encode())
                await writer.drain()
                status = await reader.readline()
                await reader.read()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [_GOOD]
