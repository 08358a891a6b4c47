"""Keeps the operator's session token between two commands."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SessionFile:
    """One token in a file that its owner alone may read. The server ends the session, whatever stands here."""

    path: Path

    def read(self) -> str | None:
        """Give the token; None when nobody signed in."""
        try:
            return self.path.read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None

    def write(self, token: str) -> None:
        """Keep a token; the file is never readable by others, not even while it is written."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token)

    def forget(self) -> None:
        """Delete the token."""
        self.path.unlink(missing_ok=True)
