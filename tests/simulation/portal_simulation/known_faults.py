"""Faults of the portal that schedules have found and that are not mended yet, each with what is wrong.

An entry keeps the suite green without hiding anything: what it covers is counted and shown at the end of a run. It goes
as soon as its fault is mended. At the moment there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from portal_simulation.invariants import Broken
from portal_simulation.play import Played


@dataclass(frozen=True, slots=True)
class KnownFault:
    """What is wrong, and how to recognise it."""

    name: str
    reason: str
    covers: Callable[[Played, Broken], bool]


KNOWN_FAULTS: Final[tuple[KnownFault, ...]] = ()


def known(played: Played, broken: Broken) -> KnownFault | None:
    """Give the known fault that explains something broken."""
    return next((fault for fault in KNOWN_FAULTS if fault.covers(played, broken)), None)
