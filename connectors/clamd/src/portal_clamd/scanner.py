"""The port of whoever takes files from customers, and what stands behind it."""

from typing import Protocol

from portal_clamd.clamd import Clamd
from portal_clamd.settings import ScannerSettings


class Scanner(Protocol):
    """Looks for viruses in what customers send (§5 item 6)."""

    async def check(self, content: bytes) -> None:
        """Return for a clean one. Refused FILE_INFECTED; TryLater VIRUS_SCANNER_UNAVAILABLE when nobody can tell."""


class NoScanner:
    """The `Scanner` port where none is set up: everything passes."""

    async def check(self, content: bytes) -> None:
        """Let it pass."""


def scanner_of_environment() -> Scanner:
    """Give the scanner that the settings name; it is asked for the first time with the first file."""
    settings = ScannerSettings()
    return NoScanner() if settings.place is None else Clamd(*settings.place, settings.virus_scanner_seconds)
