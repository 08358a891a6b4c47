"""Joins the operations to one ASGI application."""

import sys
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from portal_chassis.actor import ActorVerifier
from portal_chassis.clocks import MachineClock
from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater
from portal_gateway import pages
from portal_gateway.call_rates import CallGroup, CallRate
from portal_gateway.cookies import Cookies
from portal_gateway.documentation import DESCRIBING, documentation_pages, problem_pages
from portal_gateway.endpoint import Endpoint
from portal_gateway.exchange import Gateway
from portal_gateway.fixed_paths import FixedPaths
from portal_gateway.forgery import ForgeryGuard
from portal_gateway.later_pages import LaterPages
from portal_gateway.limits import InFlight
from portal_gateway.micro_cache import MicroCache
from portal_gateway.operation import Operation
from portal_gateway.ports import Asks
from portal_gateway.problem_json import preferred_language, problem_reply
from portal_gateway.reply import App
from portal_gateway.routes import OPERATIONS
from portal_gateway.security_headers import SecurityHeaders
from portal_gateway.sessions import Sessions
from portal_gateway.settings import GatewaySettings
from portal_gateway.signed_call_keys import SignedCallKeys
from portal_gateway.signed_calls import SignedCalls
from portal_gateway.static_page import StaticPage, html_page
from portal_gateway.timeline_streams import TimelineStreams

PAGES: Final = {
    "/auth/signup/confirm": ("mailed_link", "confirm_signup"),
    "/auth/password/reset": ("mailed_link", "reset_password"),
    "/auth/email/confirm": ("mailed_link", "confirm_email"),
    "/auth/passkey": ("passkeys",),
    "/auth/verification": ("verification",),
}
"""Scripts of each page, the last by its own name. Opening the link of a mail changes nothing, since mail scanners open
links; its button does."""


def build_gateway(bus: Asks, settings: GatewaySettings, verifier: ActorVerifier, clock: MachineClock) -> Gateway:
    """Build what all requests share, and let it hear the bus."""
    sessions = Sessions(bus, verifier, clock)
    sessions.register()
    cache = MicroCache(clock, enabled=settings.micro_cache)
    cache.register(bus, {operation.name: operation.cache for operation in OPERATIONS if operation.cache is not None})
    streams = TimelineStreams(
        clock,
        InFlight(settings.streams_at_once, settings.session_streams_at_once),
        settings.stream_heartbeat_seconds,
        settings.stream_seconds,
    )
    streams.register(bus)
    sessions.when_one_ends(streams.end_session)
    return Gateway(
        bus=bus,
        sessions=sessions,
        cache=cache,
        cookies=Cookies(secure=settings.cookie_secure),
        guard=ForgeryGuard(settings.public_url),
        requests=InFlight(settings.requests_at_once, settings.requests_at_once // 2),
        rates=rates_of(settings, clock),
        writes=InFlight(settings.requests_at_once, settings.session_writes_at_once),
        strangers_writes=InFlight(settings.requests_at_once, settings.strangers_writes_at_once),
        streams=streams,
        clock=clock,
        settings=settings,
        signed_calls=signed_calls_of(settings, clock),
    )


def rates_of(settings: GatewaySettings, clock: MachineClock) -> dict[CallGroup, CallRate]:
    """Build the limits of what needs no session (D18)."""
    a_minute: dict[CallGroup, int] = {
        "catalog": settings.catalog_reads_a_minute_per_address,
        "carts": settings.carts_a_minute_per_address,
        "account": settings.account_calls_a_minute_per_address,
        "machines": settings.machine_calls_a_minute_per_address,
    }
    return {group: CallRate(clock, most) for group, most in a_minute.items()}


def signed_calls_of(settings: GatewaySettings, clock: MachineClock) -> SignedCalls | None:
    """Build the judge of signed calls; none without keys. Raises Misconfigured when a part of it is missing."""
    if settings.signed_call_keys_path is None:
        return None
    if not settings.signed_callers:
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_SIGNED_CALLERS", "reason": "missing"})
    keys = SignedCallKeys(settings.signed_call_keys_path)
    return SignedCalls(keys, settings.signed_callers, settings.trusted_proxies, clock)


def build_app(gateway: Gateway) -> App:
    """Build the application: fixed paths, FastAPI's routing for the others, and none of its per-request work."""
    router = FastAPI(
        title="Customer portal",
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    router.add_exception_handler(HTTPException, _framework_problem)
    by_path: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, []).append(operation)
    later = LaterPages(describing_command(gateway.settings), documentation_pages)
    pages: dict[str, App] = {
        **{path: own_page(*scripts) for path, scripts in PAGES.items()},
        **problem_pages(),
        **{path: later.at(path) for path in DESCRIBING},
    }
    paths = {*by_path, *pages}
    endpoints = {path: Endpoint(gateway, by_path.get(path, ()), pages.get(path)) for path in paths}
    for path in sorted((path for path in paths if "{" in path), key=_precedence):
        router.routes.append(Route(path, endpoints.pop(path)))
    return SecurityHeaders(FixedPaths(endpoints, router), secure=gateway.settings.cookie_secure)


def describing_command(settings: GatewaySettings) -> tuple[str, ...]:
    """Give the program that writes the OpenAPI document."""
    secure = ["secure"] if settings.cookie_secure else []
    return sys.executable, "-m", "portal_gateway.open_api", settings.public_url, *secure


def _precedence(path: str) -> tuple[bool, bool]:
    """Customers' paths first, as they are asked for most; a fixed last word before one that could be anything."""
    of_operators = path.startswith("/operator/")
    return of_operators, of_operators and path.endswith("}")


def own_page(*scripts: str) -> StaticPage:
    """Build a page of its scripts, the last of which names it; they share what `say.js` has."""
    folder = files(pages)
    html, style = ((folder / file).read_text("utf-8") for file in (f"{scripts[-1]}.html", "page.css"))
    script = "".join((folder / f"{name}.js").read_text("utf-8") for name in ("say", *scripts))
    return html_page(html, style=style, script=script, kept=False)


async def _framework_problem(request: Request, error: Any) -> Response:
    """Answer what the router itself refuses, such as an unknown path, as a problem too."""
    language = preferred_language(request.headers.get("accept-language", "").encode("latin-1"))
    reply = problem_reply(_framework_code(error.status_code), request.url.path, language)
    response = Response(reply.body, reply.status)
    response.raw_headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
    return response


def _framework_code(status: int) -> PortalProblem:
    codes = {405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}
    return Refused(codes.get(status, "NOT_FOUND")) if status < 500 else TryLater("SERVICE_UNAVAILABLE")  # noqa: PLR2004 - HTTP
