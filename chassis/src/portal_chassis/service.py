"""One process of the portal: what is started in which order, what is supervised, and how it ends (architecture §3).

    from portal_chassis.service import run
    from portal_billing.main import wire

    run("billing", wire, migrations="portal_billing")

Start: settings, logs and traces, then database, bus and clock side by side, then `wire`, then serving and consuming,
then the outbox relay and the processes, and only then readiness. On SIGTERM or SIGINT nothing more is accepted, what
runs is finished, everything is flushed, and the exit code is 0 within eight seconds.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from portal_chassis import logs, telemetry
from portal_chassis.clocks import BusinessClock, MachineClock, SandboxClock, SystemMachineClock, business_clock
from portal_chassis.event_loop import measure_lag
from portal_chassis.health import Health
from portal_chassis.settings import ChassisSettings
from portal_contracts.problems import Misconfigured

if TYPE_CHECKING:
    from portal_chassis.bus import Bus
    from portal_chassis.cache import Cache
    from portal_chassis.operator_actions import OperatorDesk
    from portal_chassis.postgres import Database
    from portal_chassis.process import ProcessEngine
    from portal_chassis.process_port import ProcessStore
    from portal_chassis.pruning import Pruning

START_SECONDS: Final = 60.0
"""How long a start waits for its database and the sandbox before it gives up."""
FINISH_SECONDS: Final = 4.5
"""How long running work may take once the process has been told to stop."""
STOP_SECONDS: Final = 8.0
GC_THRESHOLDS: Final = (50_000, 50, 100)
"""Fewer garbage collections: reference/performance.md §2."""

Wire = Callable[["Service"], Awaitable[None]]
NewStore = Callable[["Database", timedelta], "ProcessStore"]
_log = logs.get_logger(__name__)


class Service:
    """What `wire` gets: the parts of the process, and where to hang its own on."""

    def __init__(self, name: str, settings: ChassisSettings, bus: "Bus", clock: BusinessClock, health: Health) -> None:
        self.name = name
        self.settings = settings
        self.bus = bus
        self.clock = clock
        self.machine: MachineClock = SystemMachineClock()
        self.health = health
        self._database: Database | None = None
        self._processes: ProcessEngine | None = None
        self._pruning: Pruning | None = None
        self._cache: Cache | None = None
        self._backgrounds: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._closers: list[Callable[[], Awaitable[None]]] = []

    @property
    def database(self) -> "Database":
        """The service's own database; raises RuntimeError in a service that runs without migrations."""
        if self._database is None:
            raise RuntimeError(f"{self.name} has no database: give `run` its migrations")
        return self._database

    @property
    def operator_desk(self) -> "OperatorDesk":
        """Carries out operators' commands in the service's own database; RuntimeError in a service that has none."""
        from portal_chassis.operator_actions import OperatorDesk  # noqa: PLC0415 - only for a service that has a database

        return OperatorDesk(self.database)

    @property
    def cache(self) -> "Cache":
        """The cache in front of slow vendors (R236–R253); without PORTAL_REDIS_URL every read is live."""
        if self._cache is None:
            from portal_chassis.cache import Cache  # noqa: PLC0415 - only for a service that reads through one

            self._cache = Cache(self.settings.redis_url, prefix=self.name)
            self.on_stop(self._cache.close)
        return self._cache

    @property
    def processes(self) -> "ProcessEngine":
        """The process engine on the service's database; raises RuntimeError in a service that has none."""
        if self._processes is None:
            raise RuntimeError(f"{self.name} has no database and so no processes: give `run` its migrations")
        return self._processes

    @property
    def has_processes(self) -> bool:
        """Whether there is a process engine."""
        return self._processes is not None

    @property
    def pruning(self) -> "Pruning":
        """Where `wire` says what is forgotten when its time is over; raises RuntimeError without a database."""
        if self._pruning is None:
            raise RuntimeError(f"{self.name} has no database and so forgets nothing: give `run` its migrations")
        return self._pruning

    def keep_in(self, database: "Database", processes: "ProcessEngine") -> None:
        """Give the database and the processes on it; called before `wire`."""
        from portal_chassis.pruning import Pruning  # noqa: PLC0415 - only for a service that has a database

        self._database = database
        self._processes = processes
        self._pruning = Pruning(database)

    def background(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run something from readiness to the end. An exception ends the whole process with code 1 and one clear line.

        It is cancelled when the process stops; returning early is fine.
        """
        self._backgrounds.append((name, run))

    def on_stop(self, close: Callable[[], Awaitable[None]]) -> None:
        """Close something when the process stops, after all work has ended; the last one added goes first."""
        self._closers.append(close)

    @property
    def backgrounds(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """What runs in the background, by name."""
        return self._backgrounds

    async def close(self) -> None:
        """Run what `on_stop` collected; one that fails does not keep the others from closing."""
        for close in reversed(self._closers):
            try:
                await close()
            except Exception:  # noqa: BLE001 - the reason stands above
                _log.exception("something could not be closed")


def run(name: str, wire: Wire, *, migrations: str | None = None, store: "NewStore | None" = None) -> None:
    """Run one service until it is told to stop, and end the process with its exit code.

    `migrations` names the package whose `migrations/*.sql` are applied; with it the service has a database. `store`
    makes what processes are kept in from the database and the length of a lease; tests of crashes give their own.
    """
    import uvloop  # noqa: PLC0415 - a test that imports a service's wiring needs no event loop

    try:
        settings = ChassisSettings()
    except ValidationError as error:
        names = ", ".join(f"PORTAL_{str(problem['loc'][0]).upper()}" for problem in error.errors())
        sys.exit(f"{name}: these settings are wrong: {names}")
    logs.configure(name, settings.log_level, settings.log_endpoint)
    telemetry.configure(name, settings)
    gc.set_threshold(*GC_THRESHOLDS)
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    code = runner.run(_Process(name, settings, wire, migrations, store or _postgres_store).live())
    telemetry.flush()
    logs.flush()
    sys.stdout.flush()
    # Neither closing the loop nor leaving Python: both wait for threads of vendor libraries, and the work is done.
    os._exit(code)


def _postgres_store(database: "Database", lease: timedelta) -> "ProcessStore":
    from portal_chassis.process_store import PostgresProcessStore  # noqa: PLC0415 - only for a service that has one

    return PostgresProcessStore(database, lease)


class _Process:
    """The life of one process."""

    def __init__(
        self, name: str, settings: ChassisSettings, wire: Wire, migrations: str | None, store: "NewStore"
    ) -> None:
        self._name = name
        self._settings = settings
        self._wire = wire
        self._migrations = migrations
        self._store = store
        self._told_to_stop = asyncio.Event()
        self._health = Health()
        self._tasks: list[asyncio.Task[Any]] = []
        self._service: Service | None = None
        self._database: Database | None = None

    async def live(self) -> int:
        """Start, work, stop, and give the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop.set)
        begun = monotonic()
        stopping = asyncio.create_task(self._told_to_stop.wait())
        starting = asyncio.create_task(self._start())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        code = 0
        if starting.done():
            code = self._outcome(starting, "could not start")
        else:
            starting.cancel()
            await asyncio.wait({starting}, timeout=1)
        if code == 0 and not stopping.done():
            self._health.started = True
            _log.info("ready", seconds=round(monotonic() - begun, 3), health_port=self._health.port)
            code = await self._work(stopping)
        self._health.started = False
        if code == 0:
            await asyncio.sleep(self._settings.leave_seconds)
        try:
            async with asyncio.timeout(STOP_SECONDS - 1):
                await self._stop()
        except TimeoutError:
            _log.error("stopping took too long; what is left is abandoned")
        _log.info("stopped", code=code)
        return code

    async def _work(self, stopping: "asyncio.Task[Any]") -> int:
        """Wait until told to stop or until a background fails, and give the exit code."""
        waiting_for: set[asyncio.Task[Any]] = {stopping, *self._tasks}
        while not stopping.done():
            done, waiting_for = await asyncio.wait(waiting_for, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                if code := self._outcome(task, "stopped"):
                    return code
        return 0

    async def _start(self) -> None:
        await self._health.serve(self._settings.health_host, self._settings.health_port)
        from portal_chassis.actor import ActorVerifier  # noqa: PLC0415 - 400 ms of libraries that only a process needs
        from portal_chassis.bus import Bus, BusAddress  # noqa: PLC0415 - the same

        settings = self._settings
        clock = business_clock(settings)
        keys = settings.actor_public_keys_path
        address = BusAddress(settings.nats_url, settings.nats_seed_path)
        database = self._new_database() if self._migrations is not None else None
        self._database = database
        verifier = ActorVerifier.from_file(keys) if keys is not None else None
        bus = Bus(self._name, address, database=database, verifier=verifier)
        service = Service(self._name, settings, bus, clock, self._health)
        self._service = service
        async with asyncio.TaskGroup() as together:
            together.create_task(bus.connect())
            if database is not None:
                together.create_task(self._open(database))
            if isinstance(clock, SandboxClock):
                together.create_task(_patiently(clock.read, "the sandbox's clock"))
        if database is not None:
            self._add_processes(service, database)
        self._health.add("bus", bus.connected)
        self._health.add("consumers", bus.consumers_ready)
        await self._wire(service)
        await bus.start()
        self._health.add_live("subscriptions", bus.listens)
        self._health.add_live("consumers", bus.takes)
        service.background("event loop", measure_lag)
        if settings.certificates:
            from portal_chassis.certificates import watch_certificates  # noqa: PLC0415 - only for who has any

            service.background("certificates", lambda: watch_certificates(settings.certificates))
        if isinstance(clock, SandboxClock):
            service.background("business clock", clock.follow)
        if database is not None:
            service.background("processes", service.processes.run)
            service.background("pruning", service.pruning.run)
        for name, work in service.backgrounds:
            self._tasks.append(asyncio.create_task(_awaited(work), name=name))

    def _new_database(self) -> "Database":
        from portal_chassis.postgres import Database  # noqa: PLC0415 - only for a service that has one

        url = self._settings.database_url
        if url is None:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_DATABASE_URL"})
        return Database(
            url.get_secret_value(), name=f"portal-{self._name}", connections=self._settings.database_connections
        )

    async def _open(self, database: "Database") -> None:
        from portal_chassis.migrating import migrate  # noqa: PLC0415 - only for a service that has a database

        packages = ("portal_chassis", *((self._migrations,) if self._migrations else ()))

        async def open_it() -> None:
            await migrate(database, *packages)
            await database.connect()

        await _patiently(open_it, "the database")

    def _add_processes(self, service: Service, database: "Database") -> None:
        from portal_chassis.process import ProcessEngine  # noqa: PLC0415 - only for a service that has a database
        from portal_chassis.retention import keep_own_tables  # noqa: PLC0415 - the same

        store = self._store(database, timedelta(seconds=self._settings.process_lease_seconds))
        service.keep_in(database, ProcessEngine(store, service.clock, service.machine))
        keep_own_tables(service.pruning, store, service.processes, service.clock, self._settings)
        self._health.add("database", database.answers)
        self._health.add_live("processes", service.processes.turns)

    def _outcome(self, task: "asyncio.Task[Any]", what: str) -> int:
        """Give the exit code for a finished task, saying in one line what went wrong."""
        error = None if task.cancelled() else task.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if error is None:
            return 0
        expected = isinstance(error, Misconfigured | TimeoutError)
        _log.error(
            f"{self._name} {what}: {type(error).__name__}: {error}",
            part=task.get_name(),
            exc_info=None if expected else error,
        )
        return 1

    async def _stop(self) -> None:
        service = self._service
        if service is not None:
            ending: list[Coroutine[Any, Any, None]] = [service.bus.drain(FINISH_SECONDS)]
            if self._database is not None and service.has_processes:
                ending.append(service.processes.stop(FINISH_SECONDS))
            await asyncio.gather(*(_attempt(part) for part in ending))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        if service is not None:
            await service.close()
            await _attempt(service.bus.stop(within=0.5))
        if self._database is not None:
            await _attempt(self._database.close())
        await _attempt(self._health.close())


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _attempt(part: Coroutine[Any, Any, None]) -> None:
    """Do one part of stopping; a part that was never started, or fails, does not keep the others from stopping."""
    try:
        await part
    except Exception as error:  # noqa: BLE001 - the reason stands above
        _log.debug("a part had nothing to stop", error=f"{type(error).__name__}: {error}")


async def _patiently(attempt: Callable[[], Awaitable[None]], what: str) -> None:
    """Try until it works, for a minute at most: parts of the portal start in any order."""
    from portal_chassis.postgres import StoreUnavailable  # noqa: PLC0415 - 90 ms that a service without one need not pay

    give_up = monotonic() + START_SECONDS
    waiting = False
    while True:
        try:
            return await attempt()
        except (OSError, EOFError, StoreUnavailable) as error:
            if monotonic() > give_up:
                raise TimeoutError(f"{what} could not be reached within {START_SECONDS:.0f} s") from error
            if not waiting:
                waiting = True
                _log.warning(f"waiting for {what}")
            await asyncio.sleep(0.2)
