"""Backup and restore of the services' databases on one machine (R296); production's is docs/runbook/backup.md."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from portal_local.errors import LocalError, ProgramMissingError
from portal_local.progress import say
from portal_local.servers import NatsServer, PostgresServer, RedisServer
from portal_local.servers.postgres_programs import BINARIES_VARIABLE, installed_binaries
from portal_local.servers.postgres_roles import identifier
from portal_local.services import SERVICES
from portal_local.state import StateFolder

MANIFEST: Final = "backup.json"
_PORT_LINE: Final = 3  # of postmaster.pid


@dataclass(frozen=True)
class Manifest:
    """What a whole backup holds. It is written last, so a folder without one is no backup."""

    taken_at: str
    """When the first database was begun, ISO 8601, UTC; the others follow within seconds."""
    databases: Mapping[str, str]
    """SHA-256 of each dump by the database's name."""


def back_up(postgres: PostgresServer, names: Iterable[str], folder: Path) -> Manifest:
    """Dump these databases of a running server into a new folder, each as it is at one moment.

    The databases need not be of the same moment: what one has done and another has not heard of, or the other way
    round, is the same as after a crash. Raises LocalError when the folder exists or a dump fails.
    """
    try:
        folder.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        raise LocalError(f"{folder} exists; a backup needs a folder of its own") from None
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    digests = {}
    for name in names:
        dump = _dump_of(folder, name)
        _run(postgres, "pg_dump", "--format=custom", f"--file={dump}", database=name)
        digests[name] = _digest(dump)
    manifest = Manifest(taken_at, digests)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read a backup's manifest and compare every dump with it. Raises LocalError for anything but a whole backup."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        wrong = [name for name, digest in manifest.databases.items() if _digest(_dump_of(folder, name)) != digest]
    except (OSError, ValueError, TypeError) as error:
        raise LocalError(f"{folder} is not a whole backup: {error}") from error
    if wrong:
        raise LocalError(f"{folder}: damaged: {', '.join(wrong)}")
    return manifest


def restore(postgres: PostgresServer, passwords: Mapping[str, str], folder: Path) -> Manifest:
    """Put a backup's databases in place of what there is; `passwords` by service, as roles are made with.

    Each is restored beside the present one and takes its place only when it is whole. Nobody else may work on the
    databases meanwhile. Raises LocalError; what was not replaced yet is as before.
    """
    manifest = read_manifest(folder)
    postgres.provide(passwords)
    for name in manifest.databases:
        fresh = f"{name}-restored"
        postgres.drop_database(fresh)
        postgres.administer(f"CREATE DATABASE {identifier(fresh)} OWNER {identifier(name)}")
        dump = str(_dump_of(folder, name))
        _run(postgres, "pg_restore", "--exit-on-error", "--single-transaction", dump, database=fresh)
        postgres.drop_database(name)
        postgres.administer(f"ALTER DATABASE {identifier(fresh)} RENAME TO {identifier(name)}")
    postgres.provide(passwords)
    return manifest


def back_up_portal(state: StateFolder, folder: Path) -> None:
    """Back up the portal of a state folder, running or not. Its keys are not in it: they are kept elsewhere."""
    names = [one.name for one in SERVICES if one.database]
    with _server(state) as postgres:
        manifest = back_up(postgres, names, folder)
    say(f"{len(manifest.databases)} databases as of {manifest.taken_at} are in {folder}")


def restore_portal(state: StateFolder, folder: Path) -> None:
    """Restore the portal of a state folder, which must not run.

    NATS and Redis are emptied: what they hold is of another time. The relays then publish what the restored
    databases recorded within the last seven days once more, and everybody who heard it already takes it for a repeat.
    """
    state.acquire()
    try:
        passwords = {one.name: state.secret(f"database-{one.name}") for one in SERVICES if one.database}
        with _started(state) as postgres:
            manifest = restore(postgres, passwords, folder)
        NatsServer(state.path / "nats").erase()
        RedisServer(state.path / "redis").erase()
    finally:
        state.release()
    say(f"the databases are as of {manifest.taken_at}; `make up` starts the portal, which compares and goes on")


@contextmanager
def _server(state: StateFolder) -> Iterator[PostgresServer]:
    """Give the running portal's server, or one that runs for as long as this takes."""
    if state.in_use():
        lines = (state.path / "postgres" / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        yield _postgres(state, port=int(lines[_PORT_LINE]))
        return
    state.acquire()
    try:
        with _started(state) as postgres:
            yield postgres
    finally:
        state.release()


@contextmanager
def _started(state: StateFolder) -> Iterator[PostgresServer]:
    postgres = _postgres(state)
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def _postgres(state: StateFolder, port: int = 0) -> PostgresServer:
    return PostgresServer(
        state.path / "postgres",
        password=state.secret("database-superuser"),
        port=port,
        log_path=state.logs / "postgres.log",
        may_open=(state.path,),
    )


def _run(postgres: PostgresServer, program: str, *arguments: str, database: str) -> None:
    """Run one of Postgres' programs on a database. The password goes by environment, where `ps` shows nothing."""
    path = installed_binaries() / program
    if not path.is_file():
        raise ProgramMissingError(postgres.name, str(path), f"{BINARIES_VARIABLE} must have it")
    target = urlsplit(postgres.superuser_url(database))
    place = (f"--host={target.hostname}", f"--port={target.port}", f"--username={target.username}")
    done = subprocess.run(  # noqa: S603 - our own program, no shell
        [str(path), "--no-password", *place, f"--dbname={database}", *arguments],
        env={**os.environ, "PGPASSWORD": unquote(target.password or ""), "PGSSLMODE": "disable"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"{program} {database}: {done.stderr.strip()}")


def _dump_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.dump"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
