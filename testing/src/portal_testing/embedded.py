"""The portal as processes of this machine, for tests: the supervisor of `make up`, and what only tests do to it."""

import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from portal_local.managed import PythonProcess
from portal_local.servers.child import descendants
from portal_local.servers.ports import LOOPBACK, pick_port
from portal_local.stack import LocalStack

_START_SECONDS: Final = 60.0


class EmbeddedStack(LocalStack):
    """Processes may also be frozen, and services run more than once."""

    _frozen: frozenset[str] = frozenset()
    _replicas: frozenset[str] = frozenset()
    _as_planned: Mapping[str, Mapping[str, str]] = {}
    """The environment of each process that runs with other settings."""

    def runs(self, name: str) -> bool:
        """Whether a process runs, paused or not."""
        return self.pid_of(name) is not None

    def database_url(self, service: str) -> str:
        """Where a service keeps its rows, with the superuser's rights."""
        return self.postgres.superuser_url(service)

    async def pause(self, name: str) -> None:
        """Freeze it and everything it started: its connections stay open and nothing answers."""
        self._signal(name, signal.SIGSTOP)
        self._frozen |= {name}

    async def resume(self, name: str) -> None:
        """Let it go on; returns when it is ready."""
        self._thaw(name)
        await self.wait_ready([name])

    async def restart_with(self, name: str, settings: Mapping[str, str]) -> None:
        """Restart it with other settings, which it keeps until `heal`."""
        managed = self._watched[name].managed
        if not isinstance(managed, PythonProcess):
            raise TypeError(f"{name} has no settings")
        self._as_planned = {name: managed.environment, **self._as_planned}
        managed.environment = {**self._as_planned[name], **settings}
        await self.restart(name)

    async def scale(self, name: str, count: int) -> None:
        """Let so many of a service run; the further ones are called `<name>-2` and so on."""
        wanted = {f"{name}-{number}" for number in range(2, count + 1)}
        ours = {one for one in self._replicas if one.rpartition("-")[0] == name}
        for gone in ours - wanted:
            await self._forget(gone)
        first = self._watched[name].managed
        if not isinstance(first, PythonProcess):
            raise TypeError(f"there is one {name} and no more")
        added = [self._add(_replica(first, replica)) for replica in sorted(wanted - ours)]
        self._replicas |= wanted
        for one in added:
            one.launch()
        await self._until_ready(added, _START_SECONDS)

    def replica_url(self, name: str) -> str:
        """Base URL of a further gateway."""
        managed = self._watched[name].managed
        if not isinstance(managed, PythonProcess):
            raise TypeError(f"{name} is no service")
        return f"http://{LOOPBACK}:{managed.environment['PORTAL_GATEWAY_PORT']}"

    async def heal(self) -> None:
        """Let everything run that should, and nothing else; returns when all is ready."""
        for name in self._frozen:
            self._thaw(name)
        for name in self._replicas:
            await self._forget(name)
        for name in self._as_planned:
            await self.restart_with(name, {})
        self._as_planned = {}
        await super().heal()

    async def stop(self) -> None:
        """Stop everything, frozen ones too."""
        for name in self._frozen:
            self._thaw(name)
        await super().stop()

    async def _forget(self, name: str) -> None:
        await self.terminate(name)
        self._replicas -= {name}
        del self._watched[name]

    def _thaw(self, name: str) -> None:
        self._frozen -= {name}
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        import psutil  # noqa: PLC0415 - only a freeze pays for it

        pid = self.pid_of(name)
        for one in (pid, *(child.pid for child in descendants(pid))) if pid is not None else ():
            psutil.Process(one).send_signal(number)


def _replica(first: PythonProcess, name: str) -> PythonProcess:
    """Give the same process once more, on ports of its own."""
    health, public = pick_port(), pick_port()
    ports = {"PORTAL_HEALTH_PORT": health, "PORTAL_GATEWAY_PORT": public}
    moved = {variable: str(port) for variable, port in ports.items() if variable in first.environment}
    return replace(
        first,
        name=name,
        environment={**first.environment, **moved},
        ready_url=f"http://{LOOPBACK}:{health}/readyz",
        log_path=first.log_path.with_name(f"{name}.log"),
        ports=tuple(ports[variable] for variable in moved),
    )
