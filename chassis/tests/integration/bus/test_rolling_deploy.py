"""Two processes of one service; one gets SIGTERM under load (libraries.md §1.4: FastStream alone loses 13 of 60)."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from portal_chassis.bus import Bus, BusAddress
from portal_contracts.support import OpenStaffCase

PROGRAM = Path(__file__).with_name("answering_program.py")


@pytest.fixture
async def start(nats_url):
    """Starts an instance and returns it when it says that it is ready."""
    started = []

    async def launch():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            env={**os.environ, "PORTAL_NATS_URL": nats_url, "PORTAL_HEALTH_PORT": "0"},
            stdout=asyncio.subprocess.PIPE,
        )
        started.append(process)
        async with asyncio.timeout(30):
            while json.loads(await process.stdout.readline())["event"] != "ready":
                pass
        return process

    yield launch
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_sigterm_under_load_loses_no_request_and_ends_with_exit_code_0(start, nats_url):
    first, second = await asyncio.gather(start(), start())
    asker = Bus("identity", BusAddress(nats_url))
    await asker.connect()

    def ask(number):
        message = OpenStaffCase(
            case_key=f"case-{number}", account_id=None, type="general_inquiry", title="Example", description="Example"
        )
        return asyncio.create_task(asker.ask(message, timeout=10))

    asks = []
    for number in range(600):
        asks.append(ask(number))
        if number == 200:
            first.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.002)
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert [result for result in results if isinstance(result, Exception)] == []
    async with asyncio.timeout(8):
        assert await first.wait() == 0
    assert second.returncode is None
    second.send_signal(signal.SIGTERM)
    async with asyncio.timeout(8):
        assert await second.wait() == 0
    await asker.stop(within=1)
