"""The HTTP server of the process: uvicorn without its signals, logs and life cycle, which are the chassis's."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

FINISH_SECONDS: Final = 4
"""How long running requests may take once the process is told to stop."""
BACKLOG: Final = 2048


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals to the chassis."""
        yield


class HttpServer:
    """Listens from the beginning, answers once `serve` runs, and loses nothing it accepted when it closes."""

    def __init__(self, app: Any, host: str, port: int, before_close: Callable[[], None]) -> None:
        """Take the port at once: a taken one must end the start, not the first request."""
        self._listener = socket.create_server((host, port), family=_family(host), backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._before_close = before_close
        self._server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                interface="asgi3",
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=FINISH_SECONDS,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer until closed; being cancelled does not end it, `close` does."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="http server")
        await asyncio.shield(self._serving)

    async def answers(self) -> bool:
        """Readiness: whether requests are taken."""
        return self._server.started and not self._server.should_exit

    async def close(self) -> None:
        """Accept nothing more, finish what runs, end the streams."""
        self._before_close()
        if self._serving is None:
            self._listener.close()
            return
        self._server.should_exit = True
        await self._serving


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
