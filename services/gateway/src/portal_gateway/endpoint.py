"""The ASGI end of every path: trace, limits, session, forgery checks, deadline, then the operation's own answer."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Final

from prometheus_client import Histogram

from portal_chassis.deadline import Deadline, within
from portal_chassis.logs import get_logger
from portal_chassis.metrics import histogram
from portal_chassis.telemetry import Span, current_ids, current_traceparent
from portal_contracts.notifications import MAIL_EVENTS_LIMIT
from portal_contracts.problems import Language, Misconfigured, PortalProblem, Refused, TryLater
from portal_gateway.exchange import BODY_LIMIT, Caller, Exchange, Gateway
from portal_gateway.limits import ANYBODY
from portal_gateway.operation import Operation
from portal_gateway.problem_json import preferred_language, problem_reply
from portal_gateway.reply import App, Headers, Receive, Reply, Scope, Send, StreamReply
from portal_gateway.request_span import request_span
from portal_gateway.sessions import SignedIn

REQUEST_SECONDS: Final = histogram(
    "portal_http_request_seconds", "How long HTTP requests took, streams left out", "operation", "status"
)
_BEARER: Final = b"bearer "
_READS: Final = ("GET", "HEAD")
_BODY_LIMITS: Final = (BODY_LIMIT, MAIL_EVENTS_LIMIT)

log = get_logger(__name__)


class Endpoint:
    """One path with its operations by method; what it answers to GET may also be a page."""

    def __init__(self, gateway: Gateway, operations: Sequence[Operation], page: App | None = None) -> None:
        self._gateway = gateway
        self._page = page
        self._operations: Mapping[str, Operation] = {operation.method: operation for operation in operations}
        if "GET" in self._operations:
            self._operations = {**self._operations, "HEAD": self._operations["GET"]}
        self._allowed = ", ".join([*(_READS if page else ()), *self._operations]).encode()
        self._seconds: dict[tuple[str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every problem becomes problem+json here."""
        operation = self._operations.get(scope["method"])
        if operation is None:
            if self._page is not None and scope["method"] in _READS:
                await _show(self._page, scope, receive, send)
            else:
                await _send(send, _not_allowed(scope, self._allowed), [])
            return
        started = perf_counter()
        if operation.by_strangers and self._gateway.strangers_writes.is_full(operation.name):
            # without a trace and a line of the log: a flood must cost less to send away than to send
            refusal = _surplus(scope["path"], preferred_language(dict(scope["headers"]).get(b"accept-language")))
            await _send(send, refusal, [])
            self._observe(operation, refusal.status, perf_counter() - started)
            return
        exchange = Exchange(self._gateway, operation, scope, receive)
        always = operation.changes and self._gateway.settings.trace_writes
        with request_span(operation.name, exchange.headers.get(b"traceparent"), always=always) as opened:
            reply = await self._answer(exchange, scope, opened)
            opened.set("http.response.status_code", reply.status)
            if isinstance(reply, StreamReply):
                await self._stream(reply, scope, receive, send)
                return
            await _send(send, reply, _trace_headers())
            if operation.changes:
                log.info("a change was answered", operation=operation.name, status=reply.status)
        self._observe(operation, reply.status, perf_counter() - started)

    async def _answer(self, exchange: Exchange, scope: Scope, opened: Span) -> Reply | StreamReply:
        try:
            with within(Deadline.after(self._seconds_for(exchange.operation))):
                group = exchange.operation.call_group or ANYBODY  # each may fill half the places, signed-in ones all
                self._gateway.requests.enter(group)
                try:
                    return await self._admitted(exchange)
                finally:
                    self._gateway.requests.leave(group)
        except PortalProblem as problem:
            return _problem(problem, exchange, scope, opened)
        except TimeoutError:
            return _problem(TryLater("SERVICE_UNAVAILABLE"), exchange, scope, opened)
        except Exception as error:
            log.exception("a request could not be answered", operation=exchange.operation.name)
            return _problem(
                Misconfigured("INTERNAL_ERROR", facts={"error": type(error).__name__}), exchange, scope, opened
            )

    async def _admitted(self, exchange: Exchange) -> Reply | StreamReply:
        operation = exchange.operation
        if operation.call_group is not None:
            self._gateway.rates[operation.call_group].admit(exchange.client_address)
        if not operation.changes:
            await self._identify(exchange, operation)
            self._check_proof(exchange, operation)
            return await operation.answer(exchange)
        async with asyncio.timeout(self._seconds_for(operation)):  # a body may come slowly
            if operation.signed:
                return await operation.answer(exchange)
            by_cookie = await self._identify(exchange, operation)
            needs_session = operation.needs_session
            self._gateway.guard.check_origin(exchange.headers, required=needs_session and by_cookie)
            if not needs_session:
                return await operation.answer(exchange)
            caller = exchange.signed_in()
            if by_cookie:
                self._gateway.guard.check_token(exchange.headers, caller.session.csrf_token)
            self._check_proof(exchange, operation)
            session_id = caller.actor.session_id
            self._gateway.writes.enter(session_id)
            try:
                return await operation.answer(exchange)
            finally:
                self._gateway.writes.leave(session_id)

    async def _identify(self, exchange: Exchange, operation: Operation) -> bool:
        """Find the session where one is needed; tells whether a cookie named it, which other sites could cause."""
        token, by_cookie = self._token(exchange.headers)
        if not operation.needs_session:
            if token is not None and not operation.changes:
                self._gateway.sessions.touch(token)
            return by_cookie
        if token is None:
            raise Refused("SESSION_REQUIRED")
        session = await self._gateway.sessions.signed_in(token)
        _check_kind(operation, session)
        exchange.caller = Caller(token, session)
        return by_cookie

    def _seconds_for(self, operation: Operation) -> float:
        settings = self._gateway.settings
        return settings.request_seconds if operation.upload is None else settings.upload_seconds

    def _check_proof(self, exchange: Exchange, operation: Operation) -> None:
        """Refuse STEP_UP_REQUIRED for what is sensitive when the last proof is old (architecture §9)."""
        if not operation.step_up:
            return
        age = self._gateway.clock.now() - exchange.signed_in().actor.authenticated_at
        if age.total_seconds() > self._gateway.settings.step_up_seconds:
            raise Refused("STEP_UP_REQUIRED")

    def _token(self, headers: Mapping[bytes, bytes]) -> tuple[str | None, bool]:
        authorization = headers.get(b"authorization")
        if authorization is not None and authorization[: len(_BEARER)].lower() == _BEARER:
            return authorization[len(_BEARER) :].strip().decode("latin-1"), False
        return self._gateway.cookies.session_token(headers.get(b"cookie")), True

    async def _stream(self, reply: StreamReply, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*reply.headers, *_trace_headers()]
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            if scope["method"] != "HEAD":
                await reply.run(receive, send)
        finally:
            reply.close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _observe(self, operation: Operation, status: int, seconds: float) -> None:
        key = (operation.method, status)
        series = self._seconds.get(key)
        if series is None:
            series = self._seconds[key] = REQUEST_SECONDS.labels(operation.name, str(status))
        series.observe(seconds)


