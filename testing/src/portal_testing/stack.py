"""The whole portal under test: as processes of this machine (embedded) or in containers, the same for a test."""

import asyncio
import shutil
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Self

import httpx

from portal_local.plan import Plan, whole_portal
from portal_local.servers import NatsServer, PostgresServer, RedisServer
from portal_testing.backend import Backend
from portal_testing.embedded import EmbeddedStack
from portal_testing.operators import OperatorAtWork
from portal_testing.sandbox_control import SandboxControl


class PortalStack:
    """What a test does with the portal.

    Processes are called like their services, and `sandbox`, `bus-admin`, `NATS`, `Postgres`, `Redis`.
    What crashes stays down, so a test notices. The methods may be awaited from any event loop of the main thread.
    `nats`, `postgres`, `redis`, `pid` and `restart_with` are of an embedded portal alone and raise TypeError in
    containers.
    """

    def __init__(self, stack: Backend) -> None:
        """Nothing starts before `start_everything`."""
        self._stack = stack
        self.operator = OperatorAtWork(stack.ground_laid, lambda: stack.gateway_url)
        """Its first operator, made when first asked for."""

    @classmethod
    def embedded(cls, state: Path, plan: Plan = whole_portal, overrides: Mapping[str, str] | None = None) -> Self:
        """Run as processes of this machine. `overrides` are settings that win in every service."""
        return cls(EmbeddedStack(state, fsync=False, restarts=False, plan=plan, overrides=overrides))

    @classmethod
    def in_containers(cls, state: Path, overrides: Mapping[str, str] | None = None) -> Self:
        """Run in containers, from the images that TEST_IMAGE_* names."""
        from portal_testing.containers.container_stack import ContainerStack  # noqa: PLC0415 - embedded needs no Docker

        return cls(ContainerStack(state, overrides=overrides))

    def start_everything(self) -> Self:
        """Start and wait until all is ready; raises LocalError naming what is not."""
        _run(self._stack.start())
        return self

    def stop_everything(self, keep_logs: str | None = None) -> None:
        """Stop all and empty the folder; `keep_logs` names one that gets a copy of what every process wrote."""
        _run(self._stack.stop())
        if keep_logs:
            shutil.copytree(self._stack.state.logs, keep_logs, dirs_exist_ok=True)
        self._stack.state.reset()

    @property
    def gateway_url(self) -> str:
        """Base URL of the gateway."""
        return self._stack.gateway_url

    @property
    def public_url(self) -> str:
        """The same for browsers, by the name that passkeys belong to."""
        return self._stack.ground_laid().public_url

    def replica_url(self, name: str) -> str:
        """Base URL of a further gateway that `scale` started in an embedded portal, e.g. `gateway-2`."""
        return self._embedded.replica_url(name)

    @property
    def sandbox_urls(self) -> Mapping[str, str]:
        """Base URLs of the sandbox: control, salesforce, salesforce_tls, pubsub, whmcs, freebit, sendgrid, openid."""
        return self._stack.sandbox_urls

    @property
    def sandbox(self) -> SandboxControl:
        """The sandbox's faults, ledger and clock."""
        return SandboxControl(self.sandbox_urls["control"])

    @property
    def nats_url(self) -> str:
        """Where the bus is; identities' seeds lie in `keys`."""
        return self._stack.ground_laid().nats_url

    @property
    def nats(self) -> NatsServer:
        """The NATS server itself, of an embedded portal."""
        return self._embedded.nats

    @property
    def postgres(self) -> PostgresServer:
        """The Postgres server itself, of an embedded portal."""
        return self._embedded.postgres

    @property
    def redis(self) -> RedisServer:
        """The Redis server itself, of an embedded portal."""
        return self._embedded.redis

    @property
    def keys(self) -> Path:
        """The folder of key files: `salesforce.pem`, `actor.pem`, `bus/<identity>.seed`."""
        return self._stack.state.keys

    @property
    def state_folder(self) -> Path:
        """Where everything of this portal lies."""
        return self._stack.state.path

    @property
    def names(self) -> tuple[str, ...]:
        """All processes."""
        return self._stack.names

    def has_database(self, name: str) -> bool:
        """Whether a process keeps rows of its own."""
        return self._stack.has_database(name)

    def database_url(self, service: str) -> str:
        """Where a service keeps its rows, with the superuser's rights: a test looks, it does not write."""
        return self._stack.database_url(service)

    def new_client(self) -> httpx.AsyncClient:
        """An HTTP client of the gateway with a cookie jar of its own: one customer's browser."""
        return httpx.AsyncClient(base_url=self.gateway_url, timeout=30)

    async def kill(self, name: str) -> None:
        """End a process with SIGKILL; it stays down until `start`."""
        await self._stack.kill(name)

    async def terminate(self, name: str) -> None:
        """End a process as a deployment does; it stays down until `start`."""
        await self._stack.terminate(name)

    async def start(self, name: str) -> None:
        """Start a process that is down; returns when it is ready."""
        await self._stack.start_one(name)

    async def restart(self, name: str) -> None:
        """Terminate and start."""
        await self._stack.restart(name)

    async def restart_with(self, name: str, **settings: str) -> None:
        """Restart a process of an embedded portal with other settings; the next test finds it as it was."""
        await self._embedded.restart_with(name, settings)

    async def pause(self, name: str) -> None:
        """Freeze a process: its connections stay open and nothing answers, until `resume`."""
        await self._stack.pause(name)

    async def resume(self, name: str) -> None:
        """Let a paused process go on; returns when it is ready."""
        await self._stack.resume(name)

    async def scale(self, name: str, count: int) -> None:
        """Let so many of a service run, each on ports of its own; the further ones are called `<name>-2` and so on.

        The next test finds one of each again.
        """
        await self._stack.scale(name, count)

    async def wipe_nats(self) -> None:
        """NATS loses everything and runs again; returns when every process says it is ready again."""
        await self._stack.wipe_nats()
        await self._stack.wait_ready()

    async def wait_ready(self, *names: str) -> None:
        """Wait until these (all without names) are ready."""
        await self._stack.wait_ready(names or None)

    def logs(self, name: str) -> str:
        """What a process has written."""
        return self._stack.logs(name)

    def runs(self, name: str) -> bool:
        """Whether a process runs, paused or not."""
        return self._stack.runs(name)

    def pid(self, name: str) -> int | None:
        """Its process id while it runs, of an embedded portal."""
        return self._embedded.pid_of(name)

    def heal(self) -> None:
        """For the next test: whatever is down is started, faults are cleared."""
        _run(self._heal())

    @property
    def _embedded(self) -> EmbeddedStack:
        if not isinstance(self._stack, EmbeddedStack):
            raise TypeError("only an embedded portal has this; in containers there are URLs and operations alone")
        return self._stack

    async def _heal(self) -> None:
        await self._stack.heal()
        if "sandbox" in self.names:
            await self.sandbox.clear_faults()


def _run(work: Coroutine[object, object, None]) -> None:
    # A loop of its own, beside those pytest-asyncio keeps: sync fixtures run while none of them does.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)
