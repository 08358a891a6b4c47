"""The viewer as a process: takes what the chassis sends, scrapes what answers, and stops when told."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import httpx
import pytest

from portal_chassis.log_export import LogExport
from portal_local.servers.ports import pick_port

LINE = {
    "timestamp": "2026-01-05T01:02:03.456789Z",
    "level": "info",
    "event": "a step ended",
    "order_id": "8016F000001AbCdQAK",
}


@pytest.fixture
async def viewer() -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port = pick_port()
    environment = {
        **os.environ,
        "VIEWER_PORT": str(port),
        "VIEWER_SCRAPE": f"nobody=http://127.0.0.1:9/metrics,itself=http://127.0.0.1:{port}/healthz",
        "VIEWER_SCRAPE_SECONDS": "0.1",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "portal_viewer", env=environment)
    yield f"http://127.0.0.1:{port}", process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_a_log_line_of_a_service_is_found_in_the_viewer(viewer):
    url, process = viewer
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await until_it_answers(client)
        export = LogExport("billing", url)
        export.take(LINE)
        await asyncio.to_thread(export.close)
        page = (await client.get("/find", params={"q": "8016F000001AbCdQAK"})).text
        assert "a step ended" in page
        assert "billing" in page
        assert "nobody is down" in (await client.get("/")).text
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(5):
        await process.wait()


async def until_it_answers(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await client.get("/healthz")).status_code == 200 and "nobody" in (await client.get("/")).text:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
