"""`python -m portal_audit [licences]`: 0 nothing found, 1 something found, 2 something could not be looked at."""

import asyncio
import datetime as dt
import sys
from pathlib import Path
from typing import Final

import httpx

from portal_audit import licences, system_packages, vulnerabilities
from portal_audit.accepted import Accepted
from portal_audit.locked import Package, locked_packages

ROOT: Final = Path(__file__).resolve().parents[3]
FOUND, NOT_LOOKED_AT = 1, 2
_OUR_IMAGES: Final = "portal/*"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _licences(packages: list[Package], accepted: Accepted) -> int:
    found = licences.licences_of(packages)
    path = ROOT / "docs" / "licences.md"
    path.write_text(licences.page(found, accepted.licences), encoding="utf-8")
    refused = [
        f"{one.package.name} {one.package.version} {reason}"
        for one in found
        if (reason := licences.refusal(one)) is not None and one.package.name not in accepted.licences
    ]
    for line in refused:
        _say(f"  refused: {line}")
    _say(f"licences: {len(found)} packages in {path.relative_to(ROOT)}, {len(refused)} refused")
    return FOUND if refused else 0


async def _vulnerabilities(packages: list[Package], accepted: Accepted) -> int:
    async with httpx.AsyncClient(base_url=vulnerabilities.INDEX, timeout=20, follow_redirects=False) as client:
        try:
            answer = await vulnerabilities.ask(packages, client)
        except httpx.HTTPError as error:
            _say(f"Python packages: NOT CHECKED, {vulnerabilities.INDEX} did not answer ({type(error).__name__})")
            return NOT_LOOKED_AT
    open_ones = [one for one in answer.found if not set(one.names) & set(accepted.vulnerabilities)]
    for one in open_ones:
        mended = f"mended in {', '.join(one.fixed_in)}" if one.fixed_in else "no mended version"
        _say(f"  {one.package.name} {one.package.version}: {', '.join(one.names)} ({mended}): {one.details}")
    known = len(packages) - len(answer.unknown)
    _say(f"Python packages: {known} of {len(packages)} checked, {len(open_ones)} with a known vulnerability")
    if answer.unknown:
        names = ", ".join(f"{one.name} {one.version}" for one in answer.unknown)
        _say(f"  NOT CHECKED, the index has no page for this version: {names}")
    return FOUND if open_ones else NOT_LOOKED_AT if answer.unknown else 0


def _system_packages() -> int:
    images = system_packages.local_images(_OUR_IMAGES)
    if not images:
        _say("system packages: NOT CHECKED, no image of ours on this machine (make local-images or make images)")
        return NOT_LOOKED_AT
    result = 0
    for image in images:
        try:
            fixes = system_packages.outdated(image)
        except system_packages.NotAsked as reason:
            _say(f"system packages: NOT CHECKED, {reason}")
            result = result or NOT_LOOKED_AT
            continue
        _say(f"system packages of {image}: {len(fixes)} with a security fix")
        for fix in fixes:
            _say(f"  {fix}")
        result = FOUND if fixes else result
    return result


def main(arguments: list[str]) -> int:
    """Audit everything, or with `licences` write that page alone, which needs no network."""
    packages = locked_packages(ROOT / "uv.lock")
    today = dt.datetime.now(dt.UTC).date()
    accepted = Accepted.read(ROOT / "deploy" / "audit" / "accepted.toml", today)
    results = [_licences(packages, accepted)]
    if arguments != ["licences"]:
        results += [asyncio.run(_vulnerabilities(packages, accepted)), _system_packages()]
    return FOUND if FOUND in results else max(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
