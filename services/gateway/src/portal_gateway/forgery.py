"""Keeps other sites from acting in a customer's name: where a state change comes from, and the session's CSRF token."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Final
from urllib.parse import urlsplit

from portal_contracts.problems import Refused

_OWN_SITES: Final = (b"same-origin", b"none")


class ForgeryGuard:
    """Judges state changes. A browser always says where a POST comes from; other clients may say nothing."""

    def __init__(self, public_url: str) -> None:
        self._origin = origin_of(public_url)

    def check_origin(self, headers: Mapping[bytes, bytes], *, required: bool) -> None:
        """Refuse CSRF_REFUSED when the request comes from another site, or when `required` and it does not say.

        Our own origin is the public URL's, or the Host the request was sent to: a browser lets no page forge either.
        """
        site = headers.get(b"sec-fetch-site")
        origin = headers.get(b"origin")
        if site is not None and site not in _OWN_SITES:
            raise Refused("CSRF_REFUSED")
        if origin is not None and not self._is_ours(origin.decode("latin-1"), headers.get(b"host", b"")):
            raise Refused("CSRF_REFUSED")
        if required and site is None and origin is None:
            raise Refused("CSRF_REFUSED")

    def check_token(self, headers: Mapping[bytes, bytes], expected: str) -> None:
        """Refuse CSRF_REFUSED unless the X-CSRF-Token header is the session's."""
        if not compare_digest(headers.get(b"x-csrf-token", b""), expected.encode()):
            raise Refused("CSRF_REFUSED")

    def _is_ours(self, origin: str, host: bytes) -> bool:
        if origin.lower() == self._origin:
            return True
        scheme, separator, authority = origin.lower().partition("://")
        return bool(separator) and scheme in {"http", "https"} and authority == host.decode("latin-1").lower()


def origin_of(url: str) -> str:
    """Give scheme and authority of a URL, as browsers write them in Origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
