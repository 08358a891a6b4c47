"""uvicorn as the sandbox needs it: bound before it starts, stopped from outside, able to cut a connection."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from portal_sandbox.core.broken_call import ABORT_EXTENSION, SERVED_EXTENSION
from portal_sandbox.core.tls import TlsPaths

_GRACE_SECONDS = 0.3
_KEEP_ALIVE_SECONDS = 75
"""Longer than any client of ours keeps a connection: one that dies as a request arrives is a fault to be asked for."""
_TICK_SECONDS = 0.1


class _CuttableProtocol(HttpToolsProtocol):
    """Gives the application what ASGI itself does not offer: to cut the TCP connection, and how often it was used."""

    _served = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {ABORT_EXTENSION: self.transport.abort, SERVED_EXTENSION: self._served}
        self.scope["extensions"] = extensions
        self._served += 1


class _Server(uvicorn.Server):
    """A server that leaves signals to the process, says when it is listening, and stops without a fixed delay."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        counter = 0
        while not self.stopping.is_set():
            await self.on_tick(counter)
            counter += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(set(state.tasks), timeout=_GRACE_SECONDS)
        for connection in list(state.connections):
            connection.transport.abort()
        if state.tasks:
            _, running = await asyncio.wait(set(state.tasks), timeout=_GRACE_SECONDS)
            for task in running:
                task.cancel()
        for server in self.servers:
            await server.wait_closed()
        for bound in sockets or []:
            bound.close()


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 lets the kernel pick. OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named outright: asyncio switches Nagle's delay off only for sockets that say they are TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class HttpServer:
    """One application on one bound socket."""

    def __init__(self, app: ASGIApp, bound: socket.socket, tls: TlsPaths | None) -> None:
        config = uvicorn.Config(
            app,
            http=_CuttableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        self._bound = bound
        self._server = _Server(config)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the port accepts connections."""
        self._running = asyncio.create_task(self._server.serve(sockets=[self._bound]))
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({self._running, listening}, return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            listening.cancel()
            self._running.result()

    async def stop(self) -> None:
        """Lets running calls finish for a moment, then cuts them."""
        if self._running is None:
            return
        self._server.stopping.set()
        await self._running
        self._bound.close()
