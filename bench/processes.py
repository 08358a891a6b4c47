"""What a process tree costs: CPU seconds and resident memory, and on which core it may run. Linux."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
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
    """CPU milliseconds per thousand requests, which are µs a request, of each role between two moments."""

    def __init__(self, roles: Mapping[str, int]) -> None:
        """Start the window; `roles` gives process ids by role."""
        self._roles = dict(roles)
        self._before = {role: cpu_seconds(pid) for role, pid in self._roles.items()}

    def per_request(self, requests: int) -> dict[str, float]:
        """Close the window: µs of CPU per request by role."""
        return {
            role: (cpu_seconds(pid) - self._before[role]) / max(requests, 1) * 1e6 for role, pid in self._roles.items()
        }
