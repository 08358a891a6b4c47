"""NATS, Postgres and Redis for tests: one server of each per test run, empty for every test.

The `*_server` fixtures are the servers themselves, for tests that kill, restart or wipe them; the next test finds them
running again. The `*_url` fixtures are what most tests want.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # every test run of every member loads this module; most ask for no server
    from portal_local.servers import NatsServer, PostgresServer, RedisServer


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Where the servers of this test run keep their files. Not pytest's own: that one is closed to other accounts."""
    folder = Path(tempfile.mkdtemp(prefix="portal-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def nats_server(servers_folder: Path) -> Iterator[NatsServer]:
    """NATS without users, JetStream on, messages up to 8 MB."""
    from portal_local.servers import NatsServer  # noqa: PLC0415 - see the top

    server = NatsServer(servers_folder / "nats")
    server.start()
    yield server
    server.wipe()


@pytest.fixture
def nats_url(nats_server: NatsServer) -> Iterator[str]:
    """A NATS that runs and holds no stream, bucket or consumer: what the test leaves behind is wiped (0.1 s).

    A fixture that shares streams between tests builds on `nats_server` instead, in a module that never asks for this.
    """
    nats_server.start()
    yield nats_server.url
    if nats_server.has_streams:
        nats_server.wipe()


@pytest.fixture(scope="session")
def postgres_server(servers_folder: Path) -> Iterator[PostgresServer]:
    """Postgres with a superuser, without fsync."""
    from portal_local.servers import PostgresServer  # noqa: PLC0415 - see the top

    server = PostgresServer(
        servers_folder / "postgres", password=secrets.token_urlsafe(24), fsync=False, may_open=(servers_folder,)
    )
    server.start()
    yield server
    server.wipe()


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new empty database for this test, gone afterwards; the role in the URL may do everything."""
    postgres_server.start()
    name = f"test_{secrets.token_hex(6)}"
    yield postgres_server.create_database(name)
    postgres_server.start()
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[RedisServer]:
    """Redis without a password."""
    from portal_local.servers import RedisServer  # noqa: PLC0415 - see the top

    server = RedisServer(servers_folder / "redis")
    server.start()
    yield server
    server.wipe()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """A Redis that runs and knows no key."""
    redis_server.start()
    redis_server.flush()
    return redis_server.url
