"""What the lock file pins, and what of it a running portal needs."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One package of a registry; `runs` tells whether a member needs it, not only whoever develops."""

    name: str
    version: str
    runs: bool


def locked_packages(lock: Path) -> list[Package]:
    """Read `uv.lock`: every package of a registry by name."""
    entries: dict[str, dict[str, Any]] = {}
    for entry in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        entries[entry["name"]] = entry
    running = _reachable(entries, [name for name, entry in entries.items() if "editable" in entry["source"]])
    return sorted(
        Package(name, entry["version"], name in running)
        for name, entry in entries.items()
        if "registry" in entry["source"]
    )


def _reachable(entries: dict[str, dict[str, Any]], roots: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in entries:
            continue
        found.add(name)
        entry = entries[name]
        extras = [one for group in entry.get("optional-dependencies", {}).values() for one in group]
        waiting += [one["name"] for one in (*entry.get("dependencies", ()), *extras)]
    return found
