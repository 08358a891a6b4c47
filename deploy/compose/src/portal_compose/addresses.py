"""Names ending in `.localhost` mean this machine (RFC 6761). Browsers know; not every system's resolver does."""

import socket
from typing import Any, Final

_SUFFIX: Final = ".localhost"


def resolve_localhost_names() -> None:
    """Have this process resolve them as a browser would."""
    ask = socket.getaddrinfo

    def answer(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return ask("127.0.0.1" if name and name.endswith(_SUFFIX) else host, *arguments, **options)

    socket.getaddrinfo = answer
