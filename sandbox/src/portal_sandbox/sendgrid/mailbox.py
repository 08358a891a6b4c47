"""The mailbox: what the portal sent, for people (pages) and for tests (`/_sim/messages`)."""

import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from portal_sandbox.core import Core
from portal_sandbox.pages import render
from portal_sandbox.sendgrid.mail import find_message, find_messages

_LINK = re.compile(r"https?://[^\s<>\"'）」]+")
# The mail is foreign HTML: no script runs in it and it cannot reach this page; links open outside of it.
_FRAME_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; script-src 'none'; object-src 'none'"


def mailbox_routes(core: Core) -> list[Route]:
    """Pages under `/mailbox` and the JSON list."""
    mailbox = _Mailbox(core)
    return [
        Route("/", mailbox.start),
        Route("/mailbox", mailbox.overview),
        Route("/mailbox/{number:int}", mailbox.message),
        Route("/mailbox/{number:int}/html", mailbox.html),
        Route("/_sim/messages", mailbox.messages),
    ]


class _Mailbox:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def start(self, _: Request) -> Response:
        return RedirectResponse("/mailbox")

    async def messages(self, request: Request) -> Response:
        """JSON, oldest first; `to` a recipient, `subject` a part of the subject, `after` the last id already seen."""
        query = request.query_params
        after = query.get("after", "0")
        if not after.isdigit():
            return JSONResponse({"error": "after must be a number"}, 400)
        with self._core.store.transaction() as db:
            found = find_messages(db, to=query.get("to", ""), subject=query.get("subject", ""), after=int(after))
        return JSONResponse({"messages": found})

    async def overview(self, request: Request) -> Response:
        """All messages, newest first, narrowed by recipient and subject."""
        to = request.query_params.get("to", "").strip()
        subject = request.query_params.get("subject", "").strip()
        with self._core.store.transaction() as db:
            found = find_messages(db, to=to, subject=subject, newest_first=True)
        return self._page("mailbox.html", messages=found, to=to, subject=subject)

    async def message(self, request: Request) -> Response:
        """One message: text and HTML side by side."""
        with self._core.store.transaction() as db:
            found = find_message(db, request.path_params["number"])
        if found is None:
            return self._page("missing.html", status=404)
        return self._page("message.html", message=found, text=with_links(found["text"]))

    async def html(self, request: Request) -> Response:
        """The HTML part alone, for the frame; its links open in a new tab."""
        with self._core.store.transaction() as db:
            found = find_message(db, request.path_params["number"])
        if found is None:
            return HTMLResponse("", 404)
        page = f'<base target="_blank">{found["html"]}'
        return HTMLResponse(page, headers={"Content-Security-Policy": _FRAME_POLICY, "Cache-Control": "no-store"})

    def _page(self, template: str, *, status: int = 200, **context: object) -> Response:
        return render(f"sendgrid/{template}", status=status, addresses=self._core.addresses, **context)


def with_links(text: str) -> list[tuple[str, bool]]:
    """Plain text in pieces; True marks the address of a page, which can be clicked."""
    pieces, position = [], 0
    for match in _LINK.finditer(text):
        address = match.group().rstrip(".,;:!?)。、")
        pieces.append((text[position : match.start()], False))
        pieces.append((address, True))
        position = match.start() + len(address)
    pieces.append((text[position:], False))
    return [piece for piece in pieces if piece[0]]
