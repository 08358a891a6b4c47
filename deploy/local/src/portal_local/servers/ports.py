"""TCP ports on loopback."""

import atexit
import random
import socket
from collections import deque
from typing import Final

LOOPBACK: Final = "127.0.0.1"

# Below the range from which Linux (32768 up) and macOS (49152 up) take the near end of outgoing connections: a client
# that keeps knocking on a stopped server's port may otherwise be given that very port and talk to itself for ever.
_LOWEST: Final = 20_000
_HIGHEST: Final = 32_000
_BLOCK: Final = 100
_BLOCKS_OF_A_PROCESS: Final = 4  # enough that a port comes round again long after its server started, or ended

# Picking a free port and listening on it are two moments, and test sessions run side by side: so each process picks
# from blocks of its own. Holding a block is holding its first port, bound until the process ends, without SO_REUSEADDR.
_held: list[socket.socket] = []
_fresh: deque[int] = deque()
_used: deque[int] = deque()


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
    """A port nobody listens on and no other process picks, another one at each of the next hundreds of calls."""
    for _ in range(_BLOCK * _BLOCKS_OF_A_PROCESS):
        if not _fresh and len(_held) < _BLOCKS_OF_A_PROCESS:
            _fresh.extend(_hold_block())
        elif not _fresh:
            _fresh.extend(_used)
            _used.clear()
        port = _fresh.popleft()
        _used.append(port)
        if is_free(port):
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {LOOPBACK}")


def _hold_block() -> range:
    """The ports of a block that no other process holds; raises OSError when all are held."""
    blocks = list(range(_LOWEST, _HIGHEST, _BLOCK))
    random.SystemRandom().shuffle(blocks)
    for first in blocks:
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((LOOPBACK, first))
        except OSError:
            claim.close()
            continue
        atexit.register(claim.close)
        _held.append(claim)
        atexit.register(claim.close)  # or the interpreter complains of it at its end
        return range(first + 1, first + _BLOCK)
    raise OSError(f"every block of ports between {_LOWEST} and {_HIGHEST} on {LOOPBACK} is held")


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False
