"""What a tester sees of Freebit and the portal does not: lines, the notification file, ending all keys, a page."""

import csv
import io
import json
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portal_sandbox.core import Core
from portal_sandbox.freebit.authentication import revoke_keys
from portal_sandbox.freebit.completion import Completion
from portal_sandbox.freebit.exchange import stamp
from portal_sandbox.pages import render

_COLUMNS = (
    "completedAt",
    "requestType",
    "account",
    "eid",
    "iccid",
    "productNumber",
    "result",
    "reason",
)


def inspection_routes(core: Core, completion: Completion) -> list[Route]:
    """Routes under `/_sim/` and the page at `/`."""
    window = _Window(core, completion)
    return [
        Route("/", window.page),
        Route("/_sim/lines", window.lines),
        Route("/_sim/notifications", window.notifications),
        Route("/_sim/keys/revoke", window.revoke, methods=["POST"]),
    ]


class _Window:
    def __init__(self, core: Core, completion: Completion) -> None:
        self._core = core
        self._completion = completion

    async def page(self, _: Request) -> Response:
        """Lines, running requests, donors and free cards, for people."""
        self._completion.settle()
        with self._core.store.transaction() as db:
            return render(
                "freebit/lines.html",
                lines=db.execute("SELECT * FROM freebit_lines ORDER BY rowid DESC LIMIT 200").fetchall(),
                orders=db.execute("SELECT * FROM freebit_orders ORDER BY id DESC LIMIT 50").fetchall(),
                donors=db.execute("SELECT * FROM freebit_donors ORDER BY account").fetchall(),
                cards=db.execute("SELECT * FROM freebit_sims WHERE state = 'stock' LIMIT 5").fetchall(),
                holder=json.loads,
                addresses=self._core.addresses,
            )

    async def lines(self, request: Request) -> Response:
        """All lines as JSON; `?account=` or `?eid=` narrows."""
        self._completion.settle()
        query = request.query_params
        with self._core.store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM freebit_lines WHERE (:account = '' OR account = :account)"
                " AND (:eid = '' OR eid = :eid) ORDER BY rowid",
                {"account": query.get("account", ""), "eid": query.get("eid", "")},
            ).fetchall()
        return JSONResponse({"lines": [dict(row) for row in rows]})

    async def notifications(self, _: Request) -> Response:
        """The completion notification file (CSV with a header; channel and columns are assumed)."""
        self._completion.settle()
        with self._core.store.transaction() as db:
            rows = db.execute("SELECT * FROM freebit_notifications ORDER BY id").fetchall()
        sheet = io.StringIO()
        writer = csv.writer(sheet)
        writer.writerow(_COLUMNS)
        for row in rows:
            completed_at = stamp(datetime.fromtimestamp(row["completed_at"], UTC))
            writer.writerow([completed_at, *tuple(row)[2:]])
        return Response(sheet.getvalue(), media_type="text/csv; charset=utf-8")

    async def revoke(self, _: Request) -> Response:
        """Ends every authKey at once, as a maintenance at Freebit would."""
        with self._core.store.transaction() as db:
            return JSONResponse({"revoked": revoke_keys(db)})
