"""The viewer over HTTP: OTLP comes in at /v1, people read the rest."""

import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from portal_viewer import charts, dashboards
from portal_viewer.about_order import lines_about
from portal_viewer.keeping import Kept, shown_fields
from portal_viewer.receiving import lines_of, spans_of
from portal_viewer.rules import Firing, Judge, read_rules
from portal_viewer.scraping import scrape
from portal_viewer.settings import ViewerSettings
from portal_viewer.waterfall import waterfall

_RULES: Final = ("slo.yaml", "alerts.yaml")
_SHOWN_TRACES: Final = 60
_SHOWN_LINES: Final = 400
_LARGEST_BODY: Final = 16 * 1024 * 1024
_PROTOBUF: Final = "application/x-protobuf"


class Viewer:
    """One viewer: what it keeps and the pages about it."""

    def __init__(self, settings: ViewerSettings) -> None:
        self.kept = Kept()
        self.firing: list[Firing] = []
        self._began = time.time()
        self._settings = settings
        self._judge = Judge(read_rules([settings.rules_dir / name for name in _RULES]))
        self._dashboards = dashboards.read_dashboards(settings.rules_dir / "dashboards")
        templates = FileSystemLoader(Path(__file__).parent / "templates")
        self._pages = Environment(loader=templates, autoescape=select_autoescape(default=True), trim_blocks=True)
        self._pages.filters |= {"clock": _clock, "fields": shown_fields, "figure": dashboards.shown}
        self._pages.globals |= {"dashboards": self._dashboards, "colour": charts.colour, "chart": _drawn}

    def application(self) -> Starlette:
        """Give the ASGI application; while it runs it scrapes."""
        routes = [
            Route("/v1/traces", self.take_traces, methods=["POST"]),
            Route("/v1/logs", self.take_logs, methods=["POST"]),
            Route("/healthz", self.health),
            Route("/", self.overview),
            Route("/find", self.find),
            Route("/logs", self.logs),
            Route("/traces/{trace_id}", self.trace),
            Route("/dashboards/{uid}", self.dashboard),
        ]
        return Starlette(routes=routes, lifespan=self._living)

    @contextlib.asynccontextmanager
    async def _living(self, _application: Starlette) -> AsyncIterator[None]:
        scraping = asyncio.create_task(self._scrape_for_ever())
        yield
        scraping.cancel()

    async def _scrape_for_ever(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._settings.scrape_seconds)

    async def look(self) -> None:
        """Scrape once and judge the rules."""
        await scrape(self._settings.targets, self.kept.metrics)
        self.firing = await asyncio.to_thread(self._judge.look, self.kept.metrics, time.time())

    async def take_traces(self, request: Request) -> Response:
        """Take spans as OTLP."""
        try:
            self.kept.spans.extend(spans_of(await _body(request)))
        except (DecodeError, ValueError):
            return PlainTextResponse("not OTLP in protobuf", 400)
        return Response(b"", media_type=_PROTOBUF)

    async def take_logs(self, request: Request) -> Response:
        """Take log lines as OTLP."""
        try:
            self.kept.lines.extend(lines_of(await _body(request)))
        except (DecodeError, ValueError):
            return PlainTextResponse("not OTLP in protobuf", 400)
        return Response(b"", media_type=_PROTOBUF)

    async def health(self, _request: Request) -> Response:
        """Say that it runs."""
        return PlainTextResponse("live")

    async def overview(self, _request: Request) -> Response:
        """Show what fires, who is up and the newest traces."""
        up = self.kept.metrics.window("up", (), time.time() - 60, time.time())
        return self._page(
            "overview.html",
            firing=self.firing,
            processes=sorted((dict(labels)["job"], bool(samples[-1][1])) for labels, samples in up),
            traces=self.kept.traces()[:_SHOWN_TRACES],
        )

    async def find(self, request: Request) -> Response:
        """Show all log lines and traces of one order, case, process key or trace."""
        wanted = request.query_params.get("q", "").strip()
        if not wanted:
            return RedirectResponse("/")
        lines = lines_about(wanted, self.kept.lines)
        return self._page("find.html", wanted=wanted, lines=lines, traces=self.kept.traces_of(lines, wanted))

    async def logs(self, request: Request) -> Response:
        """Show the newest log lines, of one service or level where asked."""
        service, level = request.query_params.get("service", ""), request.query_params.get("level", "")
        lines = [
            line
            for line in reversed(self.kept.lines)
            if (not service or line.get("service") == service) and (not level or line.get("level") == level)
        ]
        services = sorted({str(line.get("service")) for line in self.kept.lines})
        shown = {"service": service, "level": level, "services": services}
        return self._page("logs.html", lines=lines[:_SHOWN_LINES], **shown)

    async def trace(self, request: Request) -> Response:
        """Show the spans of a trace beside one another, its log lines and the traces it is linked with."""
        trace_id = request.path_params["trace_id"]
        spans = self.kept.trace(trace_id)
        causes = {link for span in spans for link in span.links}
        effects = {span.trace_id for span in self.kept.spans if trace_id in span.links}
        return self._page(
            "trace.html",
            trace_id=trace_id,
            bars=waterfall(spans),
            lines=[line for line in self.kept.lines if line.get("trace_id") == trace_id],
            causes=[one for one in self.kept.traces() if one.trace_id in causes],
            effects=[one for one in self.kept.traces() if one.trace_id in effects],
        )

    async def dashboard(self, request: Request) -> Response:
        """Show one dashboard."""
        found = [one for one in self._dashboards if one.uid == request.path_params["uid"]]
        if not found:
            return PlainTextResponse("there is no such dashboard", 404)
        now = time.time()
        seconds = dashboards.shown_seconds(now - self._began)
        panels = await asyncio.to_thread(self._panels, found[0], now, seconds)
        return self._page("dashboard.html", dashboard=found[0], panels=panels, minutes=round(seconds / 60))

    def _panels(
        self, dashboard: dashboards.Dashboard, now: float, seconds: float
    ) -> list[tuple[dashboards.Panel, list[dashboards.Curve]]]:
        return [(panel, dashboards.curves(panel, self.kept.metrics, now, seconds)) for panel in dashboard.panels]

    def _page(self, template: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._pages.get_template(template).render(values))


async def _body(request: Request) -> bytes:
    """Give the body, unpacked; raises ValueError when it is too large."""
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if len(body) > _LARGEST_BODY:
        raise ValueError("too large")
    return body


def _drawn(curves: list[dashboards.Curve], unit: str) -> Markup:
    return Markup(charts.chart(curves, unit))  # noqa: S704 - `chart` escapes what it is given


def _clock(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
