"""One role and one database per service: who may connect to what, as a script for psql."""

from collections.abc import Mapping
from typing import Final

_NOT_MORE: Final = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"
_SHARED: Final = ("postgres", "template1")
"""Postgres lets everybody connect to these unless told otherwise."""


def roles_script(passwords: Mapping[str, str]) -> str:
    r"""Give the psql script (it uses \gexec) that makes each service's role and database, both called like it.

    Only the role may connect to its database, which it owns because it applies its own migrations; it may make no
    other and no role. Running it again corrects passwords and attributes and changes nothing else. Run it as a
    superuser or a role that may create both.
    """
    shared = "".join(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;\n" for name in _SHARED)
    return shared + "\n".join(_role_and_database(name, password) for name, password in passwords.items())


def _role_and_database(name: str, password: str) -> str:
    role = identifier(name)
    known = literal(name)
    # format() quotes the password inside the statement that \\gexec then runs.
    return f"""
        SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {known}) \\gexec
        SELECT format('ALTER ROLE {role} {_NOT_MORE} PASSWORD %L', {literal(password)}) \\gexec
        SELECT 'CREATE DATABASE {role} OWNER {role}'
            WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = {known}) \\gexec
        REVOKE ALL ON DATABASE {role} FROM PUBLIC;
    """  # noqa: S608 - names and literals are quoted here


def identifier(name: str) -> str:
    """Quote the name of a role or database; raises ValueError for one that is more than letters, digits, - and _."""
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"not a name for a role or database: {name!r}")
    return f'"{name}"'


def literal(text: str) -> str:
    """Quote a text; raises ValueError for a backslash, which psql would read."""
    if "\\" in text:
        raise ValueError("a backslash in a password or name is not supported")
    return "'" + text.replace("'", "''") + "'"
