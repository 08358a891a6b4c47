"""Every service against every key and every command: its own keys by a cache's commands, and nothing else."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from portal_chassis.cache import Cache
from portal_local.servers import RedisServer
from portal_local.services import SERVICES

CACHING = [one.name for one in SERVICES if one.cache]
WITHOUT_A_USER = {"auth", "hello", "quit"}
"""What Redis lets anybody say, to become somebody or to go."""
OFTEN_MISUSED = (
    "flushall",
    "flushdb",
    "config",
    "keys",
    "scan",
    "eval",
    "evalsha",
    "script",
    "debug",
    "shutdown",
    "save",
    "bgsave",
    "replicaof",
    "slaveof",
    "acl",
    "client",
    "monitor",
    "migrate",
    "restore",
    "dump",
    "rename",
    "copy",
    "move",
    "swapdb",
    "subscribe",
    "publish",
    "module",
    "cluster",
    "randomkey",
)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="portal-redis-"))
    one = RedisServer(folder, password="fake-admin", users={name: f"fake-{name}" for name in CACHING})
    one.start()
    yield one
    one.wipe()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def admin(server: RedisServer) -> Iterator[Redis]:
    server.flush()
    with Redis.from_url(server.url) as client:
        yield client


def allowed(client: Redis, *words: str) -> bool:
    try:
        client.execute_command(*words)
    except NoPermissionError:
        return False
    return True


@pytest.mark.parametrize("name", CACHING)
def test_a_service_reaches_its_own_keys_and_nobody_elses(server: RedisServer, admin: Redis, name: str) -> None:
    owners = [*CACHING, "gateway", "stranger"]
    for owner in owners:
        admin.set(f"portal:{owner}:value", "secret")
    places = [f"portal:{owner}:value" for owner in owners]
    places += ["portal:", "value", f"portal:{name}", f"x:portal:{name}:value", f"Portal:{name}:value"]
    with Redis.from_url(server.url_of(name)) as client:
        for command in (("GET",), ("MGET",), ("SET", "x"), ("DEL",)):
            reached = {one for one in places if allowed(client, command[0], one, *command[1:])}
            assert reached == {f"portal:{name}:value"}, command
        client.set(f"portal:{name}:value", "own")
        assert not allowed(client, "MGET", f"portal:{name}:value", "portal:stranger:value")
        assert not allowed(client, "DEL", f"portal:{name}:value", "portal:stranger:value")
    kept = {owner for owner in owners if admin.get(f"portal:{owner}:value") == b"secret"}
    assert kept == {*owners} - {name}


@pytest.mark.parametrize("name", CACHING)
def test_a_service_may_use_a_caches_commands_and_no_other_the_server_knows(
    server: RedisServer, admin: Redis, name: str
) -> None:
    known = {
        command: max(abs(int(facts["arity"])) - 1, 0)
        for command, facts in admin.command().items()
        if command not in WITHOUT_A_USER
    }
    assert set(OFTEN_MISUSED) <= set(known)
    with Redis.from_url(server.url_of(name)) as client:
        may = set()
        for command, arguments in known.items():
            try:
                if allowed(client, command, *[f"portal:{name}:value"] * arguments):
                    may.add(command)
            except ResponseError as error:  # let in, and then our arguments made no sense to it
                if "NOPERM" not in str(error):  # EXEC wraps the refusal
                    may.add(command)
    assert may == {"get", "mget", "set", "del", "ping"}


def test_without_a_name_or_with_a_wrong_password_nobody_gets_in(server: RedisServer) -> None:
    address = f"127.0.0.1:{server.port}/0"
    for somebody in ("", ":fake-admin@", "default:fake-admin@", "billing:fake-orders@", "nobody:fake-billing@"):
        with Redis.from_url(f"redis://{somebody}{address}") as client, pytest.raises(AuthenticationError):
            client.get("portal:billing:value")


async def test_the_cache_of_a_service_works_as_its_user_and_not_in_the_place_of_another(server: RedisServer) -> None:
    """A wrong prefix is like no Redis: live reads, nothing stored."""
    asked = []

    async def load() -> bytes:
        asked.append(1)
        return b"invoices"

    for prefix, reads in (("billing", 1), ("orders", 2)):
        asked.clear()
        cache = Cache(server.url_of("billing"), prefix=prefix)
        for _ in range(2):
            assert (await cache.read_through("7", "invoices", timedelta(minutes=1), load)).body == b"invoices"
        await cache.close()
        assert len(asked) == reads


def test_no_password_stands_in_a_file(server: RedisServer) -> None:
    texts = [path.read_text() for path in server.folder.iterdir() if path.is_file()]
    assert not [text for text in texts if "fake-" in text]
    assert {path.stat().st_mode & 0o077 for path in server.folder.glob("*.acl")} == {0}
