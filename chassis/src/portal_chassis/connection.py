"""The connection to NATS: FastStream's broker with the settings that matter, and one ear for what the server refuses.

A denied call looks like a timeout to its caller; the reason reaches only the error callback (libraries.md §2 f).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faststream.middlewares import AckPolicy
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey
from nats.aio.client import Client
from nats.errors import Error as NatsError

from portal_chassis import bus_metrics
from portal_chassis.durable_pull import PullingContext, PullPace
from portal_chassis.logs import get_logger

_VIOLATION: Final = "permissions violation"
_RECONNECT_PAUSE: Final = 0.25
"""Seconds between two tries; nats-py's own two seconds are felt by every customer."""
_PING_EVERY: Final = 10
_FINISH_WITHIN: Final = 3
"""Seconds a running batch of events may still take at the end."""
_PENDING_BYTES: Final = 8 * 1024 * 1024

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BusAddress:
    """Where NATS is and who we are there. Without a seed file the server must not ask for one (tests)."""

    url: str
    seed_path: Path | None = None


class Connection:
    """One process's connection. Everything the bus does goes over it."""

    def __init__(self, service: str, address: BusAddress, pace: PullPace) -> None:
        self._service = service
        self._pace = pace
        self._reconnected: list[Callable[[], Awaitable[None]]] = []
        self._said_away = False
        self._leaving = False
        self._client: Client | None = None
        self._pulling: PullingContext | None = None
        self.violations = 0
        self.inbox_prefix = f"_INBOX.{service}"
        security = NatsNKey.from_file(address.seed_path) if address.seed_path else None
        self.broker = NatsBroker(
            address.url,
            name=f"portal-{service}",
            security=security,
            inbox_prefix=self.inbox_prefix.encode(),
            error_cb=self._failed,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._back,
            reconnect_time_wait=_RECONNECT_PAUSE,  # type: ignore[arg-type]  # nats-py sleeps it: fractions are fine
            max_reconnect_attempts=-1,
            ping_interval=_PING_EVERY,
            pending_size=_PENDING_BYTES,
            drain_timeout=_FINISH_WITHIN,
            graceful_timeout=float(_FINISH_WITHIN),
            ack_policy=AckPolicy.MANUAL,
            apply_types=False,
            logger=None,
        )

    async def open(self) -> Client:
        """Connect, waiting until NATS is there; raises nats.errors.Error when it does not know our key."""
        client = await self.broker.connect()
        self._client = client
        self._pulling = PullingContext(client, self._pace)
        # FastStream's wrapper raises out of some errors and so ends the client's reconnecting for good: a server that
        # refuses everybody while it starts would leave a deaf process. After the first connection we only listen.
        client._error_cb = self._failed  # noqa: SLF001 - the reason stands above
        self.broker.config.connection_state.connect(client, self._pulling)
        bus_metrics.CONNECTED.set(1)
        return client

    @property
    def client(self) -> Client:
        """The nats-py client; raises RuntimeError before `open`."""
        if self._client is None:
            raise RuntimeError("the bus is not connected yet")
        return self._client

    @property
    def pulling(self) -> PullingContext:
        """The JetStream context of the durable consumers; raises RuntimeError before `open`."""
        if self._pulling is None:
            raise RuntimeError("the bus is not connected yet")
        return self._pulling

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._client is not None and self._client.is_connected

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call this whenever the connection is back: hints were lost meanwhile."""
        self._reconnected.append(callback)

    async def close(self) -> None:
        """Flush what was written and leave."""
        self._leaving = True
        await self.broker.stop()
        bus_metrics.CONNECTED.set(0)

    async def _failed(self, error: Exception) -> None:
        text = str(error)
        if isinstance(error, NatsError) and _VIOLATION in text.lower():
            self.violations += 1
            bus_metrics.VIOLATIONS.inc()
            log.error("the bus denied a call of ours: see the topology and the bus admin", reason=text)
            return
        if not self._said_away:
            self._said_away = True
            log.warning("the bus has a problem", error=f"{type(error).__name__}: {text}")

    async def _disconnected(self) -> None:
        bus_metrics.CONNECTED.set(0)
        if self._leaving:
            return
        log.warning("the bus is away")
        if self._pulling is not None:
            for pull in self._pulling.pulls.values():
                pull.lose()

    async def _back(self) -> None:
        self._said_away = False
        bus_metrics.CONNECTED.set(1)
        log.info("the bus is back")
        if self._pulling is not None:
            for pull in self._pulling.pulls.values():
                pull.renew()
        for callback in self._reconnected:
            try:
                await callback()
            except Exception:
                log.exception("a callback after reconnecting failed")
