"""What an answer of WHMCS means, judged by its body before its status (reference/whmcs.md 1.3 and 1.4)."""

import json
from typing import Any, Final

from portal_billing.whmcs_parse import BadAnswer
from portal_contracts.problems import Misconfigured

_OUR_SET_UP: Final = (
    "authentication failed",
    "invalid or missing credentials",
    "invalid ip",
    "ip banned",
    "access denied",
    "invalid permissions",
    "invalid api action",
)
_SUCCESS: Final = "success"
_ERROR: Final = "error"
_OK, _CLIENT_ERROR, _SERVER_ERROR = 200, 400, 500
_UNAUTHORIZED, _FORBIDDEN, _MISSING, _WRONG_METHOD, _TOO_MANY = 401, 403, 404, 405, 429
_LONGEST_TEXT: Final = 200
_LONGEST_PAUSE: Final = 3600


class WhmcsRefusal(Exception):  # noqa: N818 - they said no
    """WHMCS understood the call and said no. Callers translate it into a code of the catalogue."""

    def __init__(self, action: str, message: str) -> None:
        self.action = action
        self.message = " ".join(message.split())[:_LONGEST_TEXT]
        super().__init__(f"{action}: {self.message}")


class Interrupted(Exception):  # noqa: N818 - it says what happened
    """Nobody answered, or a web server instead of WHMCS. `nothing_done` when the call certainly was not carried out."""

    def __init__(self, seen: str, *, retry_after: int | None = None, nothing_done: bool = False) -> None:
        super().__init__(seen)
        self.seen = seen
        self.retry_after = retry_after
        self.nothing_done = nothing_done


def understand(action: str, status: int, retry_after: str, content: bytes) -> dict[str, Any] | WhmcsRefusal:
    """Give the body of a success, or what WHMCS refused. Raises Misconfigured, Interrupted or BadAnswer."""
    if status == _TOO_MANY:
        seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
        raise Interrupted("HTTP 429", retry_after=min(seconds or 0, _LONGEST_PAUSE) or None, nothing_done=True)
    if status >= _SERVER_ERROR:
        raise Interrupted(f"HTTP {status}")
    body = _object(content)
    verdict = "" if body is None else str(body.get("result") or body.get("status") or "").casefold()
    if body is not None and verdict == _ERROR:
        message = str(body.get("message") or "")
        if status in (_UNAUTHORIZED, _FORBIDDEN) or message.casefold().startswith(_OUR_SET_UP):
            raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": f"{action}: {message}"[:_LONGEST_TEXT]})
        return WhmcsRefusal(action, message)
    if status in (_UNAUTHORIZED, _MISSING, _WRONG_METHOD):
        raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": f"{action}: HTTP {status}"})
    if status != _OK:
        raise BadAnswer(f"HTTP {status}")
    if body is None:
        raise BadAnswer("no JSON object")
    if verdict != _SUCCESS:
        raise BadAnswer("neither success nor error")
    return body


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
