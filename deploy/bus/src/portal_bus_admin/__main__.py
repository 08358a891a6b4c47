"""`python -m portal_bus_admin`: the loop as a process, with `/readyz` on PORTAL_HEALTH_PORT."""

import asyncio
import signal
from typing import Final

from pydantic import Field

from portal_bus_admin.identities import ADMIN
from portal_bus_admin.loop import BusAdmin
from portal_chassis import logs
from portal_chassis.health import Health
from portal_chassis.settings import ChassisSettings

_STOP_SECONDS: Final = 3.0


class BusAdminSettings(ChassisSettings):
    """What every process reads, and how many servers keep each stream."""

    bus_replicas: int = Field(default=1, ge=1, le=5, description="Servers of a cluster that keep each stream")


async def _main(settings: BusAdminSettings) -> None:
    admin = BusAdmin(settings.nats_url, settings.nats_seed_path, replicas=settings.bus_replicas)
    health = Health()
    health.add("streams and consumers", admin.check)
    await health.serve(settings.health_host, settings.health_port)
    health.started = True
    running = asyncio.create_task(admin.run())
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    admin.stop()
    await asyncio.wait({running}, timeout=_STOP_SECONDS)
    if running.done():
        running.result()  # what went wrong at the start, such as an unknown key
    await health.close()


if __name__ == "__main__":
    settings = BusAdminSettings()
    logs.configure(ADMIN, settings.log_level, settings.log_endpoint)
    asyncio.run(_main(settings))
