"""What PyPI knows against the versions in the lock file (its JSON API carries the OSV database's entries)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from portal_audit.locked import Package

INDEX: Final = "https://pypi.org"
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One entry that touches a locked version. PyPI gives no severity, so every entry counts."""

    package: Package
    names: tuple[str, ...]
    """Its id and aliases, each as somebody may have accepted it."""
    fixed_in: tuple[str, ...]
    details: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What could be learnt; `unknown` are the packages PyPI (or a mirror of it) said nothing about."""

    found: Sequence[Vulnerability]
    unknown: Sequence[Package]


async def ask(packages: Iterable[Package], client: httpx.AsyncClient) -> Answer:
    """Ask about every package. Raises httpx.TransportError when the index cannot be reached."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(package: Package) -> tuple[Package, list[dict[str, Any]] | None]:
        async with places:
            return package, await _entries(package, client)

    answers = await asyncio.gather(*(one(package) for package in packages))
    return Answer(
        [found for package, entries in answers for found in _merged(package, entries or [])],
        [package for package, entries in answers if entries is None],
    )


async def _entries(package: Package, client: httpx.AsyncClient) -> list[dict[str, Any]] | None:
    """Give the entries of this version, or None when the index has none to give.

    A mirror may keep the newest version's page alone: it counts when that is the locked version.
    """
    for path in (f"/pypi/{package.name}/{package.version}/json", f"/pypi/{package.name}/json"):
        answer = await client.get(path)
        if answer.status_code == httpx.codes.OK:
            page = answer.json()
            if page["info"]["version"] == package.version and page.get("vulnerabilities") is not None:
                return [entry for entry in page["vulnerabilities"] if not entry.get("withdrawn")]
    return None


def _merged(package: Package, entries: list[dict[str, Any]]) -> list[Vulnerability]:
    """The same hole is listed once per database: entries that share a name are one."""
    merged: list[Vulnerability] = []
    for entry in entries:
        names = {entry["id"], *entry.get("aliases", ())}
        if any(names & set(known.names) for known in merged):
            continue
        text = " ".join((entry.get("summary") or entry.get("details") or "").split())
        merged.append(Vulnerability(package, tuple(sorted(names)), tuple(entry.get("fixed_in", ())), text[:200]))
    return merged
