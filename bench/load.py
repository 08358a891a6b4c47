"""The load generator: wrk on a core of its own, going round the cookies of many sessions."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from processes import LOAD_CORE, CpuWindow

CONNECTIONS: Final = 32
SESSIONS: Final = 200
QUIET: Final = 0.10
"""Share of the core that other programs may take of a window before it is measured again."""
TRIES: Final = 3
WARM_REQUESTS: Final = 10_000
"""Node's compiler is done after about eight thousand; before, the Nest peer costs half as much again."""
WARM_SECONDS: Final = 40.0
WARM_SLICE_SECONDS: Final = 2
SCRIPT: Final = Path(__file__).with_name("sessions.lua")
MARK: Final = "RESULT "


class LoadFailedError(Exception):
    """The load could not be made, or the answers were not those wanted."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw. Times are milliseconds."""

    requests: int
    per_second: float
    bad: int
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for: a URL, the sessions' cookies (a file, one header value a line) and further headers."""

    url: str
    cookies: Path
    headers: tuple[str, ...] = ()
    status: int = 200


def ensure_wrk() -> None:
    """Install wrk where we may; otherwise say what is missing."""
    if shutil.which("wrk"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing wrk (the Debian package)", flush=True)
        for command in (["apt-get", "install", "-y", "-q", "wrk"], ["apt-get", "update", "-q"]):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            if shutil.which("wrk"):
                return
        subprocess.run(["apt-get", "install", "-y", "-q", "wrk"], stdout=subprocess.DEVNULL, check=False)
    if not shutil.which("wrk"):
        raise LoadFailedError("wrk is missing: install the package `wrk` (Debian: apt-get install wrk)")


def write_cookies(path: Path, cookies: Sequence[str]) -> Path:
    """Keep cookie headers where wrk reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{cookie}\n" for cookie in cookies), encoding="utf-8")
    return path


def look(target: Target) -> tuple[int, dict[str, str]]:
    """Ask once; give the answer's size and headers. Raises LoadFailedError for another status than the target's."""
    with target.cookies.open(encoding="utf-8") as lines:
        headers = {"Cookie": lines.readline().strip()} | dict(line.split(": ", 1) for line in target.headers)
    try:
        with urlopen(Request(target.url, headers=headers), timeout=10) as answer:  # noqa: S310 - loopback
            status, size, found = answer.status, len(answer.read()), dict(answer.headers)
    except HTTPError as problem:
        status, size, found = problem.code, len(problem.read()), dict(problem.headers)
    if status != target.status:
        raise LoadFailedError(f"{target.url} answered {status} instead of {target.status}")
    return size, {name.lower(): value for name, value in found.items()}


def saturate(target: Target, seconds: int, connections: int = CONNECTIONS) -> Load:
    """Ask as fast as answers come."""
    command = ["taskset", "-c", ",".join(str(core) for core in LOAD_CORE)]
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), target.url, "--"]
    command += [str(target.cookies), *target.headers]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    line = next((line for line in answer.stdout.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise LoadFailedError(f"wrk: {answer.stdout.strip()} {answer.stderr.strip()}")
    found = json.loads(line.removeprefix(MARK))
    return Load(
        requests=found["requests"],
        per_second=found["requests"] / found["microseconds"] * 1e6,
        bad=found["bad"],
        p50=found["p50"],
        p99=found["p99"],
    )


def warm_up(target: Target, connections: int = CONNECTIONS) -> None:
    """Ask until everybody has had the same number of requests, so that no compiler is measured."""
    end, answered = monotonic() + WARM_SECONDS, 0
    while answered < WARM_REQUESTS and monotonic() < end:
        answered += saturate(target, WARM_SLICE_SECONDS, connections).requests


def quietest(target: Target, pids: Mapping[str, int], seconds: int) -> tuple[Load, CpuWindow]:
    """Saturate until nobody else took much of the core, at most three times; give the quietest try."""
    tries: list[tuple[Load, CpuWindow]] = []
    for _ in range(TRIES):
        window = CpuWindow(pids)
        load = saturate(target, seconds)
        window.close()
        tries.append((load, window))
        if window.taken_by_others <= QUIET:
            break
    return min(tries, key=lambda one: one[1].taken_by_others)
