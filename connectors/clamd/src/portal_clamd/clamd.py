"""A virus scanner behind clamd's own protocol: INSTREAM over TCP (clamd(8)); the `Scanner` port."""

import asyncio
from typing import Final

from portal_chassis.logs import get_logger
from portal_contracts.problems import Refused, TryLater

_COMMAND: Final = b"zINSTREAM\0"
_PART: Final = 64 * 1024
_LENGTH: Final = 4
"""Bytes of a part's length, which goes before it; a length of nothing ends the content."""
_CLEAN: Final = "stream: OK"
_FOUND: Final = " FOUND"

_log = get_logger(__name__)


class Clamd:
    """Asks one clamd. What it cannot judge does not pass: away, slow, or content above its own limit."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._host, self._port, self._seconds = host, port, seconds

    async def check(self, content: bytes) -> None:
        """Send it and read one line."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(content)
        except (OSError, EOFError, asyncio.LimitOverrunError) as away:  # TimeoutError is an OSError
            _log.warning("the virus scanner does not answer", alert=True, seen=type(away).__name__)
            raise TryLater("VIRUS_SCANNER_UNAVAILABLE") from away
        if answer.endswith(_FOUND):
            _log.warning("a customer's file is infected", found=answer.removesuffix(_FOUND))
            raise Refused("FILE_INFECTED")
        if answer != _CLEAN:
            _log.error("the virus scanner judges nothing", alert=True, seen=answer)
            raise TryLater("VIRUS_SCANNER_UNAVAILABLE")

    async def _ask(self, content: bytes) -> str:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(_COMMAND)
            for begin in range(0, len(content), _PART):
                part = content[begin : begin + _PART]
                writer.write(len(part).to_bytes(_LENGTH) + part)
                await writer.drain()
            writer.write(bytes(_LENGTH))
            await writer.drain()
            return (await reader.readuntil(b"\0")).rstrip(b"\0").decode(errors="replace")
        finally:
            writer.close()
