"""`python -m portal_identity.argon2_worker`: hashes passwords for `password_hashing.py` when nobody else wants to run.

Each line is a JSON list: `["make", password]` is answered with a hash, `["compare", password, hash or null]` with true
or false. It ends when nobody holds its pipes any more. It imports little, as there are several of it.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AUTOGROUP: Final = Path("/proc/self/autogroup")
NICENESS: Final = "10"
"""A tenth of a share: with 19, a seventieth, who logs in would wait for seconds on a busy machine."""
TRIES: Final = 5
PAUSE_SECONDS: Final = 0.15


class Argon2Worker:
    """Argon2id with 19 MiB and two passes: about 20 ms of one core (reliability.md (c) §1)."""

    def __init__(self) -> None:
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._of_nobody = self._argon2.hash(os.urandom(16).hex())

    def answer(self, verb: str, password: str, hashed: str | None = None) -> Any:
        """Do one piece of work. Without a hash the comparison is as long and says no."""
        if verb == "make":
            return self._argon2.hash(password)
        try:
            return self._argon2.verify(hashed or self._of_nobody, password) and hashed is not None
        except (VerificationError, InvalidHashError):
            return False


def give_way(niceness: str = NICENESS) -> None:
    """Let everything else go first: a flood of log-ins takes the time nobody wants (docs/performance.md).

    The scheduling class counts against others of this session, which is why it has one of its own, and the session's
    niceness against other sessions. In a container both count within it.
    """
    if sys.platform != "linux":
        return
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if os.getsid(0) != os.getpid():
        return  # somebody's terminal, say: not ours to slow down
    for _ in range(TRIES):
        try:
            AUTOGROUP.write_text(niceness)
        except BlockingIOError:  # somebody else's was changed within a tenth of a second
            time.sleep(PAUSE_SECONDS)
        except OSError:  # a kernel without them
            return
        else:
            return


def main() -> None:
    """Work until the pipe is closed."""
    give_way()
    worker = Argon2Worker()
    with suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            sys.stdout.buffer.write(json.dumps(worker.answer(*json.loads(line))).encode() + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
