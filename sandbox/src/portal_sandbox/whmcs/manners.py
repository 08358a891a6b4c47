"""How WHMCS words failures: HTTP 200 with result "error", 403 for access (reference/whmcs.md)."""

import json
from collections.abc import Mapping

from portal_sandbox.core.manners import Meaning, Refusal

_SAID: Mapping[Meaning, tuple[int, str]] = {
    "permanent": (200, "Invalid product configuration"),
    "transient": (200, "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found; try restarting transaction"),
    "ambiguous": (200, "An unknown error occurred"),
    "quota": (429, "Too Many Requests"),
    "auth": (403, "Authentication Failed"),
}


class WhmcsManners:
    """Of the External API."""

    session_tables: tuple[str, ...] = ("whmcs_session", "whmcs_sso_token")
    envelope = frozenset({"result"})

    def is_read(self, call: str) -> bool:
        """The Get… actions and WhmcsDetails."""
        return call.startswith("Get") or call == "WhmcsDetails"

    def is_login(self, call: str) -> bool:
        """Credentials travel with each call."""
        return not call

    def refuse(self, call: str, meaning: Meaning, message: str) -> Refusal:  # noqa: ARG002 - all actions fail alike
        """The JSON every action answers errors with."""
        status, usual = _SAID[meaning]
        return Refusal(status, json.dumps({"result": "error", "message": message or usual}).encode())
