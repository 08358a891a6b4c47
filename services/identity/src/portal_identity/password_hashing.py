"""Argon2id off the event loop, on all cores but one (reference reliability.md (c) §1, §7)."""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from portal_contracts.problems import TryLater
from portal_identity.password_policy import normal_password

T = TypeVar("T")

WAITING: Final = 32


class Argon2Hasher:
    """19 MiB, two passes: about 20 ms of one core. More than 32 waiting callers are asked to come back."""

    def __init__(self) -> None:
        self._argon2 = Argon2(time_cost=2, memory_cost=19_456, parallelism=1)
        at_once = max(1, (os.cpu_count() or 1) - 1)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2", initializer=_give_way)
        self._most = at_once + WAITING
        self._taken = 0
        self._dummy = self._argon2.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """Hash the normal form of a password."""
        return await self._work(self._hashed, normal_password(password), "")

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Compare with a hash; without one, compare with a hash nobody knows the password of."""
        matches = await self._work(self._matches, normal_password(password), hashed or self._dummy)
        return matches and hashed is not None

    def _hashed(self, password: str, _: str) -> str:
        return self._argon2.hash(password)

    def _matches(self, password: str, hashed: str) -> bool:
        try:
            return self._argon2.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _work(self, function: Callable[[str, str], T], first: str, second: str) -> T:
        if self._taken >= self._most:
            raise TryLater("OVERLOADED")
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, first, second)
        finally:
            self._taken -= 1


def _give_way() -> None:
    """Let everything else go first: a flood of log-ins takes the time nobody wants (docs/performance.md).

    Linux then takes a core that only hashes for a free one. Niceness does not reach that far: it counts within a
    container or a session alone, where a service is by itself. So no other service starves this
    thread either.
    """
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
