"""Carts from before signing up, in Postgres: the `KeptCarts` port."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from portal_chassis.postgres import Database, Transaction
from portal_contracts.orders_of_customers import KeptCart, KeptCartLine

_KEEP: Final = """
INSERT INTO kept_cart AS held (cart_id, lines, kept_until) VALUES ($1, $2::jsonb, $3)
ON CONFLICT (cart_id) DO UPDATE SET lines = $2::jsonb, kept_until = $3 WHERE held.account_id IS NULL
RETURNING cart_id
"""
_GIVE: Final = """
UPDATE kept_cart SET account_id = $2 WHERE cart_id = $1 AND account_id IS NULL AND kept_until > $3
AND NOT EXISTS (SELECT FROM forgotten_customer WHERE user_id = $4)
"""
_OF_ACCOUNT: Final = """
SELECT lines::text, kept_until FROM kept_cart WHERE account_id = $1 AND kept_until > $2
ORDER BY kept_until DESC LIMIT 1
"""


class PostgresKeptCarts:
    """The port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, transaction: Transaction, cart_id: str, lines: Sequence[KeptCartLine], until: datetime
    ) -> bool:
        """Insert or replace the row while it has no account."""
        body = json.dumps([line.model_dump(mode="json") for line in lines])
        return await transaction.fetchval(_KEEP, cart_id, body, until) is not None

    async def give(
        self, transaction: Transaction, cart_id: str, account_id: str, now: datetime, *, user_id: str
    ) -> None:
        """Write the account, once; not for a user who was forgotten since."""
        await transaction.execute(_GIVE, cart_id, account_id, now, user_id)

    async def of_account(self, account_id: str, now: datetime) -> KeptCart | None:
        """Read by the account's index."""
        row = await self._database.fetchrow(_OF_ACCOUNT, account_id, now)
        if row is None:
            return None
        lines = [KeptCartLine.model_validate(line) for line in json.loads(row["lines"])]
        return KeptCart(lines=lines, kept_until=row["kept_until"])

    async def spend(self, transaction: Transaction, account_id: str) -> None:
        """Delete the account's rows."""
        await transaction.execute("DELETE FROM kept_cart WHERE account_id = $1", account_id)

    async def prune(self, transaction: Transaction, now: datetime) -> None:
        """Delete by time."""
        await transaction.execute("DELETE FROM kept_cart WHERE kept_until <= $1", now)
