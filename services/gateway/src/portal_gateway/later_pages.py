"""Pages made of the OpenAPI document, written when the first of them is wanted: few ask, and not of every gateway.

A program of its own writes the document, `python -m portal_gateway.open_api`: the schemas of all messages are half a
second of work and ten megabytes, which would otherwise be taken from every gateway for as long as it lives.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from portal_chassis.logs import get_logger
from portal_contracts.problems import Misconfigured
from portal_gateway.reply import App, Receive, Scope, Send
from portal_gateway.static_page import StaticPage

WRITING_SECONDS: Final = 30

log = get_logger(__name__)


class LaterPages:
    """All of them are made at once; whoever comes meanwhile waits for the same writing."""

    def __init__(self, command: Sequence[str], pages_of: Callable[[dict[str, Any]], Mapping[str, StaticPage]]) -> None:
        """`command` prints the document; `pages_of` makes the pages of it, by path."""
        self.command = command
        self._pages_of = pages_of
        self._pages: Mapping[str, StaticPage] | None = None
        self._writing = asyncio.Lock()

    def at(self, path: str) -> App:
        """Give the page of a path; asked, it raises Misconfigured when the document cannot be written."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                page = (await self._written())[path]
            except (OSError, ValueError, TimeoutError) as error:
                log.exception("the API's documentation could not be written")
                raise Misconfigured("INTERNAL_ERROR", facts={"error": type(error).__name__}) from error
            await page(scope, receive, send)

        return answer

    async def _written(self) -> Mapping[str, StaticPage]:
        async with self._writing:
            if self._pages is None:
                self._pages = self._pages_of(json.loads(await self._document()))
            return self._pages

    async def _document(self) -> bytes:
        """Have the document written. Raises ValueError when the program fails; its own words are in the log."""
        program = await asyncio.create_subprocess_exec(*self.command, stdout=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(WRITING_SECONDS):
                written, _ = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
        if program.returncode:
            raise ValueError(f"the program ended with {program.returncode}")
        return written
