"""Finished answers that never change while the process lives: pages and documents."""

import base64
from hashlib import sha256

from portal_gateway.micro_cache import etag_of
from portal_gateway.reply import Headers, Receive, Scope, Send


class StaticPage:
    """One GET answer; a client that has it already is told so."""

    def __init__(self, body: bytes, content_type: str, *, kept: bool = True, headers: Headers | None = None) -> None:
        etag = etag_of(body)
        self._etag = etag
        self._body = body
        self._headers: Headers = [
            (b"cache-control", b"no-cache" if kept else b"no-store"),
            (b"etag", etag),
            *(headers or []),
        ]
        self._whole: Headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *self._headers,
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer GET or HEAD."""
        held = dict(scope["headers"]).get(b"if-none-match")
        if held == self._etag:
            await send({"type": "http.response.start", "status": 304, "headers": self._headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": self._whole})
        await send({"type": "http.response.body", "body": self._body})


def html_page(template: str, *, style: str, script: str = "", kept: bool = True) -> StaticPage:
    """Make a page of a template with places for `STYLE` and `SCRIPT`; nothing else may run or be loaded on it."""
    page = template.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    sources = f"style-src '{_source(style)}'"
    if script:
        sources += f"; script-src '{_source(script)}'; connect-src 'self'"
    policy = f"default-src 'none'; {sources}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    headers = [(b"content-security-policy", policy.encode())]
    return StaticPage(page.encode(), "text/html; charset=utf-8", kept=kept, headers=headers)


def _source(text: str) -> str:
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode()
