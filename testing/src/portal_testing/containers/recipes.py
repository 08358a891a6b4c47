"""From the table of `portal_local.environment` to containers: the same settings, listening where others reach them.

Everybody, in containers and on this machine, reaches a port at one address: that of the network's gateway, where Docker
publishes it. So URLs that a vendor hands out (Salesforce's instance, WHMCS's sign-on links) hold everywhere.
"""

import asyncio
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import asyncpg

from portal_bus_admin.identities import create_keys
from portal_bus_admin.server_config import nats_server_config
from portal_local import environment
from portal_local.environment import Ground
from portal_local.managed import answers_ok
from portal_local.servers.ports import LOOPBACK, pick_port
from portal_local.servers.postgres import SUPERUSER
from portal_local.services import BUS_ADMIN, GATEWAY, SANDBOX, SERVICES, LocalService
from portal_testing.containers.image_names import ImageNames
from portal_testing.containers.recipe import Recipe

NATS: Final = "NATS"
POSTGRES: Final = "Postgres"
REDIS: Final = "Redis"
SANDBOX_FOLDER: Final = "/tmp/sandbox"  # noqa: S108 - the container's own
SANDBOX_AUTHORITY: Final = f"{SANDBOX_FOLDER}/tls/ca.pem"
_NATS_PORT: Final = 4222
_POSTGRES_PORT: Final = 5432
_REDIS_PORT: Final = 6379
_EVERYWHERE: Final = "0.0.0.0"
_ANSWER_SECONDS: Final = 2.0


def nats(ground: Ground, images: ImageNames) -> Recipe:
    """NATS with the users and permissions of the topology."""
    seeds = ground.keys.actor_private.parent / "bus"
    text = nats_server_config(create_keys(seeds), port=_NATS_PORT, store_dir="/tmp/nats", host=_EVERYWHERE)  # noqa: S108 - the container's own
    return Recipe(
        name=NATS,
        image=images.nats,
        command=("-c", str(config := _written(ground.state / "nats.conf", text))),
        files=(config,),
        ports={_NATS_PORT: ground.ports.nats},
        ready=_line(ground.host, ground.ports.nats, b"", b"INFO "),
    )


def postgres(ground: Ground, images: ImageNames, superuser_url: str, password: str) -> Recipe:
    """Postgres with its superuser alone. A crash of the machine may lose data, a crash of the container does not."""
    settings = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", "timezone": "UTC"}

    async def ready() -> bool:
        try:
            connection = await asyncpg.connect(superuser_url, timeout=_ANSWER_SECONDS)
            await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    return Recipe(
        name=POSTGRES,
        image=images.postgres,
        command=("postgres", *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))),
        environment={"POSTGRES_USER": SUPERUSER, "POSTGRES_PASSWORD": password, "POSTGRES_DB": "postgres"},
        ports={_POSTGRES_PORT: ground.ports.postgres},
        ready=ready,
    )


def redis(ground: Ground, images: ImageNames, users: str) -> Recipe:
    """Redis as a cache; `users` is its file of users."""
    acl = _written(ground.state / "redis-users.acl", users)
    lines = ('save ""', "appendonly no", "maxmemory 128mb", "maxmemory-policy allkeys-lru", f'aclfile "{acl}"')
    config = _written(ground.state / "redis.conf", "\n".join((f"port {_REDIS_PORT}", *lines, "")))
    return Recipe(
        name=REDIS,
        image=images.redis,
        command=("redis-server", str(config)),
        files=(acl, config),
        ports={_REDIS_PORT: ground.ports.redis},
        ready=_line(ground.host, ground.ports.redis, b"PING\r\n", b"-NOAUTH"),
    )


def sandbox(ground: Ground, images: ImageNames) -> Recipe:
    """The vendors' stand-ins, under the names they hand out."""
    adapted = {
        "SANDBOX_HOST": _EVERYWHERE,
        "SANDBOX_PUBLIC_HOST": ground.host,
        "SANDBOX_DATA_DIR": SANDBOX_FOLDER,
    }
    table = _without_ours(environment.of_sandbox(ground)) | adapted
    return Recipe(
        name=SANDBOX,
        image=images.of_service(SANDBOX),
        environment=table,
        files=_named_files(table),
        ports={port: port for port in ground.ports.of_sandbox().values()},
        ready=_url(f"{ground.url('control')}/healthz"),
    )


def programs(ground: Ground, images: ImageNames) -> list[Recipe]:
    """The bus admin, every service and the gateway."""
    port = pick_port()
    admin = _program(ground, images, BUS_ADMIN, environment.of_bus_admin(ground, BUS_ADMIN, port), port)
    return [admin, *(service(ground, images, one) for one in SERVICES)]


def service(ground: Ground, images: ImageNames, one: LocalService, gateway_port: int | None = None) -> Recipe:
    """A service; a further gateway gets a port of its own."""
    port = pick_port()
    table = environment.of_service(ground, one, port)
    if one.name != GATEWAY:
        return _program(ground, images, one.name, table, port)
    public = gateway_port or ground.ports.gateway
    table["PORTAL_GATEWAY_PORT"] = str(public)
    return _program(ground, images, one.name, table, port, public)


def loopback_url(ground: Ground) -> str:
    """Where tests find the gateway: cookies over plain HTTP are for loopback alone (architecture §7)."""
    return f"http://{LOOPBACK}:{ground.ports.gateway}"


def _program(
    ground: Ground, images: ImageNames, name: str, table: Mapping[str, str], health_port: int, *public: int
) -> Recipe:
    adapted = {
        "PORTAL_HEALTH_HOST": _EVERYWHERE,
        "PORTAL_GATEWAY_HOST": _EVERYWHERE,
        "PORTAL_SIGNED_CALLERS": f"{ground.host}/32",
        "WHMCS_PUBLIC_HOST": ground.host,
    }
    needed = {key: value for key, value in adapted.items() if key in table or key == "PORTAL_HEALTH_HOST"}
    settings = _without_ours(table) | needed
    return Recipe(
        name=name,
        image=images.of_service(name),
        environment=settings,
        files=_named_files(settings),
        ports={port: port for port in (health_port, *public)},
        on_loopback=public,
        read_only=True,
        ready=_url(f"http://{ground.host}:{health_port}/readyz"),
    )


def _without_ours(table: Mapping[str, str]) -> dict[str, str]:
    """Leave out what a process on this machine would inherit: PATH and the like."""
    return {name: value for name, value in table.items() if name not in environment.inherited()}


def _named_files(table: Mapping[str, str]) -> tuple[Path, ...]:
    """Every file a setting names: a container sees its own keys and nobody else's.

    Readable by all, as the user in the container is not ours; the folder above is closed to others.
    """
    found = tuple(path for value in table.values() if value.startswith("/") and (path := Path(value)).is_file())
    for path in found:
        if not path.stat().st_mode & stat.S_IROTH:
            path.chmod(0o644)
    return found


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    return path


def _url(url: str) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return await answers_ok(url)

    return ready


def _line(host: str, port: int, said: bytes, expected: bytes) -> Callable[[], Awaitable[bool]]:
    """Ready when the server's first words are these."""

    async def ready() -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(said)
                    return (await reader.read(len(expected))) == expected
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    return ready
