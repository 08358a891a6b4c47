"""Backup and restore on a server alone (R296); with orders in flight in tests/kills/test_backup_rehearsal.py."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from portal_local.backup import MANIFEST, back_up, read_manifest, restore
from portal_local.errors import LocalError
from portal_local.servers import PostgresServer

PASSWORDS = {"orders": "fake-orders", "billing": "fake-billing"}


@pytest.fixture
def postgres(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder / "postgres", password="fake-password", fsync=False, may_open=(folder,))
    server.start()
    server.provide(PASSWORDS)
    yield server
    server.wipe()


async def run(server: PostgresServer, service: str, *statements: str, role: str = "") -> list[int]:
    role = role or service
    connection = await asyncpg.connect(server.database_url(service, role, PASSWORDS[role]))
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return [row[0] for row in await connection.fetch(statements[-1])]
    finally:
        await connection.close()


async def test_a_restored_database_is_as_it_was_and_its_owner_works_on(postgres: PostgresServer, folder: Path) -> None:
    await run(postgres, "orders", "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)")
    await run(postgres, "billing", "CREATE TABLE bills (id int)", "INSERT INTO bills VALUES (7)")
    taken = back_up(postgres, PASSWORDS, folder / "backup")
    await run(postgres, "orders", "DELETE FROM kept", "INSERT INTO kept VALUES (2)", "CREATE TABLE later (id int)")
    assert restore(postgres, PASSWORDS, folder / "backup") == taken
    assert await run(postgres, "orders", "SELECT id FROM kept") == [1]
    assert await run(postgres, "billing", "SELECT id FROM bills") == [7]
    assert await run(postgres, "orders", "ALTER TABLE kept ADD note text", "SELECT count(*) FROM kept") == [1]
    with pytest.raises(asyncpg.UndefinedTableError):
        await run(postgres, "orders", "SELECT id FROM later")


async def test_after_a_restore_nobody_else_may_connect(postgres: PostgresServer, folder: Path) -> None:
    back_up(postgres, PASSWORDS, folder / "backup")
    restore(postgres, PASSWORDS, folder / "backup")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(postgres, "orders", "SELECT 1", role="billing")


async def test_a_damaged_or_unfinished_backup_replaces_nothing(postgres: PostgresServer, folder: Path) -> None:
    await run(postgres, "orders", "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (1)")
    backup = folder / "backup"
    back_up(postgres, PASSWORDS, backup)
    await run(postgres, "orders", "INSERT INTO kept VALUES (2)")
    dump = backup / "orders.dump"
    dump.write_bytes(dump.read_bytes()[:-10])
    with pytest.raises(LocalError, match="damaged: orders"):
        restore(postgres, PASSWORDS, backup)
    (backup / MANIFEST).unlink()
    with pytest.raises(LocalError, match="not a whole backup"):
        read_manifest(backup)
    assert await run(postgres, "orders", "SELECT id FROM kept ORDER BY id") == [1, 2]


def test_a_backup_never_writes_over_another(postgres: PostgresServer, folder: Path) -> None:
    back_up(postgres, PASSWORDS, folder / "backup")
    with pytest.raises(LocalError, match="exists"):
        back_up(postgres, PASSWORDS, folder / "backup")


def test_a_dump_tells_nobody_the_password(postgres: PostgresServer, folder: Path) -> None:
    back_up(postgres, PASSWORDS, folder / "backup")
    assert (folder / "backup").stat().st_mode & 0o077 == 0
    for file in (folder / "backup").iterdir():
        assert b"fake-" not in file.read_bytes()


def test_the_commands_work_on_a_stopped_portal_and_its_own_folder(folder: Path) -> None:
    def portal(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "portal_local", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves

    # A folder without databases: the dump says so, and half a backup is none.
    failed = portal("backup", "first")
    assert failed.returncode == 1
    assert 'database "identity" does not exist' in failed.stderr
    refused = portal("restore", "first")
    assert (refused.returncode, "not a whole backup" in refused.stderr) == (1, True)
