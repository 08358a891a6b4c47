"""The whole portal on this machine: start it, watch it, break parts of it, stop it."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from portal_local.environment import Ground, read_overrides
from portal_local.errors import PortInUseError, StartFailedError
from portal_local.keys import ensure_keys
from portal_local.managed import Managed, ManagedServer, PythonProcess
from portal_local.plan import Plan, whole_portal
from portal_local.ports import Ports
from portal_local.sandbox_dataset import whmcs_fields
from portal_local.servers import NatsServer, PostgresServer, RedisServer
from portal_local.servers.child import last_lines
from portal_local.servers.ports import is_free
from portal_local.services import SANDBOX, SERVICES
from portal_local.state import Running, StateFolder
from portal_local.watching import Report, Reporter, State, Watched

_LOOK_SECONDS: Final = 0.1
_WATCH_SECONDS: Final = 0.2
_STOP_LOOK_SECONDS: Final = 0.01
_SERVERS_START_SECONDS: Final = 60.0
_START_SECONDS: Final = 120.0
# Ten seconds in all: a service has eight for what it is in the middle of, then the servers have one and a half.
_SERVICES_STOP_SECONDS: Final = 8.0
_SERVERS_STOP_SECONDS: Final = 1.5


def _nobody_listens(_report: Report) -> None:
    return


@dataclass(frozen=True)
class _Servers:
    nats: NatsServer
    postgres: PostgresServer
    redis: RedisServer


class LocalStack:
    """`async with LocalStack(folder) as stack:` runs the portal. One event loop, whose thread owns the processes."""

    def __init__(
        self,
        state_dir: Path,
        *,
        ports: Ports | None = None,
        fsync: bool = True,
        report: Reporter = _nobody_listens,
        plan: Plan = whole_portal,
        start_seconds: float = _START_SECONDS,
        service_stop_seconds: float = _SERVICES_STOP_SECONDS,
        restarts: bool = True,
        overrides: Mapping[str, str] | None = None,
        observed: bool = False,
    ) -> None:
        """Nothing happens before `start`. Without `ports` all are picked. `observed` adds the viewer.

        `overrides` win over the table of `environment` in every service, and over the file of overrides. Without
        `restarts` what crashes stays down (a test should notice), and no task is left in the event loop: then
        the methods may be awaited in one loop after another, all of the thread that started the stack.
        """
        self.state = StateFolder(state_dir)
        self.ports = ports or Ports.picked()
        self._report = report
        self._plan = plan
        self._start_seconds = start_seconds
        self._service_stop_seconds = service_stop_seconds
        self._restarts = restarts
        self._overrides = dict(overrides or {})
        self._observed = observed
        self._watched: dict[str, Watched] = {}
        self._servers: list[Watched] = []
        self._started = False
        self._watching: asyncio.Task[None] | None = None
        self._fsync = fsync
        self._trio: _Servers | None = None
        self.ports = (ports or Ports.picked()).settled()
        self.ground: Ground | None = None

    async def __aenter__(self) -> Self:
        """Start; a failed start leaves nothing behind."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        await self.stop()

    @property
    def nats(self) -> NatsServer:
        """The NATS server."""
        return self._built().nats

    @property
    def postgres(self) -> PostgresServer:
        """The Postgres server."""
        return self._built().postgres

    @property
    def redis(self) -> RedisServer:
        """The Redis server."""
        return self._built().redis

    @property
    def gateway_url(self) -> str:
        """Base URL of the gateway."""
        return self.ground_laid().url("gateway")

    @property
    def sandbox_urls(self) -> Mapping[str, str]:
        """Base URLs of the sandbox: control, salesforce, salesforce_tls, pubsub, whmcs, freebit, sendgrid, openid."""
        ground = self.ground_laid()
        return {name: ground.url(name) for name in ground.ports.of_sandbox()}

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that runs, in the order it was started."""
        return tuple(self._watched)

    def ground_laid(self) -> Ground:
        """What its processes are started from; raises RuntimeError before `start`."""
        if self.ground is None:
            raise RuntimeError("the stack was not started")
        return self.ground

    def state_of(self, name: str) -> State:
        """Where a process stands."""
        return self._watched[name].state

    def has_database(self, name: str) -> bool:
        """Whether a process keeps rows in a database of its own."""
        return name in self._passwords()

    def pid_of(self, name: str) -> int | None:
        """Its process id while it runs."""
        return self._watched[name].managed.pid

    def logs(self, name: str) -> str:
        """What a process has written since the start."""
        path = self._watched[name].managed.log_path
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    async def start(self) -> None:
        """Start everything and return when all are ready. Raises LocalError naming what could not be started."""
        self.state.acquire()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self._trio = self._build_servers()
        ground = self._lay_ground()
        processes = self._plan(ground, self.state.logs)
        servers = [self._add(ManagedServer(one)) for one in (self.nats, self.postgres, self.redis)]
        programs = [self._add(one) for one in processes]
        self._servers = servers
        check_ports(processes)
        early = [one for one in programs if one.name == SANDBOX]
        late = [one for one in programs if one.name != SANDBOX]
        for one in early:  # the slowest to start of those that need nobody else
            one.launch()
        for one in servers:
            # Creating a cluster takes half a second, once; nothing else needs to wait for it.
            await asyncio.to_thread(one.managed.prepare)
            one.launch()
        # The certificate authority is made at the sandbox's very first start; services read it at theirs.
        first = servers if ground.authority.exists() else (*servers, *early)
        await self._until_ready(first, _SERVERS_START_SECONDS)
        await asyncio.to_thread(self.postgres.provide, self._passwords())
        for one in late:
            one.launch()
        await self._until_ready(self._watched.values(), self._start_seconds)
        self._announce()
        self._started = True
        if self._restarts:
            self._watching = asyncio.create_task(self._watch(), name="watch")

    async def stop(self) -> None:
        """Stop everything, the servers last, within ten seconds; nothing is left running."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        services = [one for one in self._watched.values() if one not in self._servers]
        await self._end(services, self._service_stop_seconds)
        await self._end(self._servers, _SERVERS_STOP_SECONDS)
        self.state.release()

    def kill_everything(self) -> None:
        """End all at once, for a person who asked twice."""
        for one in self._watched.values():
            one.managed.kill()

    async def kill(self, name: str) -> None:
        """End it with SIGKILL; it stays down until `start_one`."""
        one = self._watched[name]
        one.wanted = False
        one.managed.kill()
        one.stopped()

    async def terminate(self, name: str) -> None:
        """SIGTERM, as a deployment stops it; it stays down until `start_one`."""
        await self._end([self._watched[name]], self._service_stop_seconds)

    async def start_one(self, name: str) -> None:
        """Start what `kill` or `terminate` ended; returns when it is ready."""
        one = self._watched[name]
        if not one.managed.running:
            one.launch()
        await self._until_ready([one], self._start_seconds)

    async def restart(self, name: str) -> None:
        """Terminate and start."""
        await self.terminate(name)
        await self.start_one(name)

    async def wipe_nats(self) -> None:
        """NATS loses every stream, consumer and message, as a replaced disk would, and runs again."""
        await self.kill(self.nats.name)
        self.nats.erase()
        await self.start_one(self.nats.name)

    async def heal(self) -> None:
        """Start whatever is down, for whatever reason; returns when everything is ready."""
        for one in self._watched.values():
            if not one.managed.running:
                one.launch()
        await self.wait_ready()

    async def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Ask these (all by default) and wait until they say they are ready."""
        chosen = [self._watched[name] for name in names or self._watched]
        for one in chosen:
            one.doubt()
        await self._until_ready(chosen, self._start_seconds)

    def _build_servers(self) -> _Servers:
        path, logs = self.state.path, self.state.logs
        return _Servers(
            nats=NatsServer(
                path / "nats", port=self.ports.nats, log_path=logs / "nats.log", configure=self._configure_nats
            ),
            postgres=PostgresServer(
                path / "postgres",
                password=self.state.secret("database-superuser"),
                port=self.ports.postgres,
                log_path=logs / "postgres.log",
                fsync=self._fsync,
                may_open=(path,),
            ),
            redis=RedisServer(
                path / "redis",
                password=self.state.secret("redis"),
                users={one.name: self.state.secret(f"redis-{one.name}") for one in SERVICES if one.cache},
                port=self.ports.redis,
                log_path=logs / "redis.log",
            ),
        )

    def _configure_nats(self, port: int, store_dir: Path) -> str:
        # The permissions follow from the messages' topology: the one heavy import of the supervisor.
        from portal_bus_admin.identities import create_keys  # noqa: PLC0415 - see above
        from portal_bus_admin.server_config import nats_server_config  # noqa: PLC0415 - see above

        return nats_server_config(create_keys(self.state.keys / "bus"), port=port, store_dir=store_dir)

    def _built(self) -> _Servers:
        if self._trio is None:
            raise RuntimeError("the stack was not started")
        return self._trio

    def _lay_ground(self) -> Ground:
        keys = ensure_keys(self.state.keys)
        fields = self.state.path / "whmcs-fields.toml"
        fields.write_text(whmcs_fields(), encoding="utf-8")
        passwords = self._passwords()
        self.ground = Ground(
            state=self.state.path,
            keys=keys,
            ports=self.ports,
            nats_url=self.nats.url,
            redis_urls={one.name: self.redis.url_of(one.name) for one in SERVICES if one.cache},
            database_urls={name: self.postgres.database_url(name, name, secret) for name, secret in passwords.items()},
            whmcs_fields=fields,
            overrides=read_overrides() | self._overrides,
            observed=self._observed,
        )
        return self.ground

    def _passwords(self) -> dict[str, str]:
        return {one.name: self.state.secret(f"database-{one.name}") for one in SERVICES if one.database}

    def _add(self, managed: Managed) -> Watched:
        keep_previous_log(managed.log_path)
        one = self._watched[managed.name] = Watched(managed, self._report)
        self._report(Report(managed.name, State.WAITING))
        return one

    async def _until_ready(self, waited: Iterable[Watched], patience: float) -> None:
        """A crash of anything that was started ends the wait; the supervisor restarts only what once worked."""
        waited = tuple(waited)
        end = time.monotonic() + patience
        while True:
            await asyncio.gather(*(one.look() for one in waited))
            for one in self._watched.values() if not self._started else waited:
                if one.ended_unasked():
                    raise StartFailedError(one.name, one.managed.why_it_ended(), last_lines(one.managed.log_path))
            missing = [one for one in waited if one.state is not State.READY]
            if not missing:
                return
            if time.monotonic() > end:
                late = ", ".join(one.name for one in missing)
                raise StartFailedError(late, "not ready in time", last_lines(missing[0].managed.log_path))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _watch(self) -> None:
        announced = self._pids()
        while True:
            for one in self._watched.values():
                if one.ended_unasked():
                    one.note_crash()
                one.start_again_when_due()
            await asyncio.gather(*(one.look() for one in self._watched.values()))
            if (pids := self._pids()) != announced:
                self._announce()
                announced = pids
            await asyncio.sleep(_WATCH_SECONDS)

    async def _end(self, ones: Iterable[Watched], patience: float) -> None:
        ending = [one for one in ones if one.state is not State.WAITING]
        for one in ending:
            one.wanted = False
            one.managed.request_stop()
        end = time.monotonic() + patience
        while any(one.managed.running for one in ending) and time.monotonic() < end:  # noqa: ASYNC110 - processes set no event
            await asyncio.sleep(_STOP_LOOK_SECONDS)
        for one in ending:
            one.managed.kill()
            one.stopped()

    def _pids(self) -> dict[str, int]:
        return {one.name: one.managed.pid or 0 for one in self._watched.values()}

    def _announce(self) -> None:
        urls = {"gateway": self.gateway_url, "nats": self.nats.url, **self.sandbox_urls}
        ready = {
            one.name: one.managed.ready_url for one in self._watched.values() if isinstance(one.managed, PythonProcess)
        }
        self.state.announce(Running(os.getpid(), urls, self._pids(), ready))


def check_ports(processes: Iterable[PythonProcess]) -> None:
    """Say which port is taken before anything starts: otherwise another program may even answer in a process's name."""
    for process in processes:
        for port in process.ports:
            if not is_free(port):
                raise PortInUseError(process.name, port)


def keep_previous_log(path: Path) -> None:
    """Every start writes a new log; the one before is kept as `<name>.previous.log`."""
    if path.exists():
        path.rename(path.with_name(f"{path.stem}.previous{path.suffix}"))
