"""How the Salesforce connector's calls leave in a simulation: its own requests, without threads and sockets."""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from time import time
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import jwt

from portal_salesforce import CLIENT_NAME, SalesforceSettings
from portal_salesforce.wire_request import Answered, NoAnswer, WireRequest
from portal_simulation.in_process_http import InProcessTransport, scope_of

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FIRST_ERROR: Final = 300
_assertions: dict[tuple[str, int], str] = {}


class InProcessWire:
    """The `AsyncWire` of one worker: what `requests` and simple-salesforce send and read, on the same paths."""

    def __init__(self, settings: SalesforceSettings, transport: InProcessTransport) -> None:
        self._settings = settings
        self._transport = transport

    def close(self) -> None:
        """Nothing is open."""

    async def log_in(self) -> tuple[int, Any]:
        """Ask for an access token by the JWT bearer flow."""
        form = urlencode({"grant_type": _GRANT, "assertion": _assertion(self._settings)}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        status, body = await self._send(
            "POST", "/services/oauth2/token", b"", headers, form, self._settings.call_seconds
        )
        try:
            return status, json.loads(body)
        except ValueError:
            return status, body.decode("utf-8", "replace")

    async def call(self, token: str, instance_url: str, request: WireRequest, seconds: float) -> Any:
        """Make one call; numbers with a point become Decimal."""
        del instance_url  # there is one org
        path, _, inline = f"/services/data/v{self._settings.api_version}/{request.path}".partition("?")
        query = urlencode(dict(request.parameters or {})) or inline
        headers = {
            "authorization": f"Bearer {token}",
            "sforce-call-options": f"client={CLIENT_NAME}",
            "content-type": "application/json",
            **{name.lower(): value for name, value in request.headers.items()},
        }
        sent = json.dumps(request.body).encode() if request.body is not None else b""
        status, body = await self._send(request.method, path, query.encode(), headers, sent, seconds)
        try:
            content = json.loads(body, parse_float=Decimal) if body else None
        except ValueError as error:
            if status >= _FIRST_ERROR:
                raise Answered(status, body.decode("utf-8", "replace")) from error
            raise NoAnswer(type(error).__name__) from error
        if status >= _FIRST_ERROR:
            raise Answered(status, content)
        return content

    async def _send(
        self, method: str, path: str, query: bytes, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> tuple[int, bytes]:
        scope = scope_of(method, path, query, [(name.encode(), value.encode()) for name, value in headers.items()])
        try:
            async with asyncio.timeout(seconds):
                return await self._transport.send_whole(scope, body)
        except (httpx.TransportError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from error


def _assertion(settings: SalesforceSettings) -> str:
    """Sign the login once a minute of real time: the sandbox verifies it against the machine's own clock."""
    key = (settings.login_url, int(time()) // 60)
    if key not in _assertions:
        _assertions.clear()
        claims = {
            "iss": settings.client_id,
            "sub": settings.username,
            "aud": settings.login_url.rstrip("/"),
            "exp": int(time()) + 300,
        }
        _assertions[key] = jwt.encode(claims, settings.private_key(), algorithm="RS256")
    return _assertions[key]
