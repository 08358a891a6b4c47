"""Migrations: once each, whoever else starts, and never changed afterwards."""

import asyncio
import sys

import pytest

from portal_chassis.migrating import MigrationChanged, migrate, migrations_of


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "portal_example_migrations" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "0002_more.sql").write_text("INSERT INTO thing VALUES ('from 2');\nINSERT INTO thing VALUES ('again');")
    (folder / "0001_thing.sql").write_text("CREATE TABLE thing (name text);")
    (folder / "notes.md").write_text("not SQL")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    sys.modules.pop("portal_example_migrations", None)


NAME = "portal_example_migrations"


async def test_files_apply_in_order_and_once(database, package):
    assert [migration.name for migration in migrations_of(NAME)] == ["0001_thing.sql", "0002_more.sql"]
    assert await migrate(database, NAME) == 2
    assert await migrate(database, NAME) == 0
    (package / "0003_last.sql").write_text("INSERT INTO thing VALUES ('from 3');")
    assert await migrate(database, NAME) == 1
    assert await database.fetchval("SELECT count(*) FROM thing") == 3


async def test_many_that_start_at_once_apply_each_file_once(database, package):
    applied = await asyncio.gather(*(migrate(database, NAME) for _ in range(4)))
    assert sorted(applied) == [0, 0, 0, 2]


async def test_a_changed_file_stops_the_start(database, package):
    await migrate(database, NAME)
    (package / "0001_thing.sql").write_text("CREATE TABLE thing (name text, more text);")
    with pytest.raises(MigrationChanged, match="0001_thing"):
        await migrate(database, NAME)


async def test_a_file_that_fails_leaves_nothing_of_itself(database, package):
    (package / "0003_bad.sql").write_text("CREATE TABLE other (x int);\nSELECT 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(database, NAME)
    assert await database.fetchval("SELECT to_regclass('other')") is None
    assert await database.fetchval("SELECT count(*) FROM thing") == 2


async def test_the_chassis_own_tables_come_first(database):
    await migrate(database, "portal_chassis")
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {"portal_outbox", "portal_inbox", "portal_process", "portal_process_journal"} <= {
        row["tablename"] for row in tables
    }