def _check_kind(operation: Operation, session: SignedIn) -> None:
    """Keep customers and operators apart, and operators to what their roles grant; every service checks it again.

    Refused FORBIDDEN for one of the other kind, OPERATOR_FORBIDDEN without the permission. An API token is refused
    FORBIDDEN where none is enough, and SCOPE_MISSING without the scope.
    """
    if session.scopes is not None:
        if operation.api_scope is None:
            raise Refused("FORBIDDEN")
        if operation.api_scope not in session.scopes:
            raise Refused("SCOPE_MISSING", facts={"scope": operation.api_scope})
    if session.actor.operator:
        if operation.audience == "customer":
            raise Refused("FORBIDDEN")
        permission = operation.permission
        if permission is not None and permission not in session.permissions:
            raise Refused("OPERATOR_FORBIDDEN", facts={"permission": permission})
    elif operation.audience == "operator":
        raise Refused("FORBIDDEN")


def _problem(problem: PortalProblem, exchange: Exchange, scope: Scope, opened: Span) -> Reply:
    opened.set("portal.problem", problem.code)
    if not isinstance(problem, Refused):
        opened.fail(problem.code)
    if isinstance(problem, Misconfigured):
        log.error("a request met a fault of our set-up", operation=exchange.operation.name, problem=str(problem))
    headers: Headers = []
    if problem.code == "PAYLOAD_TOO_LARGE" and problem.facts.get("limit") in {*_BODY_LIMITS, exchange.operation.upload}:
        headers.append((b"connection", b"close"))  # the rest of the body is not wanted
    language = preferred_language(exchange.headers.get(b"accept-language"))
    of_body = exchange.operation.body is not None
    return problem_reply(problem, scope["path"], language, headers, of_body=of_body)


@lru_cache(maxsize=64)
def _surplus(path: str, language: Language) -> Reply:
    return problem_reply(TryLater("OVERLOADED"), path, language)


def _not_allowed(scope: Scope, allowed: bytes) -> Reply:
    language = preferred_language(dict(scope["headers"]).get(b"accept-language"))
    return problem_reply(Refused("METHOD_NOT_ALLOWED"), scope["path"], language, [(b"allow", allowed)])


async def _show(page: App, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await page(scope, receive, send)
    except Misconfigured as problem:
        language = preferred_language(dict(scope["headers"]).get(b"accept-language"))
        await _send(send, problem_reply(problem, scope["path"], language), [])


async def _send(send: Send, reply: Reply, more: Headers) -> None:
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode()), *more]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _trace_headers() -> Headers:
    """Say which trace the request belongs to, so that support can find it."""
    traceparent, ids = current_traceparent(), current_ids()
    if traceparent is None or ids is None:
        return []
    return [(b"x-trace-id", ids[0].encode()), (b"traceresponse", traceparent.encode())]
