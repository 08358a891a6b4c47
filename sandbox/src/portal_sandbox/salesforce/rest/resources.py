"""The HTTP side of REST: session, quota, JSON, then one dispatcher that composite shares."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal_sandbox.salesforce.errors import SalesforceError, bad_request, not_found
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.rest.calls import ROOT, Call, Reply, parse_call, versions
from portal_sandbox.salesforce.rest.collections import collections, tree
from portal_sandbox.salesforce.rest.composite import Composite
from portal_sandbox.salesforce.rest.queries import Queries
from portal_sandbox.salesforce.rest.sobjects import sobjects
from portal_sandbox.salesforce.tokens import Session, Tokens
from portal_sandbox.salesforce.transaction import Caller, Transaction

QUOTA_WINDOW = timedelta(hours=24)
_CLIENT = re.compile(r"client=([^;,\s]+)")


class Quota:
    """Requests in the present 24 hours of business time."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._window: datetime | None = None
        self.used = 0

    @property
    def limit(self) -> int:
        """Requests allowed a day."""
        return int(self._org.switches.number("dailyApiRequests"))

    def count(self) -> None:
        """Counts one request. REQUEST_LIMIT_EXCEEDED when the day's are used up."""
        now = self._org.core.clock.now()
        if self._window is None or now - self._window >= QUOTA_WINDOW:
            self._window, self.used = now, 0
        if self.used >= self.limit:
            raise SalesforceError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1

    def start_again(self) -> None:
        """A reset org has used nothing."""
        self._window = None


class RestResources:
    """Answers every request below /services/data."""

    def __init__(self, org: Org, tokens: Tokens) -> None:
        self._org = org
        self._tokens = tokens
        self._quota = Quota(org)
        self._queries = Queries(org.switches)
        self._composite = Composite(self._dispatch)
        org.core.store.on_reset(self._queries.forget)
        org.core.store.on_reset(self._quota.start_again)

    async def handle(self, request: Request) -> Response:
        """One HTTP request."""
        try:
            return await self._answer(request)
        except SalesforceError as error:
            return self._response(Reply(error.status, error.body()))

    async def _answer(self, request: Request) -> Response:
        raw_path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii").partition("?")[0]
        if not raw_path.removeprefix(ROOT).strip("/"):
            return self._response(Reply(200, versions()))
        call = parse_call(
            request.method,
            f"{raw_path}?{request.url.query}",
            headers={k.lower(): v for k, v in request.headers.items()},
        )
        session = self._session(request)
        self._quota.count()
        body = await self._body(request)
        call = Call(call.method, call.version, call.segments, call.params, body, call.headers)
        return self._response(await self._run(call, self._caller(session, call)))

    async def _run(self, call: Call, caller: Caller) -> Reply:
        async def execute(work: Callable[[Transaction], Reply]) -> Reply:
            return await self._org.execute(caller, work)

        if call.segments == ("composite",) and call.method == "POST":
            return await self._composite.composite(call, execute)
        if call.segments == ("composite", "batch") and call.method == "POST":
            return await self._composite.batch(call, execute)
        if not call.writes:
            with self._org.reading(caller) as transaction:
                return self._dispatch(transaction, call)
        return await execute(lambda transaction: self._dispatch(transaction, call))

    def _dispatch(self, transaction: Transaction, call: Call) -> Reply:
        name = call.segments[0].lower() if call.segments else ""
        if name == "sobjects":
            return sobjects(transaction, call)
        if name in {"query", "queryall"} or (name == "tooling" and call.segments[1:] == ("query",)):
            return self._queries.query(transaction, call, tooling=name == "tooling")
        if name == "composite" and call.segments[1:2] == ("sobjects",):
            return collections(transaction, call)
        if name == "composite" and call.segments[1:2] == ("tree",):
            return tree(transaction, call)
        if call.method == "GET" and name == "limits":
            return Reply(200, self._limits())
        if call.method == "GET" and not name:
            base = f"{ROOT}/v{call.version}"
            return Reply(200, {entry: f"{base}/{entry}" for entry in ("composite", "limits", "query", "sobjects")})
        raise not_found()

    def _limits(self) -> dict[str, Any]:
        remaining = self._quota.limit - self._quota.used
        return {
            "DailyApiRequests": {"Max": self._quota.limit, "Remaining": remaining},
            "DailyDeliveredPlatformEvents": {"Max": 50000, "Remaining": 50000},
            "HourlyPublishedPlatformEvents": {"Max": 250000, "Remaining": 250000},
        }

    def _session(self, request: Request) -> Session:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        session = self._tokens.find(token.strip()) if scheme.lower() in {"bearer", "oauth"} else None
        if session is None:
            raise SalesforceError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return session

    def _caller(self, session: Session, call: Call) -> Caller:
        origin = f"com/salesforce/api/rest/{call.version}"
        client = _CLIENT.search(call.headers.get("sforce-call-options", ""))
        return self._org.caller(session.user_id, f"{origin};client={client[1]}" if client else origin)

    async def _body(self, request: Request) -> Any:
        content = await request.body()
        if not content:
            return None
        if "json" not in request.headers.get("content-type", ""):
            kind = request.headers.get("content-type", "none")
            raise SalesforceError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type {kind} is not supported")
        try:
            return json.loads(content)
        except ValueError as error:
            raise bad_request("JSON_PARSER_ERROR", f"Unexpected character at [line:1, column:1]: {error}") from error

    def _response(self, reply: Reply) -> Response:
        headers = {**reply.headers, "Sforce-Limit-Info": f"api-usage={self._quota.used}/{self._quota.limit}"}
        if reply.body is None:
            return Response(status_code=reply.status, headers=headers)
        if isinstance(reply.body, bytes):
            return Response(reply.body, reply.status, headers)
        return JSONResponse(reply.body, reply.status, headers)
