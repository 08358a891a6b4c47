"""Wrong log-ins at a steady rate from everywhere at once: a program of its own, so that it slows no measurement.

`python -m portal_security.flood <gateway> <per second> <seconds> <known address>...` prints what it was answered. It
begins with a burst. Each log-in comes from another network, as the gateway is told by the proxy it is made to trust;
every tenth is for a known address, the others for ones nobody has.
"""

import asyncio
import json
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final

from portal_identity.argon2_worker import give_way
from portal_security.wire import Wire

BURST: Final = 200
"""More than one gateway takes of a kind at once, and than identity hashes."""
CONNECTIONS: Final = 400
KNOWN_EACH: Final = 10
_RETRY: Final = re.compile(rb"\r\nretry-after: [1-9]", re.IGNORECASE)


@dataclass
class Answered:
    """Seconds of each answer by status; refusals of surplus without Retry-After; log-ins that were never sent."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    without_retry_after: int = 0
    held_back: int = 0
    lasted: float = 0.0

    @classmethod
    def read(cls, text: bytes) -> "Answered":
        """Read what the program printed."""
        plain = json.loads(text)
        return cls(**{**plain, "seconds": {int(status): found for status, found in plain["seconds"].items()}})


async def flood(url: str, per_second: float, seconds: float, known: Sequence[str]) -> Answered:
    """Let the program run, and give what it was answered."""
    arguments = ("-m", "portal_security.flood", url, str(per_second), str(seconds), *known)
    folder = Path(__file__).parent.parent
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=folder, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    printed, _ = await process.communicate()
    return Answered.read(printed)


class _Flood:
    def __init__(self, url: str, known: Sequence[str]) -> None:
        self._wire, self._known = Wire(url), known
        self._chance = random.Random(7)  # noqa: S311 - whom it tries, not a secret
        self.answered = Answered()

    async def log_in(self, number: int) -> None:
        """Send one and note the answer."""
        if not self._wire.idle and self._wire.open >= CONNECTIONS:
            self.answered.held_back += 1
            return
        known = self._known and number % KNOWN_EACH == 0
        email = self._chance.choice(self._known) if known else f"flood{self._chance.getrandbits(48):x}@example.jp"
        body = json.dumps({"email": email, "password": "a-wrong-and-long-passphrase"})
        network = ".".join(str(self._chance.randrange(1, 224)) for _ in range(4))
        headers = f"X-Forwarded-For: {network}\r\nContent-Type: application/json\r\n"
        status, head, seconds = await self._wire.ask("POST /auth/login", body, headers)
        self.answered.seconds.setdefault(status, []).append(seconds)
        self.answered.without_retry_after += status in {429, 503} and not _RETRY.search(head)


async def _run(url: str, per_second: float, seconds: float, known: Sequence[str]) -> Answered:
    wave = _Flood(url, known)
    begun = perf_counter()
    async with asyncio.TaskGroup() as sent:
        for number in range(BURST + int(per_second * seconds)):
            await asyncio.sleep(max(0.0, begun + (number - BURST) / per_second - perf_counter()))
            sent.create_task(wave.log_in(number))
    wave.answered.lasted = perf_counter() - begun
    return wave.answered


if __name__ == "__main__":
    give_way("19")  # a flood comes from other machines, so it may not take the portal's processor time
    print(json.dumps(asdict(asyncio.run(_run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])))))  # noqa: T201 - the program's answer
