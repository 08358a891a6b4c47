"""How SendGrid words failures: an object with a list of errors (reference/sendgrid.md)."""

import json
from collections.abc import Mapping

from portal_sandbox.core.manners import Meaning, Refusal

_SAID: Mapping[Meaning, tuple[int, str]] = {
    "permanent": (400, "Bad Request"),
    "transient": (503, "service unavailable"),
    "ambiguous": (500, "internal server error"),
    "quota": (429, "too many requests"),
    "auth": (401, "The provided authorization grant is invalid, expired, or revoked"),
}


class SendgridManners:
    """Of the v3 API."""

    session_tables: tuple[str, ...] = ()
    envelope: frozenset[str] = frozenset()

    def is_read(self, call: str) -> bool:
        """Only the scopes can be looked up."""
        return call == "scopes"

    def is_login(self, call: str) -> bool:
        """The key travels with each call."""
        return not call

    def refuse(self, call: str, meaning: Meaning, message: str) -> Refusal:  # noqa: ARG002 - all calls fail alike
        """The errors object."""
        status, usual = _SAID[meaning]
        errors = [{"message": message or usual, "field": None, "help": None}]
        return Refusal(status, json.dumps({"errors": errors}).encode())
