"""What an operation answers, before it is on the wire."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from portal_contracts.message import Message

Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""What answers a request by itself: an endpoint, a page, the whole application."""

JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-store")


@dataclass(slots=True)
class Reply:
    """Status, headers and a whole body. The content length is added when it is sent."""

    status: int
    body: bytes
    headers: Headers = field(default_factory=list)


@dataclass(slots=True)
class StreamReply:
    """An answer that writes itself: `run` gets `receive` and `send` after the headers; `close` always follows."""

    headers: Headers
    run: Callable[[Receive, Send], Awaitable[None]]
    close: Callable[[], None]
    status: int = 200


def json_reply(body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> Reply:
    """Answer with ready JSON that nobody may keep."""
    return Reply(status, body, [JSON, NO_STORE, *headers])


def message_reply(message: Message, status: int = 200, *headers: tuple[bytes, bytes]) -> Reply:
    """Answer with a message of the contracts that nobody may keep."""
    return json_reply(message.__pydantic_serializer__.to_json(message), status, *headers)
