"""Applies `<package>/migrations/*.sql` in the order of their names, once each, whoever else starts at the same time.

One file is one transaction; an advisory lock lets one process work while others wait; a file that changed after it was
applied stops the start (reference/libraries.md §7). Files only go forward: expand first, contract in a later release.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from portal_chassis.postgres import Database
from portal_contracts.problems import Misconfigured

_LOCK: Final = 7_406_160_001
"""Any number that nothing else in a service's database locks."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS portal_migration (
    package    text NOT NULL,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (package, name)
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of SQL."""

    package: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Digest by which a later change of the file is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationChanged(Misconfigured):
    """A file that had been applied reads differently now, or is gone from its package."""

    def __init__(self, package: str, name: str) -> None:
        super().__init__("INTERNAL_ERROR", facts={"migration": f"{package}/{name}"})


def migrations_of(package: str) -> list[Migration]:
    """Read a package's migrations in the order in which they apply."""
    folder = files(package) / "migrations"
    return [
        Migration(package, entry.name, entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]


async def migrate(database: Database, *packages: str) -> int:
    """Apply what is missing of the given packages, in their order, and give how many files that were."""
    applied_now = 0
    async with database.session() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        rows = await connection.fetch("SELECT package, name, sha256 FROM portal_migration")
        applied = {(row["package"], row["name"]): row["sha256"] for row in rows}
        for package in dict.fromkeys(packages):
            for migration in migrations_of(package):
                known = applied.get((package, migration.name))
                if known == migration.sha256:
                    continue
                if known is not None:
                    raise MigrationChanged(package, migration.name)
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(
                        "INSERT INTO portal_migration (package, name, sha256) VALUES ($1, $2, $3)",
                        package,
                        migration.name,
                        migration.sha256,
                    )
                applied_now += 1
    return applied_now
