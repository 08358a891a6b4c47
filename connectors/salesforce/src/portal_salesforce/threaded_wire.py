"""The blocking wire in a bounded number of worker threads: how calls leave in production."""

from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from portal_salesforce.settings import SalesforceSettings
from portal_salesforce.wire_request import WireRequest

if TYPE_CHECKING:
    from portal_salesforce.wire import Wire

T = TypeVar("T")


class ThreadedWire:
    """The `AsyncWire` on `requests`. The wire ends every call in time by itself, so waiting for a thread is bounded."""

    def __init__(self, settings: SalesforceSettings, on_answer: Callable[[Mapping[str, str]], None]) -> None:
        """`on_answer` gets the headers of every answer, from a worker thread."""
        self._settings = settings
        self._on_answer = on_answer
        self._threads: anyio.CapacityLimiter | None = None
        self._wire: Wire | None = None
        self._building = Lock()

    def close(self) -> None:
        """Close the connections."""
        if self._wire is not None:
            self._wire.close()

    async def log_in(self) -> tuple[int, Any]:
        """Log in, in a thread."""
        return await self._in_thread(self._blocking_login)

    async def call(self, token: str, instance_url: str, request: WireRequest, seconds: float) -> Any:
        """Make one call, in a thread."""
        return await self._in_thread(self._blocking_call, token, instance_url, request, seconds)

    def _blocking_login(self) -> tuple[int, Any]:
        return self._wired().log_in()

    def _blocking_call(self, token: str, instance_url: str, request: WireRequest, seconds: float) -> Any:
        return self._wired().call(token, instance_url, request, seconds)

    def _wired(self) -> "Wire":
        with self._building:
            if self._wire is None:
                from portal_salesforce.wire import Wire  # noqa: PLC0415 - it takes long, so only in the first thread

                self._wire = Wire(self._settings, self._on_answer)
            return self._wire

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._threads is None:  # a limiter belongs to the running loop
            self._threads = anyio.CapacityLimiter(self._settings.at_once)
        # A caller that is gone is not waited for.
        return await anyio.to_thread.run_sync(partial(work, *arguments), abandon_on_cancel=True, limiter=self._threads)
