"""TCP ports on loopback."""

import random
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"

# Below the range from which Linux (32768 up) and macOS (49152 up) take the near end of outgoing connections: a client
# that keeps knocking on a stopped server's port may otherwise be given that very port and talk to itself for ever.
_LOWEST: Final = 20_000
_HIGHEST: Final = 32_000
_ATTEMPTS: Final = 200

_handed_out: set[int] = set()


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # What servers do too: a connection of the previous run still in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def pick_port() -> int:
    """A port nobody listens on, different at every call of this process.

    Another process may still take it before its server does; who picks a port for a server tries again then.
    """
    source = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        port = source.randint(_LOWEST, _HIGHEST)
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {LOOPBACK}")


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False
