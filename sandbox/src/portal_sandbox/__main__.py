import asyncio
import json
import signal
import sys

import uvloop

from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with build_sandbox(settings).running() as addresses:
        for name, address in addresses.items():
            sys.stdout.write(json.dumps({"event": "listening", "name": name, "address": address}) + "\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Runs the sandbox until SIGTERM or SIGINT."""
    uvloop.run(_run(Settings.from_environment()))


if __name__ == "__main__":
    main()
