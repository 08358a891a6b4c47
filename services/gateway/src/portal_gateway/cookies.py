"""The session's cookies: one only the browser sees, one with the CSRF token that the page reads."""

from datetime import datetime
from typing import Final

HOST_PREFIX: Final = "__Host-"


class Cookies:
    """Names and attributes: `__Host-` and Secure, but plain when `make up` serves HTTP on loopback."""

    def __init__(self, *, secure: bool) -> None:
        prefix = HOST_PREFIX if secure else ""
        self.session = f"{prefix}portal_session"
        self.csrf = f"{prefix}portal_csrf"
        self._attributes = "; Path=/; SameSite=Lax" + ("; Secure" if secure else "")
        self._session_start = f"{self.session}=".encode()

    def session_token(self, header: bytes | None) -> str | None:
        """Find the session's token in a Cookie header; of several the first, as browsers send the closest first."""
        if header is None or self._session_start not in header:
            return None
        for part in header.split(b";"):
            stripped = part.strip()
            if stripped.startswith(self._session_start):
                return stripped[len(self._session_start) :].decode("latin-1") or None
        return None

    def opened(self, session_token: str, csrf_token: str, expires_at: datetime, now: datetime) -> list[bytes]:
        """Set both cookies until the session's absolute end."""
        age = max(0, int((expires_at - now).total_seconds()))
        return [
            f"{self.session}={session_token}; Max-Age={age}; HttpOnly{self._attributes}".encode(),
            f"{self.csrf}={csrf_token}; Max-Age={age}{self._attributes}".encode(),
        ]

    def closed(self) -> list[bytes]:
        """Delete both cookies."""
        return [
            f"{self.session}=; Max-Age=0; HttpOnly{self._attributes}".encode(),
            f"{self.csrf}=; Max-Age=0{self._attributes}".encode(),
        ]
