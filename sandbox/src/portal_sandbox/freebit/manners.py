"""How Freebit words failures: its envelope with a code pair (reference/freebit.md 4)."""

import json
from collections.abc import Mapping

from portal_sandbox.core.manners import Meaning, Refusal
from portal_sandbox.freebit.codes import FIELD_INVALID, KEY_INVALID, MAINTENANCE, SYSTEM_ERROR, Code
from portal_sandbox.freebit.quirks import Quirks
from portal_sandbox.freebit.wire import envelope

_READS = frozenset({"mvno/getDetail", "mvno/getTrafficInfo", "mvno/getQuotaHistory"})
_LOGIN = "authOem"
_SAID: Mapping[Meaning, Code] = {
    "permanent": FIELD_INVALID,
    "transient": MAINTENANCE,
    "ambiguous": SYSTEM_ERROR,
    "auth": KEY_INVALID,
}
_TOO_MANY = 429


class FreebitManners:
    """Of the emptool API."""

    session_tables: tuple[str, ...] = ("freebit_keys",)
    envelope = frozenset({"resultCode", "status"})

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks

    def is_read(self, call: str) -> bool:
        """The three calls that look something up."""
        return call in _READS

    def is_login(self, call: str) -> bool:
        """The call for a key."""
        return call == _LOGIN

    def refuse(self, call: str, meaning: Meaning, message: str) -> Refusal:  # noqa: ARG002 - all calls fail alike
        """An error envelope with HTTP 200; a quota is not known, so the web server in front says 429."""
        if meaning == "quota":
            return Refusal(_TOO_MANY, b"<html><body><h1>429 Too Many Requests</h1></body></html>", (), b"text/html")
        code = _SAID[meaning]
        said = Code(code.result, code.status, message) if message else code
        return Refusal(200, json.dumps(envelope(said, number=self._quirks.result_code_type)).encode())
