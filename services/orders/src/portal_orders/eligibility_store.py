"""The portal's copy of accounts' eligibility, in Postgres: the `EligibilityBook` port."""

from typing import Any, Final

from pydantic import TypeAdapter

from portal_chassis.postgres import Database, Transaction
from portal_orders.eligibility import KeptEligibility

_FACTS: Final = TypeAdapter(KeptEligibility)
_READ: Final = "SELECT facts::text FROM account_eligibility WHERE account_id = $1"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('account_eligibility ' || $1, 0))"
_SAVE: Final = """
INSERT INTO account_eligibility (account_id, facts) VALUES ($1, $2::jsonb)
ON CONFLICT (account_id) DO UPDATE SET facts = $2::jsonb
"""


class PostgresEligibility:
    """The port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, account_id: str) -> KeptEligibility | None:
        """Read one row."""
        return _kept(await self._database.fetchrow(_READ, account_id))

    async def lock(self, transaction: Transaction, account_id: str) -> KeptEligibility | None:
        """Lock the account's name, for there may be no row yet, and read."""
        await transaction.execute(_LOCK, account_id)
        return _kept(await transaction.fetchrow(_READ, account_id))

    async def save(self, transaction: Transaction, kept: KeptEligibility) -> None:
        """Insert or replace the row."""
        await transaction.execute(_SAVE, kept.account_id, _FACTS.dump_json(kept).decode())


def _kept(row: Any) -> KeptEligibility | None:
    return None if row is None else _FACTS.validate_json(row["facts"])
