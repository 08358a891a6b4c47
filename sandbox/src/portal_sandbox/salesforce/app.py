"""The Salesforce stand-in over HTTP: OAuth, REST and the staff pages, plain and TLS alike."""

from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Scope

from portal_sandbox.core import Core
from portal_sandbox.core.date_header import dated
from portal_sandbox.salesforce.control_routes import control_routes
from portal_sandbox.salesforce.manners import SalesforceManners
from portal_sandbox.salesforce.oauth import OAuth
from portal_sandbox.salesforce.rest.calls import ROOT
from portal_sandbox.salesforce.rest.resources import RestResources
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.salesforce.staff.pages import StaffPages
from portal_sandbox.salesforce.switches import VENDOR
from portal_sandbox.salesforce.tokens import Tokens

METHODS = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
STAFF = "/staff"


def build(core: Core) -> ASGIApp:
    """The application of both ports. Faults apply to the API, never to the pages of staff."""
    org = org_of(core)
    core.control_routes.extend(control_routes(org))
    tokens = Tokens(core, org.switches)
    oauth = OAuth(core, org, tokens)
    resources = RestResources(org, tokens)
    api = Starlette(
        routes=[
            Route("/services/oauth2/token", oauth.token, methods=["POST"]),
            Route("/services/oauth2/userinfo", oauth.userinfo, methods=["GET", "POST"]),
            Route(f"{ROOT}{{rest:path}}", resources.handle, methods=METHODS),
        ]
    )
    faulty = core.faults.middleware(api, VENDOR, name_call, SalesforceManners())
    return Starlette(
        routes=[
            Route("/", _to_staff),
            Route(STAFF, _to_staff),
            Mount(STAFF, StaffPages(org).app()),
            Mount("/", dated(faulty, core.switches, VENDOR)),
        ]
    )


def name_call(scope: Scope, _: bytes) -> str:
    """The call's name in fault rules: `token`, `query`, `composite`, `describe`, `POST Order`, `GET Account`."""
    path = str(scope["path"])
    if path.startswith("/services/oauth2/"):
        return path.rsplit("/", 1)[1]
    segments = [unquote(segment) for segment in path.removeprefix(ROOT).split("/") if segment][1:]
    if not segments:
        return "versions"
    if segments[0] != "sobjects" or len(segments) == 1:
        return "query" if segments[0].lower() in {"query", "queryall"} else "/".join(segments[:2])
    if segments[2:3] == ["describe"]:
        return "describe"
    return f"{scope['method']} {segments[1]}"


async def _to_staff(_: Request) -> Response:
    return RedirectResponse(f"{STAFF}/")
