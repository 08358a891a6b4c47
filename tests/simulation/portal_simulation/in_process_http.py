"""HTTP without sockets: an httpx transport that calls an ASGI application of the sandbox, on virtual time.

The other side runs in a task of its own, as a server does: a caller that gives up, or is killed, does not stop it.
"""

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote

import httpx

from portal_sandbox.core.broken_call import ABORT_EXTENSION

Message = MutableMapping[str, Any]
Trace = Callable[[str, Any], Awaitable[None]]
App = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
_BEFORE_FIRST_BYTE: Final = "http11.send_request_headers.started"


class _Cut(Exception):  # noqa: N818 - it says what happened
    """The other side cut the connection."""


class Exchange:
    """One request under way: the two directions between caller and application."""

    def __init__(self, app: App, scope: dict[str, Any], body: bytes) -> None:
        self._app = app
        self._scope = scope
        self._body = body
        self._given = False
        self._parts: asyncio.Queue[Message | _Cut] = asyncio.Queue()
        self._gone = asyncio.Event()
        scope["extensions"] = {ABORT_EXTENSION: self.cut}

    def leave(self) -> None:
        """The caller hangs up."""
        self._gone.set()

    async def part(self) -> Message:
        """Give the next message of the application; raises _Cut."""
        part = await self._parts.get()
        if isinstance(part, _Cut):
            raise part
        return part

    async def serve(self) -> None:
        """Run the application."""
        await self._app(self._scope, self._receive, self._send)

    def cut(self) -> None:
        """Cut the connection."""
        self._parts.put_nowait(_Cut())
        self._gone.set()

    async def _receive(self) -> Message:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._parts.put_nowait(message)


class InProcessVendor:
    """A vendor's application as a host: keeps its running exchanges, and how long the way there takes."""

    def __init__(self, name: str, app: App, chance: random.Random, *, latency: float = 0.02) -> None:
        """`latency` is the longest way in one direction, seconds; the way is drawn for each request."""
        self.name = name
        self._app = app
        self._chance = chance
        self._latency = latency
        self.unreachable_until = 0.0
        """Loop time until which no connection can be made."""
        self.failures: list[str] = []
        """What the application itself raised."""
        self._context = contextvars.Context()
        self._running: set[asyncio.Task[None]] = set()

    def open(self, scope: dict[str, Any], body: bytes) -> Exchange:
        """Let a request arrive."""
        exchange = Exchange(self._app, scope, body)
        task = asyncio.get_running_loop().create_task(exchange.serve(), context=self._context.copy())
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, exchange))
        return exchange

    def _ended(self, task: asyncio.Task[None], exchange: Exchange) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(f"{self.name} raised {error!r}")
            exchange.cut()

    async def travel(self) -> None:
        """Let the way in one direction pass."""
        await asyncio.sleep(self._chance.uniform(0.0005, self._latency))

    async def close(self) -> None:
        """End what still runs."""
        running = list(self._running)
        for task in running:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*running, return_exceptions=True)


class InProcessTransport(httpx.AsyncBaseTransport):
    """Stands for sockets in an httpx client. Honours connect and read timeouts and the `trace` of httpcore."""

    def __init__(self, vendor: InProcessVendor, reach: Callable[[str], Awaitable[None]]) -> None:
        """`reach` is told before the request leaves and after its answer came; it may raise or end the caller."""
        self._vendor = vendor
        self._reach = reach

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and give the answer's head; the body follows as it comes."""
        url = request.url
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        scope = scope_of(request.method, url.path, url.query, headers)
        exchange = await self._depart(scope, await request.aread(), request.extensions.get("trace"))
        read_seconds = request.extensions.get("timeout", {}).get("read")
        head = await self._head(exchange, read_seconds)
        return httpx.Response(
            head["status"],
            headers=head.get("headers", []),
            stream=_Body(exchange, lambda: self._next(exchange, read_seconds)),
            request=request,
        )

    async def send_whole(self, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
        """Send a request and give status and whole body, however long they take: the caller sets the limit."""
        exchange = await self._depart(scope, body, None)
        head = await self._head(exchange, None)
        parts = [part async for part in _Body(exchange, lambda: self._next(exchange, None))]
        return int(head["status"]), b"".join(parts)

    async def _depart(self, scope: dict[str, Any], body: bytes, trace: Trace | None) -> Exchange:
        """Connect and let the request arrive; what goes wrong before has surely not left."""
        await self._vendor.travel()  # connect
        if asyncio.get_running_loop().time() < self._vendor.unreachable_until:
            raise httpx.ConnectError("nobody listens")
        if trace is None:
            await self._reach(f"before {self._vendor.name}")
        else:  # who looks at the last moment whether to send at all
            await self._reach(f"before a write to {self._vendor.name}")
            await trace(_BEFORE_FIRST_BYTE, {})
        return self._vendor.open(scope, body)

    async def _head(self, exchange: Exchange, read_seconds: float | None) -> Message:
        try:
            await self._vendor.travel()
            head = await self._next(exchange, read_seconds)
            await self._reach(f"after {self._vendor.name}")
        except BaseException:
            exchange.leave()
            raise
        return head

    async def _next(self, exchange: Exchange, seconds: float | None) -> Message:
        try:
            async with asyncio.timeout(seconds):
                return await exchange.part()
        except TimeoutError:
            raise httpx.ReadTimeout("no byte came in time") from None
        except _Cut:
            raise httpx.ReadError("the connection was cut") from None


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: Exchange, following: Callable[[], Awaitable[Message]]) -> None:
        self._exchange = exchange
        self._following = following

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._following()
            if body := message.get("body", b""):
                yield body
            if not message.get("more_body", False):
                return

    async def aclose(self) -> None:
        self._exchange.leave()


def scope_of(method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Give the ASGI scope of a request; header names are lower-case."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("sandbox.invalid", 80),
    }
