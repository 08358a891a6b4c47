"""Which licence each package has, by its own metadata, and whether we may use it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from importlib.metadata import Distribution, distributions
from typing import Final

from portal_audit.locked import Package

_FORBIDDEN: Final = re.compile(
    r"AGPL|(?<!L)GPL|Affero|(?<!Lesser )General Public|SSPL|Server Side|BUSL|Business Source|Commons Clause|"
    r"Elastic|Non-?Commercial|\bNC\b|Proprietary",
    re.IGNORECASE,
)
"""Copyleft that reaches whoever uses a program, and licences that are not open source. The LGPL is not among them."""
_WITH_EXCEPTION: Final = re.compile(r"WITH|exception", re.IGNORECASE)
_ALIASES: Final = {
    "Apache 2 License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_LONGEST_NAME: Final = 60
NOT_INSTALLED: Final = "not installed on Linux"


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package and its licence; an empty one is unknown."""

    package: Package
    licence: str


def licences_of(packages: Iterable[Package]) -> list[Licensed]:
    """Read the metadata of what is installed here; what only other systems need is said to be so."""
    installed: Mapping[str, Distribution] = {_canonical(one.metadata["Name"]): one for one in distributions()}
    return [
        Licensed(one, licence_of(_headers(installed[one.name])) if one.name in installed else NOT_INSTALLED)
        for one in packages
    ]


def licence_of(metadata: Message) -> str:
    """Give the SPDX expression, else a short licence text, else the classifiers; empty when it says nothing."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    text = str(metadata.get("License") or "").strip()
    if text and "\n" not in text and len(text) <= _LONGEST_NAME and text != "UNKNOWN":
        return _ALIASES.get(text, text)
    names = [
        one.rsplit(" :: ", 1)[-1]
        for one in metadata.get_all("Classifier") or ()
        if one.startswith("License ::") and " :: " in one.removeprefix("License :: ")
    ]
    return " OR ".join(_ALIASES.get(name, name) for name in names)


def refusal(licensed: Licensed) -> str | None:
    """Say why a licence may not be used without having been looked at; None when it may."""
    if not licensed.licence:
        return "says no licence"
    choices = re.split(r"\s+OR\s+", licensed.licence)
    if all(_FORBIDDEN.search(one) and not _WITH_EXCEPTION.search(one) for one in choices):
        return f"is under {licensed.licence}"
    return None


def page(found: Iterable[Licensed], accepted: Mapping[str, str]) -> str:
    """Give the text of `docs/licences.md`."""
    lines = [
        "# Licences",
        "",
        "Written by `make audit` from the lock file and each package's own metadata. AGPL, GPL (without an exception",
        "that covers us), SSPL and licences that are not open source are refused unless `deploy/audit/accepted.toml`",
        "gives the reason. The images' system packages carry theirs in `/usr/share/doc/*/copyright`.",
        "",
        "| package | version | licence | needed by |",
        "|---|---|---|---|",
    ]
    for one in found:
        reason = f" ({accepted[one.package.name]})" if one.package.name in accepted else ""
        runs = "the portal" if one.package.runs else "development only"
        lines.append(f"| {one.package.name} | {one.package.version} | {one.licence or 'unknown'}{reason} | {runs} |")
    return "\n".join(lines) + "\n"


def _headers(distribution: Distribution) -> Message:
    """The metadata as what it is, a mail's headers: importlib's own type hides `get` before Python 3.12."""
    return message_from_string(distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
