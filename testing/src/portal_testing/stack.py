"""The whole portal under test, run by the same supervisor as `make up`."""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Self

import httpx

from portal_local.plan import Plan, whole_portal
from portal_local.servers import NatsServer, PostgresServer, RedisServer
from portal_local.stack import LocalStack
from portal_testing.operators import OperatorAtWork
from portal_testing.sandbox_control import SandboxControl


class PortalStack:
    """What a test does with the portal.

    Processes are called like their services, and `sandbox`, `bus-admin`, `NATS`, `Postgres`, `Redis`.
    What crashes stays down, so a test notices. The methods may be awaited from any event loop of the main thread.
    """

    def __init__(self, state_dir: Path, plan: Plan = whole_portal, overrides: Mapping[str, str] | None = None) -> None:
        """Nothing starts before `start_everything`. `overrides` are settings that win in every service."""
        self._stack = LocalStack(state_dir, fsync=False, restarts=False, plan=plan, overrides=overrides)
        self.operator = OperatorAtWork(self._stack.ground_laid, lambda: self._stack.gateway_url)
        """Its first operator, made when first asked for."""

    def start_everything(self) -> Self:
        """Start and wait until all is ready; raises LocalError naming what is not."""
        _run(self._stack.start())
        return self

    def stop_everything(self) -> None:
        """Stop all and empty the folder."""
        _run(self._stack.stop())
        self._stack.state.reset()

    @property
    def gateway_url(self) -> str:
        """Base URL of the gateway."""
        return self._stack.gateway_url

    @property
    def sandbox_urls(self) -> Mapping[str, str]:
        """Base URLs of the sandbox: control, salesforce, salesforce_tls, pubsub, whmcs, freebit, sendgrid."""
        return self._stack.sandbox_urls

    @property
    def sandbox(self) -> SandboxControl:
        """The sandbox's faults, ledger and clock."""
        return SandboxControl(self.sandbox_urls["control"])

    @property
    def nats(self) -> NatsServer:
        """The NATS server itself; identities' seeds lie in `bus_keys`."""
        return self._stack.nats

    @property
    def postgres(self) -> PostgresServer:
        """The Postgres server itself."""
        return self._stack.postgres

    @property
    def redis(self) -> RedisServer:
        """The Redis server itself."""
        return self._stack.redis

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
        return self.postgres.superuser_url(service)

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

    def pid(self, name: str) -> int | None:
        """Its process id while it runs."""
        return self._stack.pid_of(name)

    def heal(self) -> None:
        """For the next test: whatever is down is started, faults are cleared."""
        _run(self._heal())

    async def _heal(self) -> None:
        await self._stack.heal()
        if "sandbox" in self.names:
            await self.sandbox.clear_faults()


def _run(work: Coroutine[object, object, None]) -> None:
    # A loop of its own, beside those pytest-asyncio keeps: sync fixtures run while none of them does.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)
