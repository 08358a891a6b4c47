"""The virus scanner's port on a small clamd that speaks the protocol (§5 item 6, decision 0008)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from portal_clamd import Clamd
from portal_contracts.problems import Refused, TryLater

VIRUS = b"%PDF-1.4 a harmless text that stands for a virus"


@asynccontextmanager
async def clamd(answer: bytes | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve INSTREAM on a free port; with `answer` it says that whatever comes, and with b"" it hangs up."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while length := int.from_bytes(await reader.readexactly(4)):
            content += await reader.readexactly(length)
        seen.append(content)
        said = b"stream: Test-Signature FOUND\0" if VIRUS in content else b"stream: OK\0"
        writer.write(said if answer is None else answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 5 * 1024 * 1024])
async def test_every_byte_is_looked_at_and_a_clean_file_passes(size) -> None:  # C41
    content = b"x" * size
    async with clamd() as (port, seen):
        await Clamd("127.0.0.1", port, 10).check(content)
    assert seen == [content]


@pytest.mark.parametrize("place", [0, 100_000])
async def test_an_infected_file_is_refused_wherever_it_is_infected(place) -> None:
    async with clamd() as (port, _):
        with pytest.raises(Refused, match="FILE_INFECTED"):
            await Clamd("127.0.0.1", port, 10).check(b"x" * place + VIRUS)


@pytest.mark.parametrize("answer", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK", b"x" * 100_000])
async def test_what_is_no_judgement_lets_nothing_pass(answer) -> None:
    async with clamd(answer) as (port, _):
        with pytest.raises(TryLater, match="VIRUS_SCANNER_UNAVAILABLE"):
            await Clamd("127.0.0.1", port, 10).check(b"x")


async def test_a_scanner_that_is_away_or_slow_lets_nothing_pass() -> None:
    async with clamd() as (port, _):
        pass
    with pytest.raises(TryLater, match="VIRUS_SCANNER_UNAVAILABLE"):
        await Clamd("127.0.0.1", port, 10).check(b"x")
    silent = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        with pytest.raises(TryLater, match="VIRUS_SCANNER_UNAVAILABLE"):
            await Clamd("127.0.0.1", server.sockets[0].getsockname()[1], 0.1).check(b"x")
        silent.set()
