"""The admin's life: apply the topology every few seconds, and at once when something was deleted or came back."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from portal_bus_admin.identities import ADMIN
from portal_bus_admin.provisioning import apply
from portal_chassis.logs import get_logger
from portal_contracts.topology import SERVICES, ServiceTopology

_DELETIONS: Final = ("$JS.EVENT.ADVISORY.STREAM.DELETED.*", "$JS.EVENT.ADVISORY.CONSUMER.DELETED.*.*")
_RECONNECT_PAUSE: Final = 0.25

log = get_logger(__name__)


class BusAdmin:
    """Keeps streams and durables as the topology wants them. `ready` once they were so."""

    def __init__(
        self,
        url: str,
        seed_path: Path | None = None,
        *,
        services: Mapping[str, ServiceTopology] = SERVICES,
        every: float = 2.0,
        replicas: int = 1,
    ) -> None:
        """Look every `every` seconds; two instances do each other no harm. `replicas` of each stream in a cluster."""
        self.ready = False
        self._url = url
        self._seed_path = seed_path
        self._services = services
        self._every = every
        self._replicas = replicas
        self._changed = asyncio.Event()
        self._stopping = False
        self._failing = False

    async def run(self) -> None:
        """Work until `stop`. Not to be cancelled: nats-py's requests swallow a cancellation that meets their answer."""
        client = await self._connect()
        try:
            for subject in _DELETIONS:
                await client.subscribe(subject, cb=self._deleted)
            jetstream = client.jetstream(timeout=5)
            while not self._stopping:
                self._changed.clear()
                try:
                    for line in await apply(jetstream, self._services, replicas=self._replicas):
                        log.info(line)
                    self.ready, self._failing = True, False
                except NatsError as error:
                    self._report(error)
                if not self._stopping:
                    await self._pause()
        finally:
            await client.close()

    def stop(self) -> None:
        """End `run` after the round it is in."""
        self._stopping = True
        self._changed.set()

    async def check(self) -> bool:
        """Whether everything was in place when it looked last; for readiness."""
        return self.ready and not self._failing

    async def _connect(self) -> Client:
        return await nats.connect(
            self._url,
            name=f"portal-{ADMIN}",
            nkeys_seed=str(self._seed_path) if self._seed_path else None,
            inbox_prefix=f"_INBOX.{ADMIN}",
            reconnect_time_wait=_RECONNECT_PAUSE,
            max_reconnect_attempts=-1,
            reconnected_cb=self._back,
            error_cb=self._failed,
        )

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(0.25 if self._failing else self._every):
                await self._changed.wait()
        except TimeoutError:
            return

    def _report(self, error: Exception) -> None:
        if not self._failing:
            log.warning("streams and consumers could not be checked", error=f"{type(error).__name__}: {error}")
        self._failing = True

    async def _deleted(self, message: Msg) -> None:
        log.warning("somebody deleted a stream or consumer", subject=message.subject)
        self._changed.set()

    async def _back(self) -> None:
        self._changed.set()

    async def _failed(self, error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            log.error("the bus denied a call of the admin", reason=str(error))
