"""The control API: how tests and operators steer the sandbox. The portal itself uses nothing here but the clock."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from portal_sandbox.core.core import Core
from portal_sandbox.core.faults import KINDS
from portal_sandbox.pages import render

LONGEST_WAIT_SECONDS = 25.0
_VENDORS = ("whmcs", "salesforce", "freebit", "sendgrid")
_STEPS = (
    ("+1 min", 60),
    ("+10 min", 600),
    ("+1 h", 3600),
    ("+1 day", 86400),
    ("+1 week", 604800),
    ("+30 days", 2592000),
)
_PLACES = (
    ("salesforce", "Salesforce", (("Staff view 社員画面", "/staff"),)),
    ("salesforce_tls", "Salesforce (TLS)", ()),
    ("pubsub", "Salesforce Pub/Sub (gRPC)", ()),
    ("whmcs", "WHMCS", (("Client area 会員画面", "/clientarea.php"), ("Orders 注文", "/admin/orders.php"))),
    ("freebit", "Freebit", (("Lines 回線", "/"),)),
    ("sendgrid", "SendGrid", (("Mailbox 受信箱", "/mailbox"),)),
)


class Control:
    """Handlers of the control API over the core."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def app(self) -> Starlette:
        """The control application."""
        return Starlette(
            routes=[
                Route("/", self.overview),
                Route("/healthz", self.health),
                Route("/faults", self.list_faults, methods=["GET"]),
                Route("/faults", self.arm_fault, methods=["POST"]),
                Route("/faults", self.clear_faults, methods=["DELETE"]),
                Route("/calls", self.calls),
                Route("/ledger", self.ledger),
                Route("/clock", self.read_clock, methods=["GET"]),
                Route("/clock", self.move_clock, methods=["POST"]),
                Route("/reset", self.reset, methods=["POST"]),
                Route("/dataset", self.dataset),
                Route("/settings", self.list_switches, methods=["GET"]),
                Route("/settings", self.move_switches, methods=["POST"]),
            ],
            exception_handlers={ValueError: _bad_request, HTTPException: _http_error},
        )

    async def overview(self, request: Request) -> Response:
        """Links to everything."""
        addresses = self._core.addresses
        if not _wants_page(request):
            return JSONResponse({"addresses": addresses, "clock": self._clock()})
        places = [
            {
                "title": title,
                "address": addresses[name],
                "pages": [{"title": label, "url": addresses[name] + path} for label, path in pages],
            }
            for name, title, pages in _PLACES
            if name in addresses
        ]
        return render(
            "control/overview.html",
            places=places,
            now=self._clock()["now"],
            offset=self._core.clock.offset_seconds(),
            armed=sum(1 for rule in self._core.faults.all() if rule.times != 0),
            authority=str(self._core.tls.authority),
        )

    async def health(self, _: Request) -> Response:
        """Answers as soon as every port is bound."""
        return JSONResponse({"status": "ok"})

    async def list_faults(self, request: Request) -> Response:
        """All rules with their hits."""
        rules = [rule.as_json() for rule in self._core.faults.all()]
        if not _wants_page(request):
            return JSONResponse({"faults": rules})
        return render("control/faults.html", faults=rules, kinds=KINDS, vendors=_VENDORS, calls=self._core.faults.calls)

    async def arm_fault(self, request: Request) -> Response:
        """Arms one rule (a JSON object) or several (a JSON list)."""
        wanted = await _body(request)
        if _is_form(request):
            if "clear" in wanted:
                self._core.faults.disarm()
            else:
                self._core.faults.arm(_fault_of_form(wanted))
            return RedirectResponse("/faults", status_code=303)
        several = wanted if isinstance(wanted, list) else [wanted]
        if not all(isinstance(one, dict) for one in several):
            raise ValueError("a fault is a JSON object")
        armed = [self._core.faults.arm(one).as_json() for one in several]
        return JSONResponse({"faults": armed}, status_code=201)

    async def clear_faults(self, request: Request) -> Response:
        """Forgets all rules, or the one named by ?id=."""
        rule_id = request.query_params.get("id")
        self._core.faults.disarm(int(rule_id) if rule_id else None)
        return Response(status_code=204)

    async def calls(self, _: Request) -> Response:
        """How often each call was made and how many ran at once, since start or reset."""
        faults = self._core.faults
        return JSONResponse({"calls": faults.calls, "mostInFlight": faults.most_in_flight})

    async def ledger(self, request: Request) -> Response:
        """Effects, oldest first; filters vendor, kind, key; `after` continues behind an id."""
        query = request.query_params
        entries = self._core.ledger.entries(
            vendor=query.get("vendor", ""),
            kind=query.get("kind", ""),
            key=query.get("key", ""),
            after=int(query.get("after", "0")),
            limit=int(query.get("limit", "1000")),
        )
        if _wants_page(request):
            return render("control/ledger.html", entries=entries)
        return JSONResponse({"entries": [asdict(entry) for entry in entries]})

    async def read_clock(self, request: Request) -> Response:
        """Business time; with ?after=<version>&wait=<seconds> answers only after a move or the wait."""
        query = request.query_params
        if "after" in query:
            wait = min(float(query.get("wait", "0")), LONGEST_WAIT_SECONDS)
            await self._core.clock.wait_for_move(int(query["after"]), wait)
        if not _wants_page(request):
            return JSONResponse(self._clock())
        return render(
            "control/clock.html",
            now=self._clock()["now"],
            tokyo=self._core.clock.now().astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%d %H:%M:%S"),
            offset=self._core.clock.offset_seconds(),
            version=self._core.clock.version(),
            steps=_STEPS,
        )

    async def move_clock(self, request: Request) -> Response:
        """{"advanceSeconds": n} moves business time forward."""
        wanted = await _object(request)
        self._core.clock.advance(int(str(wanted.get("advanceSeconds", ""))))
        return RedirectResponse("/clock", status_code=303) if _is_form(request) else JSONResponse(self._clock())

    async def reset(self, request: Request) -> Response:
        """Everything as on the first day."""
        await self._core.reset()
        return RedirectResponse("/", status_code=303) if _wants_page(request) else JSONResponse(self._clock())

    async def dataset(self, request: Request) -> Response:
        """The invented customers with their states, and the passwords of their WHMCS logins."""
        accounts = self._core.dataset.accounts
        if _wants_page(request):
            return render("control/dataset.html", accounts=accounts)
        rows = [
            {
                "number": account.number,
                "name": account.name,
                "email": account.email,
                "group": account.group,
                "note": account.note,
                "whmcsClientId": account.whmcs.id if account.whmcs else None,
                "whmcsEmail": account.whmcs.email if account.whmcs else None,
                "whmcsPassword": account.whmcs.password if account.whmcs else None,
            }
            for account in accounts
        ]
        return JSONResponse({"accounts": rows})

    async def list_switches(self, request: Request) -> Response:
        """Present values by vendor."""
        switches = self._core.switches
        if not _wants_page(request):
            return JSONResponse(switches.values())
        rows: dict[str, list[dict[str, object]]] = {}
        for switch in switches.declared():
            value = switches.get(switch.vendor, switch.name)
            rows.setdefault(switch.vendor, []).append({"switch": switch, "value": value})
        return render("control/settings.html", switches=rows)

    async def move_switches(self, request: Request) -> Response:
        """{"<vendor>": {"<switch>": value}}; all or none."""
        wanted = await _object(request)
        if _is_form(request):
            value = json.loads(str(wanted["value"]))
            self._core.switches.update({str(wanted["vendor"]): {str(wanted["name"]): value}})
            return RedirectResponse("/settings", status_code=303)
        if not all(isinstance(values, dict) for values in wanted.values()):
            raise ValueError('switches are given as {"vendor": {"name": value}}')
        self._core.switches.update(wanted)
        return JSONResponse(self._core.switches.values())

    def _clock(self) -> dict[str, object]:
        clock = self._core.clock
        return {
            "offsetSeconds": clock.offset_seconds(),
            "version": clock.version(),
            "now": clock.now().isoformat().replace("+00:00", "Z"),
        }


def _wants_page(request: Request) -> bool:
    """A browser asks for HTML; scripts that name nothing get JSON."""
    return "text/html" in request.headers.get("accept", "")


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


async def _body(request: Request) -> Any:
    if _is_form(request):
        return dict(await request.form())
    try:
        return json.loads(await request.body() or b"{}")
    except json.JSONDecodeError as error:
        raise ValueError("the body is not JSON") from error


async def _object(request: Request) -> dict[str, Any]:
    body = await _body(request)
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered as 400 like every wrong body
    return body


def _fault_of_form(form: Mapping[str, Any]) -> dict[str, object]:
    times = str(form.get("times", "")).strip()
    return {
        "vendor": form.get("vendor"),
        "call": form.get("call"),
        "kind": form.get("kind"),
        "times": int(times) if times else None,
        "params": json.loads(str(form.get("params") or "{}")),
    }


async def _bad_request(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"error": str(error)}, status_code=status)
