"""`python -m portal_bus_admin`: the loop as a process, with `/readyz` on PORTAL_HEALTH_PORT."""

import asyncio
import contextlib
import signal

from portal_bus_admin.identities import ADMIN
from portal_bus_admin.loop import BusAdmin
from portal_chassis import logs
from portal_chassis.health import Health
from portal_chassis.settings import ChassisSettings


async def _main(settings: ChassisSettings) -> None:
    admin = BusAdmin(settings.nats_url, settings.nats_seed_path)
    health = Health()
    health.add("streams and consumers", admin.check)
    await health.serve(settings.health_host, settings.health_port)
    health.started = True
    running = asyncio.create_task(admin.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await health.close()


if __name__ == "__main__":
    settings = ChassisSettings()
    logs.configure(ADMIN, settings.log_level)
    asyncio.run(_main(settings))
