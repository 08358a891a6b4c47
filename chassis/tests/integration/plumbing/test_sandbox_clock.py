"""Business time follows the sandbox, forward, and keeps its offset while the sandbox is away."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.clocks import SandboxClock


class Control:
    """The clock of the sandbox's control API, as far as it is on the wire."""

    def __init__(self) -> None:
        self.offset, self.version = 0, 0
        self.moved = asyncio.Event()
        self.asked: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = request.split()[1]
        self.asked.append(target)
        after = int(target.split("after=")[1].split("&")[0])
        wait = int(target.split("wait=")[1])
        if after == self.version and wait:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.moved.wait()
        body = json.dumps({"offsetSeconds": self.offset, "version": self.version, "now": "2026-04-01T00:00:00Z"})
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    def advance(self, seconds: int) -> None:
        self.offset += seconds
        self.version += 1
        self.moved.set()
        self.moved = asyncio.Event()


@pytest.fixture
async def control():
    held = Control()
    server = await asyncio.start_server(held.answer, "127.0.0.1", 0)
    held.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield held
    server.close()


async def test_the_offset_is_read_at_start_and_followed(control):
    control.advance(3600)
    clock = SandboxClock(control.url)
    await clock.read()
    assert abs(clock.now() - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=5)
    following = asyncio.create_task(clock.follow())
    async with asyncio.timeout(5):
        while len(control.asked) < 2:
            await asyncio.sleep(0.001)
        moved = asyncio.create_task(clock.moved.wait())
        await asyncio.sleep(0)
        control.advance(86400)
        await moved
    assert abs(clock.now() - datetime.now(UTC) - timedelta(hours=25)) < timedelta(seconds=5)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_sandbox_that_is_away_is_told_at_start():
    with pytest.raises(OSError, match=r".*"):
        await SandboxClock("http://127.0.0.1:1").read()
