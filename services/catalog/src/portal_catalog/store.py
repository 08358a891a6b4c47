from portal_catalog.snapshot import SavedSnapshot, Snapshot
from portal_chassis.postgres import Database, Transaction

_SAVE = """
INSERT INTO catalog_snapshot (version, read_at, body) VALUES ($1, $2, $3)
ON CONFLICT (one) DO UPDATE SET version = excluded.version, read_at = excluded.read_at, body = excluded.body
"""


class PostgresSnapshots:
    """The `SnapshotStore` port: one row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Snapshot | None:
        """Read the row."""
        body = await self._database.fetchval("SELECT body FROM catalog_snapshot")
        return Snapshot.restored(SavedSnapshot.model_validate_json(body)) if body is not None else None

    async def save(self, transaction: Transaction, snapshot: Snapshot) -> None:
        """Write the row."""
        saved = snapshot.saved()
        await transaction.execute(_SAVE, saved.version, saved.read_at, saved.model_dump_json())
