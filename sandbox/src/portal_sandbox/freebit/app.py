"""The Freebit stand-in: `POST /emptool/api/<path>/`, and under `/_sim/` what only a tester sees.

Everything in reference/freebit.md sections 2 and 3; what is assumed there is assumed here in the same words. The JSON
travels urlencoded, multipart (field `json`) or raw. Asynchronous requests end after the switch `completionSeconds` on
the sandbox clock; the switches `completion`, `neverFor` and `failFor` make them fail or never end.

`GET /` page with lines, requests, numbers to port in and blank cards · `GET /_sim/lines?account=&eid=` JSON ·
`GET /_sim/notifications` the completion file (CSV) · `POST /_sim/keys/revoke` ends every authKey.
Ledger: `freebit.esim.requested|activated|reissued|failed` (key: EID), `freebit.line.*` and `freebit.quota.added`
(key: account). Fault calls are named by the path without slashes at the ends, `mvno/esim/addAcnt`.
"""

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from portal_sandbox.core import Core
from portal_sandbox.core.date_header import dated
from portal_sandbox.freebit.authentication import check_key, issue_key
from portal_sandbox.freebit.cards import (
    change_semi_black,
    register_account,
    register_over_the_air,
    register_semi_black,
    reserve_semi_black,
)
from portal_sandbox.freebit.changes import (
    add_quota,
    cancel_account,
    change_contract_line,
    change_plan,
    change_talk_options,
    register_talk_options,
    release_plan,
)
from portal_sandbox.freebit.codes import FORBIDDEN, RefusedError
from portal_sandbox.freebit.completion import Completion
from portal_sandbox.freebit.esim import add_esim
from portal_sandbox.freebit.exchange import Call, Exchange
from portal_sandbox.freebit.inspection import inspection_routes
from portal_sandbox.freebit.lines import SCHEMA
from portal_sandbox.freebit.manners import FreebitManners
from portal_sandbox.freebit.quirks import VENDOR, Quirks
from portal_sandbox.freebit.reading import get_detail, get_quota_history, get_traffic
from portal_sandbox.freebit.stock import seed
from portal_sandbox.freebit.wire import Fields, envelope, read_fields, success

PREFIX = "/emptool/api/"
CALLS: Mapping[str, Call] = {
    "master/addAcnt": register_account,
    "master/cnclAcnt": cancel_account,
    "master/addSpec": add_quota,
    "mvno/getDetail": get_detail,
    "mvno/getTrafficInfo": get_traffic,
    "mvno/getQuotaHistory": get_quota_history,
    "mvno/talkoption/addOrder": register_talk_options,
    "mvno/talkoption/changeOrder": change_talk_options,
    "mvno/semiblack/addTempAcnt": reserve_semi_black,
    "mvno/semiblack/addAcnt": register_semi_black,
    "mvno/semiblack/changeState": change_semi_black,
    "mvno/changePlan": change_plan,
    "mvno/releasePlan": release_plan,
    "mvno/ota/addAcnt": register_over_the_air,
    "mvno/contractline/change": change_contract_line,
    "mvno/esim/addAcnt": add_esim,
}
_HTTP_STATUSES = {"400": 400, "401": 401, "403": 403}


def build(core: Core) -> ASGIApp:
    """The application on Freebit's port; creates its tables, declares its switches and its seed."""
    quirks = Quirks(core.switches)
    core.store.migrate(VENDOR, SCHEMA)
    core.store.on_reset(lambda: seed(core))
    completion = Completion(core, quirks)
    desk = _Desk(core, quirks, completion)

    routes = [
        Route(PREFIX + "{path:path}", desk.serve, methods=["POST"]),
        *inspection_routes(core, completion),
    ]
    application = Starlette(routes=routes)
    return dated(core.faults.middleware(application, VENDOR, name_call, FreebitManners(quirks)), core.switches, VENDOR)


def name_call(scope: Scope, _: bytes) -> str:
    """Name of a call in fault rules: its path without slashes at the ends, `mvno/esim/addAcnt`."""
    path = str(scope["path"])
    return path.removeprefix(PREFIX).strip("/")


class _Desk:
    """Answers calls: key, transaction, envelope."""

    def __init__(self, core: Core, quirks: Quirks, completion: Completion) -> None:
        self._core = core
        self._quirks = quirks
        self._completion = completion

    async def serve(self, request: Request) -> Response:
        path = request.path_params["path"].strip("/")
        call = CALLS.get(path)
        if call is None and path != "authOem":
            return Response("<html><body><h1>404 Not Found</h1></body></html>", 404, media_type="text/html")
        caller = request.headers.get("user-agent", "")
        try:
            extra = self._answer(await read_fields(request), call, caller)
        except RefusedError as refusal:
            code = refusal.code
            status = _HTTP_STATUSES.get(code.result, 500) if self._quirks.error_status_as_code else 200
            body = envelope(code, number=self._quirks.result_code_type, field=refusal.field)
            return JSONResponse(body, status)
        self._completion.set_timer()
        return JSONResponse(success(extra, self._quirks.result_code_type))

    def _answer(self, fields: Fields, call: Call | None, caller: str) -> Mapping[str, object] | None:
        self._completion.settle()
        core = self._core
        now = core.clock.now()
        with core.store.transaction() as db:
            if call is None:
                return issue_key(db, fields, core.settings, now.timestamp())
            check_key(db, fields, now.timestamp(), self._quirks.auth_key_seconds)
            exchange = Exchange(fields, db, now, caller, self._quirks, core.ledger)
            if any(self._quirks.is_forbidden(name) for name in fields.named_lines()):
                raise RefusedError(FORBIDDEN)
            extra = call(exchange)
            fields.finish()
            return extra
