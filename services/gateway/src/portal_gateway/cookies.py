"""The session's cookies: one only the browser sees, one with the CSRF token that the page reads.

A third one outlives the session and tells a browser its owner has logged in with before: guesses of strangers slow the
log-in down, but not there (reliability.md (c) §7). It is the hash of the session's token and opens nothing.
"""

import re
from datetime import datetime
from hashlib import sha256
from typing import Final

HOST_PREFIX: Final = "__Host-"
DEVICE_SECONDS: Final = 90 * 86_400
"""As long as identity keeps the row of an ended session, unless it is set to another time."""
_DEVICE: Final = re.compile(r"[0-9a-f]{64}")


class Cookies:
    """Names and attributes: `__Host-` and Secure, but plain when `make up` serves HTTP on loopback."""

    def __init__(self, *, secure: bool) -> None:
        prefix = HOST_PREFIX if secure else ""
        self.session = f"{prefix}portal_session"
        self.csrf = f"{prefix}portal_csrf"
        self.device = f"{prefix}portal_device"
        self._attributes = "; Path=/; SameSite=Lax" + ("; Secure" if secure else "")
        self._session_start = f"{self.session}=".encode()
        self._device_start = f"{self.device}=".encode()

    def session_token(self, header: bytes | None) -> str | None:
        """Find the session's token in a Cookie header; of several the first, as browsers send the closest first."""
        return _value(header, self._session_start)

    def device_mark(self, header: bytes | None) -> str | None:
        """Find what tells a known browser; nothing for what we have not written like that."""
        found = _value(header, self._device_start)
        return found if found is not None and _DEVICE.fullmatch(found) else None

    def opened(self, session_token: str, csrf_token: str, expires_at: datetime, now: datetime) -> list[bytes]:
        """Set both cookies until the session's absolute end."""
        age = max(0, int((expires_at - now).total_seconds()))
        return [
            f"{self.session}={session_token}; Max-Age={age}; HttpOnly{self._attributes}".encode(),
            f"{self.csrf}={csrf_token}; Max-Age={age}{self._attributes}".encode(),
        ]

    def known(self, session_token: str) -> bytes:
        """Mark the browser of a customer's session for later."""
        mark = sha256(session_token.encode()).hexdigest()
        return f"{self.device}={mark}; Max-Age={DEVICE_SECONDS}; HttpOnly{self._attributes}".encode()

    def closed(self) -> list[bytes]:
        """Delete the session's cookies; the browser stays known."""
        return [
            f"{self.session}=; Max-Age=0; HttpOnly{self._attributes}".encode(),
            f"{self.csrf}=; Max-Age=0{self._attributes}".encode(),
        ]


def _value(header: bytes | None, start: bytes) -> str | None:
    if header is None or start not in header:
        return None
    for part in header.split(b";"):
        stripped = part.strip()
        if stripped.startswith(start):
            return stripped[len(start) :].decode("latin-1") or None
    return None
