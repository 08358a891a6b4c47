"""The two clocks of architecture §5: business time, which the sandbox may move, and machine time, which nobody may.

Business: due times, schedules, quiet periods, SLA, MNP. Machine: time-outs, sessions, tokens, signatures; leases use
Postgres' own time. Timestamps are aware UTC, business dates are Asia/Tokyo (R269).
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from portal_chassis.logs import get_logger
from portal_chassis.machine_time import epoch, monotonic
from portal_chassis.settings import ChassisSettings
from portal_contracts.problems import Misconfigured

TOKYO: Final = ZoneInfo("Asia/Tokyo")

_log = get_logger(__name__)


class Moves:
    """Tells that business time has jumped. A watcher re-reads what is due; it learns nothing else."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []
        self._next = asyncio.Event()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call back after every jump."""
        self._callbacks.append(callback)

    async def wait(self) -> None:
        """Wait for the next jump."""
        await self._next.wait()

    def announce(self) -> None:
        """Tell everybody that business time has jumped."""
        self._next.set()
        self._next = asyncio.Event()
        for callback in self._callbacks:
            callback()


class BusinessClock(Protocol):
    """Business time: what customers and staff mean by "now" and "today"."""

    moved: Moves

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        ...

    def today(self) -> date:
        """Give the date in Tokyo."""
        ...


class MachineClock(Protocol):
    """Machine time: never moved by anybody."""

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Give seconds that only grow, for measuring how long something took."""
        ...


class SystemMachineClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        return datetime.fromtimestamp(epoch(), UTC)

    def monotonic(self) -> float:
        """Give seconds that only grow."""
        return monotonic()


class RealClock:
    """Business time that is machine time: production."""

    def __init__(self) -> None:
        self.moved = Moves()

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Give the date in Tokyo."""
        return datetime.now(TOKYO).date()


class SandboxClock:
    """Business time owned by the sandbox: machine time plus an offset that only grows. Never in production.

    `GET {control}/clock?after=<version>&wait=25` answers `{"offsetSeconds": …, "version": …}` at once or when it moves.
    """

    def __init__(self, control_url: str) -> None:
        """Take the base URL of the sandbox's control API."""
        self.moved = Moves()
        self._url = control_url.rstrip("/")
        self._offset = timedelta()
        self._version = -1

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        return datetime.now(UTC) + self._offset

    def today(self) -> date:
        """Give the date in Tokyo."""
        return self.now().astimezone(TOKYO).date()

    async def read(self, wait: int = 0) -> None:
        """Ask the sandbox for its offset, waiting up to `wait` seconds for a move; raises OSError or ValueError."""
        answer = json.loads(await _get(f"{self._url}/clock?after={self._version}&wait={wait}", timeout=wait + 5.0))
        offset = timedelta(seconds=int(answer["offsetSeconds"]))
        self._version = int(answer["version"])
        if offset != self._offset:
            self._offset = offset
            _log.info("business time moved", offset_seconds=int(offset.total_seconds()))
            self.moved.announce()

    async def follow(self) -> None:
        """Follow the sandbox's clock for ever; while the sandbox is away the last offset holds."""
        while True:
            try:
                await self.read(wait=25)
            except (OSError, ValueError, KeyError, EOFError):
                await asyncio.sleep(1)


def business_clock(settings: ChassisSettings) -> RealClock | SandboxClock:
    """Build the business clock that the settings name; raises Misconfigured for a movable clock in production."""
    if settings.clock == "real":
        return RealClock()
    if settings.environment == "production" or not settings.sandbox_control_url:
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_CLOCK"})
    return SandboxClock(settings.sandbox_control_url)


async def _get(url: str, timeout: float) -> bytes:  # noqa: ASYNC109 - one deadline around connect, send and read
    """Fetch a small JSON body over plain HTTP: not worth an HTTP client in every service's memory."""
    parts = urlsplit(url)
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        try:
            head = (
                f"GET {parts.path}?{parts.query} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n"
            )
            writer.write(head.encode("ascii"))
            status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
            if status != b"200":
                raise ValueError(f"the sandbox's clock answered {status.decode()}")
            return await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
