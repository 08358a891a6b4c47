"""`/livez`, `/readyz` and `/metrics` of one process, on its own small port."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from portal_chassis import metrics
from portal_chassis.logs import get_logger

if TYPE_CHECKING:
    import uvicorn

Check = Callable[[], Awaitable[bool]]
LiveCheck = Callable[[], bool]
_CHECK_SECONDS: Final = 2.0
_log = get_logger(__name__)


class Health:
    """What a process knows about itself.

    Live: the loop turns, so that we answer at all, and no part is stuck that only a restart could free. Ready: started,
    and everything it needs from others is there. Nothing is looked at before somebody asks.
    """

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._live_checks: dict[str, LiveCheck] = {}
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.started = False
        self.port = 0

    def add(self, name: str, check: Check) -> None:
        """Let readiness depend on a check. It has two seconds; an exception means no."""
        self._checks[name] = check

    def add_live(self, name: str, check: LiveCheck) -> None:
        """Let liveness depend on a check that looks at our own memory only; what others lack is not in it."""
        self._live_checks[name] = check

    async def read(self) -> tuple[bool, dict[str, bool]]:
        """Give whether the process is ready, and the answer of each check."""
        answers = await asyncio.gather(*(_answer(check) for check in self._checks.values()))
        checks = dict(zip(self._checks, answers, strict=True))
        return self.started and all(answers), checks

    async def serve(self, host: str, port: int) -> None:
        """Answer on the port; 0 lets the kernel pick one, found in `port` afterwards."""
        import uvicorn  # noqa: PLC0415 - only a process that serves needs it

        class Server(uvicorn.Server):
            """Leaves the process's signals to the chassis."""

            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        listener = socket.create_server((host, port), backlog=16)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.application,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="health")

    async def close(self) -> None:
        """Stop answering."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    async def application(self, scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        status, kind, body = 404, "text/plain", b"not found"
        match scope["path"]:
            case "/livez":
                live = {name: check() for name, check in self._live_checks.items()}
                status, kind = (200 if all(live.values()) else 503), "application/json"
                body = json.dumps({"live": status == 200, "checks": live}).encode()  # noqa: PLR2004 - OK
            case "/readyz":
                ready, checks = await self.read()
                status, kind = (200 if ready else 503), "application/json"
                body = json.dumps({"ready": ready, "started": self.started, "checks": checks}).encode()
            case "/metrics":
                status, kind, body = 200, metrics.CONTENT_TYPE, metrics.rendered()
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _answer(check: Check) -> bool:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the answer is no
        _log.warning("a readiness check failed", error=type(error).__name__)
        return False
