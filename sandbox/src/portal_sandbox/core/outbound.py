"""How stand-ins call out: webhooks, and the org's signed call to the portal."""

import asyncio
import contextlib
import http.client
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

_LARGEST_ANSWER_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """What the receiver said."""

    status: int
    body: bytes = b""


Post: TypeAlias = Callable[[str, Mapping[str, str], bytes], Awaitable[PostAnswer]]
"""Posts a body to a URL. OSError when nobody answered or the answer is no HTTP; it sets no limit of its own."""


async def post(url: str, headers: Mapping[str, str], body: bytes) -> PostAnswer:
    """A minimal HTTP POST on the running loop, so that its waits follow the loop's time."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        heard = bytearray()
        while len(heard) < _LARGEST_ANSWER_BYTES and (chunk := await reader.read(_CHUNK_BYTES)):
            heard += chunk
        return _parsed(bytes(heard))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class _Heard:
    """A finished answer in the form the standard library's parser reads from."""

    def __init__(self, heard: bytes) -> None:
        self._heard = heard

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._heard)


def _parsed(heard: bytes) -> PostAnswer:
    response = http.client.HTTPResponse(cast("Any", _Heard(heard)), method="POST")
    try:
        response.begin()
        return PostAnswer(response.status, response.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"the answer is no HTTP: {type(error).__name__}") from error
