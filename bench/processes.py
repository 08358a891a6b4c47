"""What a process tree costs: CPU seconds and resident memory, and on which core it may run. Linux."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final

import psutil

CORES: Final = tuple(sorted(psutil.Process().cpu_affinity() or ()))
STACK_CORE: Final = CORES[:1]
"""Where everything that is measured runs."""
LOAD_CORE: Final = CORES[-1:]
"""Where the load generator runs: another core, where there is one."""


def tree(pid: int) -> list[psutil.Process]:
    """Give a process and all below it."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """CPU seconds, user and system, of a process tree; of children that have ended too."""
    used = 0.0
    for process in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process. Of a tree (Postgres) the proportional share: its buffers would count many times."""
    processes = tree(pid)
    used = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            used += process.memory_info().rss if len(processes) == 1 else process.memory_full_info().pss
    return used / 1_000_000


def pin(pids: Iterable[int], cores: Iterable[int]) -> None:
    """Let process trees, every thread of them, run on these cores only."""
    wanted = list(cores)
    for pid in pids:
        for process in tree(pid):
            for thread in Path(f"/proc/{process.pid}/task").glob("*"):
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                    psutil.Process(int(thread.name)).cpu_affinity(wanted)


class CpuWindow:
    """What each role used between two moments, and what the rest of the machine took of the same core meanwhile."""

    def __init__(self, roles: Mapping[str, int]) -> None:
        """Open the window; `roles` gives process ids by role."""
        self._roles = dict(roles)
        self._before = {role: cpu_seconds(pid) for role, pid in self._roles.items()}
        self._busy = busy_seconds()
        self._began = monotonic()
        self.used: dict[str, float] = {}
        self.taken_by_others = 0.0
        """Share of the core's time, 0 to 1; above a tenth the window says little about throughput."""

    def close(self) -> None:
        """Close the window."""
        self.used = {role: cpu_seconds(pid) - self._before[role] for role, pid in self._roles.items()}
        took = max(monotonic() - self._began, 1e-9)
        self.taken_by_others = max(0.0, busy_seconds() - self._busy - sum(self.used.values())) / took

    def per_request(self, requests: int) -> dict[str, float]:
        """Give µs of CPU per request by role (the same as CPU milliseconds per thousand)."""
        return {role: seconds / max(requests, 1) * 1e6 for role, seconds in self.used.items()}


def busy_seconds() -> float:
    """CPU seconds the core of the stack has worked for anybody, and the time the hypervisor took from it."""
    times = psutil.cpu_times(percpu=True)[STACK_CORE[0]]
    return float(sum(times[:8]) - times.idle - times.iowait)
