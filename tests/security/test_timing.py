"""How long an answer takes tells nobody whether an address is known (reliability.md (c) §7, R049, D18).

Pairs of a known and an unknown address, the first of them by lot, one after the other: what the machine does meanwhile
happens to both. Compared are the ranks of the differences (Wilcoxon) and their median.
"""

import asyncio
import math
import os
import random
import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from portal_local.demo.journey import ADDRESS
from portal_security.crowd import Member
from portal_testing.stack import PortalStack

PAIRS = int(os.environ.get("PORTAL_TIMING_PAIRS", "24"))
"""Of each kind; a thousand, two thousand calls, for a figure to write down (docs/performance.md)."""
PAUSE = 0.05
"""Between requests: the mail of the one before is written by then."""
UNLIKELY = 0.001
"""So seldom chance alone gives such ranks: a test that fails once in a thousand runs of an innocent portal."""
LITTLE = 0.005
"""Seconds the median may differ."""
SEED = 17
UNBRAKE = "TRUNCATE login_failure, rate_window"
WRONG = "a-long-passphrase-but-not-theirs"
NEW = "another-passphrase-that-is-long-too"


@dataclass(frozen=True)
class Kind:
    """What a stranger may ask with an address."""

    path: str
    status: int
    form: Callable[[str], dict[str, Any]]


def sign_up(email: str) -> dict[str, Any]:
    """Give a form that is well-formed, as every such form gets the same answer."""
    name = {"familyName": "見本", "givenName": "花子"}
    twice = {"email": email, "confirmEmail": email, "password": NEW, "confirmPassword": NEW}
    return {**twice, "customerNumber": "SNX-10001", "name": name, "address": ADDRESS}


KINDS = {
    "log-in": Kind("/auth/login", 401, lambda email: {"email": email, "password": WRONG}),
    "reset": Kind("/auth/password/request-reset", 202, lambda email: {"email": email}),
    "sign-up": Kind("/auth/signup", 202, sign_up),
    "linking": Kind(
        "/auth/link",
        401,
        lambda email: {"email": email, "whmcsPassword": WRONG, "password": NEW, "confirmPassword": NEW},
    ),
}


def wilcoxon(differences: Sequence[float]) -> float:
    """Give the chance of ranks at least as one-sided as these, if both sides were alike (normal approximation)."""
    ranked = sorted((one for one in differences if one), key=abs)
    number = len(ranked)
    above = sum(rank for rank, one in enumerate(ranked, 1) if one > 0)
    expected, spread = number * (number + 1) / 4, math.sqrt(number * (number + 1) * (2 * number + 1) / 24)
    return math.erfc(abs(above - expected) / spread / math.sqrt(2))


def noise(differences: Sequence[float]) -> float:
    """Give how far the median may be off by chance: three of its standard errors, from the median deviation."""
    middle = statistics.median(differences)
    deviation = 1.4826 * statistics.median(abs(one - middle) for one in differences)
    return 3 * 1.2533 * deviation / math.sqrt(len(differences))


async def asked(http: httpx.AsyncClient, kind: Kind, email: str) -> tuple[float, tuple[object, ...]]:
    """Ask once; the seconds, and all of the answer that may not differ."""
    form = kind.form(email)
    await asyncio.sleep(PAUSE)
    begun = time.perf_counter()
    answer = await http.post(kind.path, json=form)
    seconds = time.perf_counter() - begun
    body = {**answer.json(), "traceId": ""} if answer.content else {}
    return seconds, (answer.status_code, str(body), tuple(sorted(set(answer.headers) - {"x-trace-id", "date"})))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", KINDS)
async def test_known_and_unknown_addresses_are_answered_alike_and_as_soon(
    name: str, members: list[Member], portal_http: httpx.AsyncClient, portal_stack: PortalStack
) -> None:
    kind, chance = KINDS[name], random.Random(SEED)  # noqa: S311 - lots, not secrets
    times: list[tuple[float, float]] = []
    database = await asyncpg.connect(portal_stack.database_url("identity"))
    try:
        for number in range(PAIRS + 2):
            if number % len(members) == 0:
                await database.execute(UNBRAKE)
            pair = [members[number % len(members)].email, f"canary{secrets.token_hex(6)}@example.jp"]
            first = chance.randrange(2)
            answers = {place: await asked(portal_http, kind, pair[place]) for place in (first, 1 - first)}
            assert answers[0][1] == answers[1][1]
            assert answers[0][1][0] == kind.status, answers
            if number >= 2:  # the first ones open connections
                times.append((answers[0][0], answers[1][0]))
    finally:
        await database.close()
    differences = [known - unknown for known, unknown in times]
    median, likely = statistics.median(differences), wilcoxon(differences)
    medians = [statistics.median(column) * 1000 for column in zip(*times, strict=True)]
    told = (
        f"{name}: {len(times)} pairs, medians {medians[0]:.1f} (known) and {medians[1]:.1f} ms,"
        f" of the differences {median * 1000:.2f} ms, p {likely:.3f}"
    )
    print(told)  # noqa: T201 - the figure, with -s
    assert abs(median) <= LITTLE + noise(differences), told
    assert likely > UNLIKELY, told


def test_the_comparison_finds_a_difference_that_is_there() -> None:
    chance = random.Random(SEED)  # noqa: S311 - noise
    alike = [chance.gauss(0, 0.004) for _ in range(2000)]
    assert wilcoxon(alike) > UNLIKELY
    assert wilcoxon([one + 0.0005 for one in alike]) < UNLIKELY
    assert noise(alike) < LITTLE / 5
