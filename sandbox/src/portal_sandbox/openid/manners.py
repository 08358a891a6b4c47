"""How an OpenID provider words failures: RFC 6749 5.2."""

import json
from collections.abc import Mapping

from portal_sandbox.core.manners import Meaning, Refusal

_SAID: Mapping[Meaning, tuple[int, str]] = {
    "permanent": (400, "invalid_request"),
    "transient": (503, "temporarily_unavailable"),
    "ambiguous": (500, "server_error"),
    "quota": (429, "slow_down"),
    "auth": (401, "invalid_client"),
}


class OpenIdManners:
    """Of the provider's endpoints."""

    session_tables: tuple[str, ...] = ("openid_token",)
    envelope: frozenset[str] = frozenset()

    def is_read(self, call: str) -> bool:
        """What says something and changes nothing."""
        return call in {"discovery", "jwks", "userinfo"}

    def is_login(self, call: str) -> bool:
        """The client proves itself with each exchange."""
        return not call

    def refuse(self, call: str, meaning: Meaning, message: str) -> Refusal:  # noqa: ARG002 - all calls fail alike
        """The error object."""
        status, error = _SAID[meaning]
        return Refusal(status, json.dumps({"error": error, "error_description": message}).encode())
