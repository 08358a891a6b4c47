"""The whole portal in containers on this machine: start it, break parts of it, stop it."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from testcontainers.core.docker_client import DockerClient
from testcontainers.core.network import Network

from portal_local.environment import Ground, read_overrides
from portal_local.errors import LocalError, StartFailedError
from portal_local.keys import ensure_keys
from portal_local.ports import Ports
from portal_local.sandbox_dataset import whmcs_fields
from portal_local.servers.ports import pick_port
from portal_local.servers.postgres import SUPERUSER
from portal_local.servers.postgres_roles import roles_script
from portal_local.servers.redis_users import redis_acl
from portal_local.services import GATEWAY, SANDBOX, SERVICES
from portal_local.state import StateFolder
from portal_testing.containers import recipes
from portal_testing.containers.image_names import ImageNames
from portal_testing.containers.portal_container import PortalContainer
from portal_testing.containers.recipe import Recipe

ADDRESS_VARIABLE: Final = "TEST_DOCKER_ADDRESS"
RUN_VARIABLE: Final = "TEST_RUN"
RUN_LABEL: Final = "portal.test-run"
"""What is left of a killed run carries it, with the value of TEST_RUN where there is one."""
_START_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.1
_RUNNING: Final = "running"
_PAUSED: Final = "paused"


class ContainerStack:
    """The portal in containers, from the images of `images`; what Docker does blocks in threads of the event loop."""

    def __init__(
        self, state_dir: Path, *, overrides: Mapping[str, str] | None = None, images: ImageNames | None = None
    ) -> None:
        """Nothing happens before `start`. `overrides` win in every service."""
        self.state = StateFolder(state_dir)
        self._overrides = dict(overrides or {})
        self._images = images or ImageNames.from_environment()
        self._name = f"portal-test-{secrets.token_hex(4)}"
        self._labels = {RUN_LABEL: os.environ.get(RUN_VARIABLE) or self._name}
        self._network: Network | None = None
        self._ground: Ground | None = None
        self._containers: dict[str, PortalContainer] = {}
        self._replicas: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """Every container, in the order they were started."""
        return tuple(self._containers)

    @property
    def gateway_url(self) -> str:
        """Base URL of the gateway, on loopback."""
        return recipes.loopback_url(self.ground_laid())

    @property
    def sandbox_urls(self) -> Mapping[str, str]:
        """Base URLs of the sandbox by port, the same for containers and tests."""
        ground = self.ground_laid()
        return {name: ground.url(name) for name in ground.ports.of_sandbox()}

    def ground_laid(self) -> Ground:
        """What the containers are made from; raises RuntimeError before `start`."""
        if self._ground is None:
            raise RuntimeError("the stack was not started")
        return self._ground

    def has_database(self, name: str) -> bool:
        """Whether a process keeps rows in a database of its own."""
        return name in self._passwords("database")

    def database_url(self, service: str) -> str:
        """Where a service keeps its rows, with the superuser's rights."""
        return _database_url(self.ground_laid().host, self._ports.postgres, SUPERUSER, self._superuser, service)

    def logs(self, name: str) -> str:
        """What a container has written."""
        return self._containers[name].logs()

    def runs(self, name: str) -> bool:
        """Whether a container runs, paused or not."""
        return self._containers[name].status in {_RUNNING, _PAUSED}

    async def start(self) -> None:
        """Make and start everything; returns when all is ready. Raises LocalError naming what is not."""
        self.state.acquire()
        try:
            ground = await asyncio.to_thread(self._lay_ground)
            await self._make(self._first(ground))
            await asyncio.to_thread(self._provide)
            await self._make(recipes.programs(ground, self._images))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Remove every container and the network."""
        await asyncio.gather(*(asyncio.to_thread(one.remove) for one in self._containers.values()))
        self._containers.clear()
        if self._network is not None:
            await asyncio.to_thread(self._network.remove)
            self._network = None
        self.state.release()

    async def kill(self, name: str) -> None:
        """End it with SIGKILL; it stays down until `start_one`."""
        await asyncio.to_thread(self._containers[name].kill)

    async def terminate(self, name: str) -> None:
        """End it as a deployment does; it stays down until `start_one`."""
        await asyncio.to_thread(self._containers[name].stop)

    async def start_one(self, name: str) -> None:
        """Start what `kill` or `terminate` ended; returns when it is ready."""
        if not await asyncio.to_thread(self.runs, name):
            await asyncio.to_thread(self._containers[name].start)
        await self.wait_ready([name])

    async def restart(self, name: str) -> None:
        """Terminate and start."""
        await self.terminate(name)
        await self.start_one(name)

    async def pause(self, name: str) -> None:
        """Freeze it: its connections stay open and nothing answers."""
        await asyncio.to_thread(self._containers[name].pause)

    async def resume(self, name: str) -> None:
        """Let it go on; returns when it is ready."""
        await asyncio.to_thread(self._containers[name].resume)
        await self.wait_ready([name])

    async def scale(self, name: str, count: int) -> None:
        """Let so many of a service run; the further ones are called `<name>-2` and so on."""
        wanted = {f"{name}-{number}" for number in range(2, count + 1)}
        ours = {one for one in self._replicas if one.rpartition("-")[0] == name}
        for gone in ours - wanted:
            await self._forget(gone)
        (kind,) = (one for one in SERVICES if one.name == name)
        port = pick_port() if name == GATEWAY else None
        new = sorted(wanted - ours)
        await self._make(
            recipes.service(self.ground_laid(), self._images, kind, port).called(replica) for replica in new
        )
        self._replicas |= wanted

    async def wipe_nats(self) -> None:
        """NATS loses every stream, consumer and message, as a replaced disk would, and runs again."""
        recipe = self._containers[recipes.NATS].recipe
        await asyncio.to_thread(self._containers[recipes.NATS].remove)
        await self._make([recipe])

    async def heal(self) -> None:
        """Let everything run that should, and nothing else; returns when all is ready."""
        for name in tuple(self._replicas):
            await self._forget(name)
        await asyncio.gather(*(asyncio.to_thread(_revive, one) for one in self._containers.values()))
        await self.wait_ready()

    async def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Ask these (all by default) until they say they are ready; raises StartFailedError for one that ended."""
        waited = {name: self._containers[name] for name in names or self._containers}
        end = time.monotonic() + _START_SECONDS
        while True:
            answers = await asyncio.gather(*(one.recipe.ready() for one in waited.values()))
            waited = {name: one for (name, one), ready in zip(waited.items(), answers, strict=True) if not ready}
            if not waited:
                return
            for one in waited.values():
                await asyncio.to_thread(_check, one)
            if time.monotonic() > end:
                words = await asyncio.to_thread(next(iter(waited.values())).last_words)
                raise StartFailedError(", ".join(waited), "not ready in time", words)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _make(self, wanted: Iterable[Recipe]) -> None:
        """Make containers side by side and wait until they are ready."""
        ground = self.ground_laid()
        if self._network is None:
            raise RuntimeError("the network comes before the containers")
        made = {
            recipe.name: PortalContainer(
                recipe,
                name=f"{self._name}-{recipe.name}",
                network=self._network,
                address=ground.host,
                labels=self._labels,
                logs=self.state.logs,
            )
            for recipe in wanted
        }
        self._containers |= made
        await asyncio.gather(*(asyncio.to_thread(one.create) for one in made.values()))
        await self.wait_ready(made)

    async def _forget(self, name: str) -> None:
        self._replicas.discard(name)
        await asyncio.to_thread(self._containers.pop(name).remove)

    def _lay_ground(self) -> Ground:
        network = Network(docker_network_kw={"labels": self._labels}).create()
        self._network = network
        self._ports = Ports.picked().settled()
        self._superuser = self.state.secret("database-superuser")
        host = os.environ.get(ADDRESS_VARIABLE) or _gateway_of(network)
        fields = self.state.path / "whmcs-fields.toml"
        fields.write_text(whmcs_fields(), encoding="utf-8")
        self._ground = Ground(
            state=self.state.path,
            keys=ensure_keys(self.state.keys),
            ports=self._ports,
            nats_url=f"nats://{host}:{self._ports.nats}",
            redis_urls={
                name: f"redis://{name}:{secret}@{host}:{self._ports.redis}/0"
                for name, secret in self._passwords("redis").items()
            },
            database_urls={
                name: _database_url(host, self._ports.postgres, name, secret, name)
                for name, secret in self._passwords("database").items()
            },
            whmcs_fields=fields,
            overrides=read_overrides() | self._overrides,
            host=host,
        )
        return self._ground

    def _first(self, ground: Ground) -> list[Recipe]:
        superuser_url = _database_url(ground.host, self._ports.postgres, SUPERUSER, self._superuser, "postgres")
        return [
            recipes.nats(ground, self._images),
            recipes.postgres(ground, self._images, superuser_url, self._superuser),
            recipes.redis(ground, self._images, redis_acl(self._passwords("redis"), self.state.secret("redis"))),
            recipes.sandbox(ground, self._images),
        ]

    def _provide(self) -> None:
        """Give every service its role and database, and the authority of the sandbox's certificate to who asks it."""
        ground = self.ground_laid()
        authority = self._containers[SANDBOX].read_file(recipes.SANDBOX_AUTHORITY)
        ground.authority.parent.mkdir(parents=True, exist_ok=True)
        ground.authority.write_bytes(authority)
        postgres = self._containers[recipes.POSTGRES]
        code, output = postgres.run(
            *("sh", "-c", 'printf %s "$SCRIPT" | psql -h 127.0.0.1 -v ON_ERROR_STOP=1 -q -U "$POSTGRES_USER" postgres'),
            environment={"SCRIPT": roles_script(self._passwords("database")), "PGPASSWORD": self._superuser},
        )
        if code:
            raise LocalError(f"{recipes.POSTGRES}: {output.strip()}")

    def _passwords(self, what: str) -> dict[str, str]:
        chosen = (one.name for one in SERVICES if (one.database if what == "database" else one.cache))
        return {name: self.state.secret(f"{what}-{name}") for name in chosen}


def _revive(one: PortalContainer) -> None:
    if one.status == _PAUSED:
        one.resume()
    elif one.status != _RUNNING:
        one.start()


def _check(one: PortalContainer) -> None:
    if one.status not in {_RUNNING, _PAUSED, "created"}:
        raise StartFailedError(one.recipe.name, f"exited with code {one.exit_code}", one.last_words())


def _gateway_of(network: Network) -> str:
    """Find the address at which the network's containers reach this machine, and this machine them."""
    client = DockerClient().client
    with contextlib.closing(client):
        return str(client.networks.get(network.name).attrs["IPAM"]["Config"][0]["Gateway"])


def _database_url(host: str, port: int, role: str, password: str, database: str) -> str:
    return f"postgresql://{role}:{quote(password, safe='')}@{host}:{port}/{database}?sslmode=disable"
