"""Pure ASGI middleware: what every answer says to a browser about itself (architecture §9)."""

from collections.abc import MutableMapping
from typing import Any, Final

from portal_gateway.reply import Headers, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = b"content-security-policy"
_NOTHING: Final = (CONTENT_SECURITY_POLICY, b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
_HEADERS: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class SecurityHeaders:
    """Adds the headers; a page that brings a content security policy of its own keeps it."""

    def __init__(self, app: Any, *, secure: bool) -> None:
        self._app = app
        self._always = [*_HEADERS, _HTTPS_ONLY] if secure else _HEADERS
        self._with_policy = [*self._always, _NOTHING]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add to what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(event: MutableMapping[str, Any]) -> None:
            if event["type"] == "http.response.start":
                headers = event["headers"]
                own = any(name == CONTENT_SECURITY_POLICY for name, _ in headers)
                event["headers"] = [*headers, *(self._always if own else self._with_policy)]
            await send(event)

        await self._app(scope, receive, sending)
