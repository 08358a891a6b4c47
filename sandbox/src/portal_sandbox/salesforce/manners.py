"""How Salesforce words failures: an array of errors, an object from the token endpoint (salesforce.md 2.6)."""

import json
from collections.abc import Mapping

from portal_sandbox.core.manners import Meaning, Refusal
from portal_sandbox.salesforce.errors import SalesforceError

_LOGINS = frozenset({"token", "userinfo"})
_SAID: Mapping[Meaning, tuple[int, str, str]] = {
    "permanent": (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "A validation rule of the org refuses this record."),
    "transient": (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    "ambiguous": (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId: 0-0"),
    "quota": (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "auth": (401, "INVALID_SESSION_ID", "Session expired or invalid"),
}
_LOGIN_SAID: Mapping[Meaning, tuple[int, str, str]] = {
    "permanent": (400, "invalid_grant", "user hasn't approved this consumer"),
    "transient": (503, "temporarily_unavailable", "login is temporarily unavailable"),
    "ambiguous": (500, "unknown_error", "retry your request"),
    "quota": (403, "login_rate_exceeded", "login rate exceeded"),
    "auth": (400, "invalid_grant", "expired authorization code"),
}


class SalesforceManners:
    """Of OAuth and REST."""

    session_tables: tuple[str, ...] = ("salesforce_token",)
    envelope = frozenset({"success", "errors", "totalSize", "done", "attributes", "token_type", "scope"})

    def is_read(self, call: str) -> bool:
        """Queries, single records, describe."""
        return call in {"query", "describe", "limits"} or call.startswith(("GET ", "HEAD "))

    def is_login(self, call: str) -> bool:
        """The two OAuth calls."""
        return call in _LOGINS

    def refuse(self, call: str, meaning: Meaning, message: str) -> Refusal:
        """REST's array, or the token endpoint's object."""
        if self.is_login(call):
            status, code, usual = _LOGIN_SAID[meaning]
            return Refusal(status, json.dumps({"error": code, "error_description": message or usual}).encode())
        status, code, usual = _SAID[meaning]
        return Refusal(status, json.dumps(SalesforceError(status, code, message or usual).body()).encode())
