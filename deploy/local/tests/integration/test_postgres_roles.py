"""Every service's role against every database and everything Postgres lets a careless role do."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from portal_local.servers import PostgresServer
from portal_local.services import SERVICES

ROLES = [one.name for one in SERVICES if one.database]
SHARED = ["postgres", "template1"]
STRANGER = "stranger"


@pytest.fixture(scope="module")
def server(servers_folder) -> Iterator[PostgresServer]:
    """A cluster of its own: the shared one gets a database per test, whoever may connect."""
    one = PostgresServer(servers_folder / "roles", password="fake-password", fsync=False, may_open=(servers_folder,))
    one.start()
    one.provide({name: f"fake-{name}" for name in (*ROLES, STRANGER)})
    yield one
    one.wipe()


@asynccontextmanager
async def connected(
    server: PostgresServer, role: str, database: str | None = None
) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.database_url(database or role, role, f"fake-{role}"))
    try:
        yield connection
    finally:
        await connection.close()


async def test_every_role_reaches_its_own_database_and_no_other(server: PostgresServer) -> None:
    reached = set()
    for role, database in itertools.product((*ROLES, STRANGER), (*ROLES, STRANGER, *SHARED)):
        try:
            async with connected(server, role, database):
                reached.add((role, database))
        except asyncpg.InsufficientPrivilegeError:
            continue
    assert reached == {(role, role) for role in (*ROLES, STRANGER)}


REFUSED = [
    "CREATE DATABASE mine",
    "CREATE ROLE friend",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE stranger PASSWORD 'guessed'",
    "ALTER DATABASE stranger OWNER TO CURRENT_USER",
    "DROP ROLE stranger",
    "DROP DATABASE stranger",
    "SET ROLE stranger",
    "SET ROLE portal_admin",
    "SET SESSION AUTHORIZATION portal_admin",
    "GRANT portal_admin TO CURRENT_USER",
    "GRANT pg_read_all_data TO CURRENT_USER",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "COPY (SELECT 1) TO '/tmp/portal-stolen'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "CREATE TABLE taken (line text); COPY taken FROM '/etc/passwd'",
    "CREATE FUNCTION anything() RETURNS int AS 'libc.so.6', 'system' LANGUAGE c",
    "ALTER SYSTEM SET log_statement = 'all'",
    "SET log_statement = 'all'",
    "SET session_replication_role = replica",
    "SELECT pg_reload_conf()",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_create_physical_replication_slot('mine')",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "CREATE TABLE pg_catalog.mine (id int)",
    "SELECT pg_terminate_backend((SELECT pid FROM pg_stat_activity WHERE usename = 'portal_admin' LIMIT 1))",
]


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_nothing_beyond_its_database(server: PostgresServer, role: str) -> None:
    answers = {}
    watcher = await asyncpg.connect(server.url)  # somebody of the administrator's to end
    async with connected(server, role) as connection:
        for statement in REFUSED:
            try:
                answers[statement] = await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
            except asyncpg.PostgresError as error:
                answers[statement] = repr(error)
    await watcher.close()
    assert answers == {}


SHOWING = "SELECT datname FROM pg_database WHERE has_database_privilege(datname, 'CONNECT') AND datallowconn"


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_owns_its_schema_and_sees_what_others_do_nowhere(server: PostgresServer, role: str) -> None:
    async with connected(server, STRANGER) as other, connected(server, role) as own:
        await other.execute("SELECT 'secret'")
        assert [row["datname"] for row in await own.fetch(SHOWING)] == [role]
        queries = [row["query"] for row in await own.fetch("SELECT query FROM pg_stat_activity")]
        assert not [query for query in queries if "secret" in query]
        await own.execute("CREATE TABLE mine AS SELECT 1 AS one; ALTER TABLE mine ADD two int; DROP TABLE mine")
        superusers = await own.fetchval("SELECT count(*) FROM pg_auth_members WHERE member = CURRENT_USER::regrole")
        assert superusers == 0, "a member of another role"


async def test_an_append_only_table_is_so_for_the_role_that_owns_it(server: PostgresServer) -> None:
    """How a service keeps its audit: what it revokes from itself is refused, also to what is injected into it."""
    async with connected(server, "identity") as connection:
        await connection.execute(
            "CREATE TABLE audit_example (id int); REVOKE UPDATE, DELETE, TRUNCATE ON audit_example FROM CURRENT_USER"
        )
        await connection.execute("INSERT INTO audit_example VALUES (1)")
        for statement in ("UPDATE audit_example SET id = 2", "DELETE FROM audit_example", "TRUNCATE audit_example"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        assert await connection.fetchval("SELECT id FROM audit_example") == 1
        await connection.execute("DROP TABLE audit_example")


async def test_a_changed_password_and_a_changed_attribute_are_put_right(server: PostgresServer) -> None:
    server.administer("ALTER ROLE stranger CREATEDB")
    server.provide({STRANGER: "fake-new"})
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.database_url(STRANGER, STRANGER, "fake-stranger"))
    server.provide({STRANGER: "fake-stranger"})
    async with connected(server, STRANGER) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE DATABASE mine")
