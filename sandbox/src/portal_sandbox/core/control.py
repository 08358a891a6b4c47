"""The control API: how tests and operators steer the sandbox. The portal itself uses nothing here but the clock."""

import json
from dataclasses import asdict
from datetime import timedelta
from http.client import NOT_FOUND
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from portal_sandbox.core.control_forms import EMPTY_FAULT, FormTexts, fault_of, seconds_of, switch_value_of
from portal_sandbox.core.core import Core
from portal_sandbox.core.faults import KINDS
from portal_sandbox.pages import render
from portal_sandbox.pages.neighbours import neighbours

LONGEST_WAIT_SECONDS = 25.0
_VENDORS = ("whmcs", "salesforce", "freebit", "sendgrid", "openid")
_STEPS = (
    ("+1 min", 60),
    ("+10 min", 600),
    ("+1 h", 3600),
    ("+1 day", 86400),
    ("+1 week", 604800),
    ("+30 days", 2592000),
)
_SERVERS = (
    ("salesforce", "Salesforce"),
    ("salesforce_tls", "Salesforce (TLS)"),
    ("pubsub", "Salesforce Pub/Sub (gRPC)"),
    ("whmcs", "WHMCS"),
    ("freebit", "Freebit"),
    ("sendgrid", "SendGrid"),
    ("openid", "Identity cards (OpenID)"),
)
_LEDGER_PAGE_ROWS = 300


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
                *self._core.control_routes,
            ],
            exception_handlers={ValueError: self._bad_request, HTTPException: self._http_error},
        )

    async def overview(self, request: Request) -> Response:
        """Links to everything."""
        addresses = self._core.addresses
        if not _wants_page(request):
            return JSONResponse({"addresses": addresses, "clock": self._clock()})
        return self._page(
            "overview.html",
            servers=[
                {"title": title, "address": addresses[name], "pages": neighbours(addresses, name)}
                for name, title in _SERVERS
                if name in addresses
            ],
            now=self._clock()["now"],
            ahead=_spoken(self._core.clock.offset_seconds()),
            armed=sum(1 for rule in self._core.faults.all() if rule.times != 0),
            authority=str(self._core.tls.authority),
        )

    async def health(self, _: Request) -> Response:
        """Answers as soon as every port is bound."""
        return JSONResponse({"status": "ok"})

    async def list_faults(self, request: Request) -> Response:
        """All rules with their hits."""
        if not _wants_page(request):
            return JSONResponse({"faults": [rule.as_json() for rule in self._core.faults.all()]})
        return self._faults_page(EMPTY_FAULT)

    async def arm_fault(self, request: Request) -> Response:
        """Arms one rule (a JSON object) or several (a JSON list)."""
        if _is_form(request):
            return self._move_faults(await _form(request))
        wanted = await _body(request)
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

    def _move_faults(self, form: FormTexts) -> Response:
        if clear := form.get("clear"):
            # A rule's own button names its id; "all", and what older scripts send, clears every rule.
            known = [rule.id for rule in self._core.faults.all() if str(rule.id) == clear]
            self._core.faults.disarm(known[0] if known else None)
            return RedirectResponse("/faults", status_code=303)
        try:
            self._core.faults.arm(fault_of(form))
        except ValueError as error:
            return self._faults_page({**EMPTY_FAULT, **form}, str(error))
        return RedirectResponse("/faults", status_code=303)

    def _faults_page(self, typed: FormTexts, message: str = "") -> Response:
        return self._page(
            "faults.html",
            status=400 if message else 200,
            faults=[rule.as_json() for rule in self._core.faults.all()],
            kinds=KINDS,
            vendors=_VENDORS,
            calls=self._core.faults.calls,
            typed=typed,
            message=message,
        )

    async def calls(self, _: Request) -> Response:
        """How often each call was made and how many ran at once, since start or reset."""
        faults = self._core.faults
        return JSONResponse({"calls": faults.calls, "mostInFlight": faults.most_in_flight})

    async def ledger(self, request: Request) -> Response:
        """Effects, oldest first; filters vendor, kind, key; `after` continues behind an id."""
        query = request.query_params
        if _wants_page(request):
            wanted = {name: query.get(name, "").strip() for name in ("vendor", "kind", "key")}
            newest = self._core.ledger.entries(
                vendor=wanted["vendor"],
                kind=wanted["kind"],
                key=wanted["key"],
                limit=_LEDGER_PAGE_ROWS,
                newest_first=True,
            )
            return self._page("ledger.html", entries=newest, wanted=wanted, vendors=_VENDORS, limit=_LEDGER_PAGE_ROWS)
        entries = self._core.ledger.entries(
            vendor=query.get("vendor", ""),
            kind=query.get("kind", ""),
            key=query.get("key", ""),
            after=int(query.get("after", "0")),
            limit=int(query.get("limit", "1000")),
        )
        return JSONResponse({"entries": [asdict(entry) for entry in entries]})

    async def read_clock(self, request: Request) -> Response:
        """Business time; with ?after=<version>&wait=<seconds> answers only after a move or the wait."""
        query = request.query_params
        if "after" in query:
            wait = min(float(query.get("wait", "0")), LONGEST_WAIT_SECONDS)
            await self._core.clock.wait_for_move(int(query["after"]), wait)
        if not _wants_page(request):
            return JSONResponse(self._clock())
        return self._clock_page()

    async def move_clock(self, request: Request) -> Response:
        """{"advanceSeconds": n} moves business time forward."""
        if _is_form(request):
            typed = (await _form(request)).get("advanceSeconds", "")
            try:
                self._core.clock.advance(seconds_of(typed))
            except ValueError as error:
                return self._clock_page(typed, str(error))
            return RedirectResponse("/clock", status_code=303)
        self._core.clock.advance(seconds_of(str((await _object(request)).get("advanceSeconds", ""))))
        return JSONResponse(self._clock())

    def _clock_page(self, typed: str = "60", message: str = "") -> Response:
        now = self._core.clock.now()
        return self._page(
            "clock.html",
            status=400 if message else 200,
            now=now.strftime("%Y-%m-%d %H:%M:%S"),
            tokyo=now.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%d %H:%M:%S"),
            ahead=_spoken(self._core.clock.offset_seconds()),
            steps=_STEPS,
            typed=typed,
            message=message,
        )

    async def reset(self, request: Request) -> Response:
        """Everything as on the first day."""
        await self._core.reset()
        return RedirectResponse("/", status_code=303) if _wants_page(request) else JSONResponse(self._clock())

    async def dataset(self, request: Request) -> Response:
        """The invented customers with their states, and the passwords of their WHMCS logins."""
        accounts = self._core.dataset.accounts
        if _wants_page(request):
            return self._page("dataset.html", accounts=accounts)
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
        if not _wants_page(request):
            return JSONResponse(self._core.switches.values())
        return self._switches_page(done=request.query_params.get("done", ""))

    def _switches_page(self, *, done: str = "", message: str = "") -> Response:
        switches = self._core.switches
        rows: dict[str, list[dict[str, object]]] = {}
        for switch in switches.declared():
            value = switches.get(switch.vendor, switch.name)
            rows.setdefault(switch.vendor, []).append({"switch": switch, "value": value})
        status = 400 if message else 200
        return self._page("settings.html", status=status, switches=rows, done=done, message=message)

    async def move_switches(self, request: Request) -> Response:
        """{"<vendor>": {"<switch>": value}}; all or none."""
        if _is_form(request):
            return self._move_switch(await _form(request))
        wanted = await _object(request)
        if not all(isinstance(values, dict) for values in wanted.values()):
            raise ValueError('switches are given as {"vendor": {"name": value}}')
        self._core.switches.update(wanted)
        return JSONResponse(self._core.switches.values())

    def _move_switch(self, form: FormTexts) -> Response:
        vendor, name, text = form.get("vendor", ""), form.get("name", ""), form.get("value", "")
        defaults = {(one.vendor, one.name): one.default for one in self._core.switches.declared()}
        try:
            value = switch_value_of(text, defaults.get((vendor, name)))
            self._core.switches.update({vendor: {name: value}})
        except ValueError as error:
            return self._switches_page(message=f"{vendor} {name}: {error}")
        return RedirectResponse(f"/settings?done={quote(f'{vendor}.{name}')}#{vendor}-{name}", status_code=303)

    def _page(self, template: str, *, status: int = 200, **context: object) -> Response:
        return render(f"control/{template}", status=status, addresses=self._core.addresses, **context)

    async def _bad_request(self, request: Request, error: Exception) -> Response:
        if _wants_page(request):
            return self._problem_page(400, "Not done 処理できませんでした", str(error), request.url.path)
        return JSONResponse({"error": str(error)}, status_code=400)

    async def _http_error(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if _wants_page(request):
            heading = "Not found ページが見つかりません" if status == NOT_FOUND else "Not done 処理できませんでした"
            text = "There is no such page. このページはありません。" if status == NOT_FOUND else str(error)
            return self._problem_page(status, heading, text, "/")
        return JSONResponse({"error": str(error)}, status_code=status)

    def _problem_page(self, status: int, heading: str, message: str, back: str) -> Response:
        return self._page("problem.html", status=status, heading=heading, message=message, back=back)

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


async def _form(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


async def _body(request: Request) -> Any:
    try:
        return json.loads(await request.body() or b"{}")
    except json.JSONDecodeError as error:
        raise ValueError("the body is not JSON") from error


async def _object(request: Request) -> dict[str, Any]:
    body = await _body(request)
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered as 400 like every wrong body
    return body


def _spoken(seconds: int) -> str:
    """A length of time for people: `30 days, 0:10:00`; nothing for none."""
    return str(timedelta(seconds=seconds)) if seconds else ""
