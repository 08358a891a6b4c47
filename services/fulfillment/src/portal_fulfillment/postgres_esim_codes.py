from datetime import datetime
from typing import Final

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_fulfillment.esim_codes import KeptCode

_LOCK: Final = """
SELECT account, activation_code, code_shown_at, code_request_id, code_shown_to
FROM sim_line WHERE order_id = $1 AND account_id = $2 ORDER BY activated_at DESC LIMIT 1 FOR UPDATE
"""
_ORDERS: Final = "SELECT EXISTS (SELECT FROM provisioning_attempt WHERE order_id = $1 AND account_id = $2)"
_NOTE: Final = """
UPDATE sim_line SET code_shown_at = $2, code_shown_to = $3, code_request_id = $4
WHERE order_id = $1 AND code_shown_at IS NULL
"""
_ERASE: Final = """
UPDATE sim_line SET activation_code = NULL WHERE code_shown_at < $1 AND activation_code IS NOT NULL
"""


class PostgresEsimCodes:
    """The `EsimCodes` port: codes are opened here and nowhere else."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def lock(self, transaction: Transaction, order_id: str, account_id: str) -> KeptCode | None:
        """Lock the row and open its code."""
        row = await transaction.fetchrow(_LOCK, order_id, account_id)
        if row is None:
            return None
        sealed, number = row["activation_code"], row["account"]
        return KeptCode(
            phone_number=number,
            activation_code=self._seal.open(bytes(sealed), record=number) if sealed is not None else None,
            shown_at=row["code_shown_at"],
            request_id=row["code_request_id"],
            shown_to=row["code_shown_to"],
        )

    async def orders(self, transaction: Transaction, order_id: str, account_id: str) -> bool:
        """Look into the ledger."""
        return bool(await transaction.fetchval(_ORDERS, order_id, account_id))

    async def note_shown(
        self, transaction: Transaction, order_id: str, *, user_id: str, request_id: str, at: datetime
    ) -> None:
        """Write it."""
        await transaction.execute(_NOTE, order_id, at, user_id, request_id)

    async def erase(self, shown_before: datetime) -> int:
        """Set them to null."""
        done = await self._database.execute(_ERASE, shown_before)
        return int(done.rsplit(" ", 1)[-1])
