"""Builds and runs all stand-ins in one process, a port each."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from starlette.types import ASGIApp

from portal_sandbox.core import Clock, Core, Faults, Ledger, Store, Switches, load_dataset
from portal_sandbox.core.control import Control
from portal_sandbox.core.outbound import Post, post
from portal_sandbox.core.tls import certificate_paths, ensure_certificates
from portal_sandbox.http_server import HttpServer, bind
from portal_sandbox.settings import Settings

VENDORS = ("whmcs", "salesforce", "freebit", "sendgrid", "openid")


class _Stoppable(Protocol):
    async def stop(self) -> None:
        """Ends what runs and closes the port."""


class PubSubServer(_Stoppable, Protocol):
    """The running gRPC server of the Salesforce stand-in."""

    port: int


@dataclass(frozen=True, slots=True)
class _Listener:
    name: str
    app: ASGIApp
    port: int
    tls: bool = False


class Sandbox:
    """All stand-ins over one core: behind ports (`running`), or as applications in the same process (`app`).

    Runs once: leaving `running`, or `close`, closes its file.
    """

    def __init__(self, core: Core, apps: dict[str, ASGIApp]) -> None:
        self.core = core
        self._apps = apps
        self._control = Control(core).app()
        # Called without a port, a stand-in still names itself in the links it hands out.
        for name in ("control", "salesforce", "salesforce_tls", *(vendor for vendor in apps if vendor != "salesforce")):
            core.addresses.setdefault(name, f"http://{name.removesuffix('_tls')}.sandbox.invalid")

    def app(self, name: str) -> ASGIApp:
        """The application of a vendor, or of `control`, for callers in this process; KeyError for one not built.

        Every wait of it is a wait of the running loop. A cut connection is a `ConnectionDroppedError`.
        """
        return self._apps[name] if name != "control" else self._control

    async def close(self) -> None:
        """Ends what goes on beside calls and closes the file; for a sandbox whose ports were never opened."""
        self.core.clock.release_waiters()
        await self.core.cancel_background()
        self.core.store.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[dict[str, str]]:
        """Opens every port and gives the addresses (see Core.addresses); stops in well under two seconds."""
        core = self.core
        servers: list[_Stoppable] = []
        core.addresses.clear()
        ensure_certificates(core.settings.data_dir / "tls", self._names())
        try:
            for listener in self._listeners():
                servers.append(await self._open(listener))  # noqa: PERF401 - opened ones must stop if a later fails
            if "salesforce" in self._apps:
                servers.append(await self._open_pubsub())
            yield dict(core.addresses)
        finally:
            core.clock.release_waiters()
            await asyncio.gather(*(server.stop() for server in servers))
            await self.close()

    async def _open(self, listener: _Listener) -> HttpServer:
        core = self.core
        bound = bind(core.settings.host, listener.port)
        scheme = "https" if listener.tls else "http"
        core.addresses[listener.name] = f"{scheme}://{self._name()}:{bound.getsockname()[1]}"
        server = HttpServer(listener.app, bound, core.tls if listener.tls else None)
        await server.start()
        return server

    async def _open_pubsub(self) -> PubSubServer:
        core = self.core
        pubsub = importlib.import_module("portal_sandbox.salesforce.pubsub")
        server: PubSubServer = await pubsub.serve(core, core.settings.host, core.settings.pubsub_port)
        core.addresses["pubsub"] = f"{self._name()}:{server.port}"
        return server

    def _listeners(self) -> Iterable[_Listener]:
        settings = self.core.settings
        yield _Listener("control", self._control, settings.control_port)
        for vendor, app in self._apps.items():
            yield _Listener(vendor, app, getattr(settings, f"{vendor}_port"))
            if vendor == "salesforce":
                yield _Listener("salesforce_tls", app, settings.salesforce_tls_port, tls=True)

    def _names(self) -> list[str]:
        settings = self.core.settings
        names = {"localhost", "127.0.0.1", "::1", *settings.tls_names}
        names |= {name for name in (settings.public_host, settings.host) if name and name not in ("0.0.0.0", "::")}
        return sorted(names)

    def _name(self) -> str:
        settings = self.core.settings
        if settings.public_host:
            return settings.public_host
        return "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host


def build_sandbox(
    settings: Settings,
    vendors: Iterable[str] = VENDORS,
    *,
    real_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    post: Post = post,
) -> Sandbox:
    """Builds the stand-ins named; a test that needs one vendor starts only that one. Opens no port yet.

    `real_now` is the time business time is counted from (aware, UTC), for loops with a time of their own; `post` takes
    what the stand-ins send out.
    """
    if not settings.in_memory:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(":memory:" if settings.in_memory else settings.data_dir / "sandbox.sqlite3")
    clock = Clock(store, real_now)
    core = Core(
        settings=settings,
        store=store,
        clock=clock,
        ledger=Ledger(store, clock),
        faults=Faults(clock, store),
        switches=Switches(store, settings.switches),
        dataset=load_dataset(),
        tls=certificate_paths(settings.data_dir / "tls"),
        post=post,
    )
    apps: dict[str, ASGIApp] = {
        vendor: importlib.import_module(f"portal_sandbox.{vendor}.app").build(core) for vendor in vendors
    }
    store.seed_if_new()
    return Sandbox(core, apps)
