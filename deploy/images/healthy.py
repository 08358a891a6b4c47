#!/app/bin/python -IS
"""The images' health check: whether PORTAL_PROBE_URL answers 200, asked over a bare socket so that it costs little."""

import os
import socket
import sys
from typing import Final

_SECONDS: Final = 4.0


def answers(url: str) -> bool:
    """Ask `http://host:port/path`; anything but a 200 within some seconds is a no."""
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_SECONDS) as connection:
            connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not answers(os.environ["PORTAL_PROBE_URL"]))
