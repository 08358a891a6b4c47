"""The SendGrid stand-in: `POST /v3/mail/send`, `GET /v3/scopes`, the mailbox and what a tester asks under `/_sim/`.

`GET /mailbox` and `/mailbox/{id}` pages · `GET /_sim/messages?to=&subject=&after=` JSON, oldest first ·
`GET /_sim/event-public-key` verification key of the event webhook, which posts to SANDBOX_SENDGRID_EVENT_URL.
Ledger: `sendgrid.mail.accepted`, key: the custom argument `portal_message_id`, else the first recipient's address.
The fault call is named `mail/send`.
"""

import json
import time
from datetime import UTC
from hmac import compare_digest
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from portal_sandbox.core import Core
from portal_sandbox.core.date_header import dated
from portal_sandbox.sendgrid import problems
from portal_sandbox.sendgrid.events import EventSender
from portal_sandbox.sendgrid.mail import SCHEMA, Mail, Recipients, arguments_of, keep, keep_letter, new_message_id
from portal_sandbox.sendgrid.mailbox import mailbox_routes
from portal_sandbox.sendgrid.manners import SendgridManners
from portal_sandbox.sendgrid.problems import RefusedError
from portal_sandbox.sendgrid.quirks import VENDOR, Quirks
from portal_sandbox.sendgrid.validation import read_mail

LARGEST_BYTES = 30 * 1024 * 1024
_WINDOW_SECONDS = 60


def build(core: Core) -> ASGIApp:
    """The application on SendGrid's port; creates its tables and declares its switches."""
    quirks = Quirks(core.switches)
    core.store.migrate(VENDOR, SCHEMA)
    core.letterboxes.append(lambda db, letter: keep_letter(db, letter, core.clock.now()))
    events = EventSender(core, quirks)
    counter = _Counter(core, quirks, events)
    routes = [
        Route("/v3/mail/send", counter.send, methods=["POST"]),
        Route("/v3/scopes", counter.scopes),
        Route("/_sim/event-public-key", events.public_key),
        *mailbox_routes(core),
    ]
    application = Starlette(routes=routes, exception_handlers={HTTPException: _not_served, RefusedError: _refused})
    return dated(core.faults.middleware(application, VENDOR, name_call, SendgridManners()), core.switches, VENDOR)


def name_call(scope: Scope, _: bytes) -> str:
    """Name of a call in fault rules: the path behind the version, `mail/send`."""
    return str(scope["path"]).removeprefix("/v3/").strip("/")


async def _not_served(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return RefusedError(status, "not found" if status == 404 else "method not allowed").answer()  # noqa: PLR2004 - HTTP


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    return error.answer()


class _Counter:
    """Takes mails in."""

    def __init__(self, core: Core, quirks: Quirks, events: EventSender) -> None:
        self._core = core
        self._quirks = quirks
        self._events = events
        self._window = 0
        self._used = 0

    async def scopes(self, request: Request) -> Response:
        """What the key may do."""
        self._check_key(request)
        return JSONResponse({"scopes": [] if self._quirks.key_may_not_send else ["mail.send"]})

    async def send(self, request: Request) -> Response:
        """Key, account, rate, form, rules, sender: in this order the first objection is the answer."""
        self._check_key(request)
        self._check_account()
        self._check_rate()
        body = await _read_object(request)
        mail, found = read_mail(body, self._core.clock.now().timestamp())
        if found:
            return JSONResponse({"errors": found.found}, 400)
        senders = {mail.sender.email, *(one.sender.email for one in mail.personalizations if one.sender)}
        if not all(self._quirks.is_verified(sender) for sender in senders):
            raise RefusedError(403, problems.UNVERIFIED_SENDER, "from")
        if mail.sandbox:
            return Response(status_code=200, headers=self._rate_headers())
        message_id = self._accept(mail, request.headers.get("user-agent", ""))
        return Response(status_code=202, headers={"X-Message-Id": message_id, **self._rate_headers()})

    def _accept(self, mail: Mail, caller: str) -> str:
        message_id = new_message_id()
        accepted_at = self._core.clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
        with self._core.store.transaction() as db:
            for one in mail.personalizations:
                number = keep(db, mail, one, message_id, accepted_at)
                arguments = arguments_of(mail, one)
                self._core.ledger.record(
                    db,
                    vendor=VENDOR,
                    kind="sendgrid.mail.accepted",
                    key=arguments.get("portal_message_id") or one.to[0].email,
                    caller=caller,
                    detail=_detail(mail, one, arguments, number),
                )
        self._events.announce(mail, message_id)
        return message_id

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        right = compare_digest(key.strip().encode(), self._core.settings.sendgrid_api_key.encode())
        if scheme.lower() != "bearer" or not right:
            raise RefusedError(401, problems.WRONG_KEY)

    def _check_account(self) -> None:
        if self._quirks.key_may_not_send:
            raise RefusedError(403, problems.NO_PERMISSION)
        if self._quirks.credits_used_up:
            raise RefusedError(401, problems.NO_CREDITS)

    def _check_rate(self) -> None:
        window = int(time.time()) // _WINDOW_SECONDS
        if window != self._window:
            self._window, self._used = window, 0
        limit = self._quirks.mails_a_minute
        if limit and self._used >= limit:
            raise RefusedError(429, problems.TOO_MANY, headers=self._rate_headers(always=True))
        self._used += 1

    def _rate_headers(self, *, always: bool = False) -> dict[str, str]:
        if not always and not self._quirks.rate_limit_headers:
            return {}
        limit = self._quirks.mails_a_minute or 600
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - self._used, 0)),
            "X-RateLimit-Reset": str((self._window + 1) * _WINDOW_SECONDS),
        }


async def _read_object(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, problems.WRONG_TYPE)
    raw = await request.body()
    if len(raw) >= LARGEST_BYTES:
        raise RefusedError(413, problems.TOO_LARGE)
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise RefusedError(400, "Bad Request") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "Bad Request")
    return body


def _detail(mail: Mail, one: Recipients, arguments: dict[str, str], number: int) -> dict[str, object]:
    return {
        "message": number,
        "to": one.to[0].email,
        "cc": [address.email for address in (*one.cc, *one.bcc)],
        "subject": one.subject or mail.subject,
        "customArgs": arguments,
    }
