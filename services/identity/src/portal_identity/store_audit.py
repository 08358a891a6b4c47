import json
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_contracts.account_notes import BillingNoted, FulfillmentNoted
from portal_contracts.identity_sessions import SecurityEvent
from portal_identity.audit import write_audit_of

_OF_CLIENT: Final = "SELECT user_id FROM customer_link WHERE whmcs_client_id = $1"
_OF_ACCOUNT: Final = "SELECT user_id FROM customer_link WHERE account_id = $1"
_LIST: Final = """
SELECT id, at, event, facts FROM audit_entry WHERE user_id = $1 AND ($2::bigint IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3
"""
# One sweep at a time: two would collide on the table's entry in the catalogue.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('audit_entry retention', 0))"
_MAY_DELETE: Final = "GRANT DELETE ON audit_entry TO CURRENT_USER"
_MAY_NOT: Final = "REVOKE DELETE ON audit_entry FROM CURRENT_USER"
_SWEEP: Final = "DELETE FROM audit_entry WHERE at < now() - make_interval(months => $1)"


class Audit:
    """The audit, for its customer to read. It is written with `audit.write_audit` and never changed (R050)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, user_id: str, before_id: int | None, limit: int) -> list[SecurityEvent]:
        """Give a user's events, the newest first; of their facts only where they came from."""
        rows = await self._database.fetch(_LIST, UUID(user_id), before_id, limit)
        return [
            SecurityEvent(
                id=row["id"],
                at=row["at"],
                event=row["event"],
                client_address=str(json.loads(row["facts"]).get("address", "")),
            )
            for row in rows
        ]

    async def note_billing(self, transaction: Transaction, noted: BillingNoted) -> None:
        """Write down what billing did for a customer, who reads of it from now on."""
        user_id = await transaction.fetchval(_OF_CLIENT, noted.whmcs_client_id)
        owner, facts = str(user_id) if user_id else None, {"whmcs_client": noted.whmcs_client_id}
        await write_audit_of(transaction, owner, noted.what, noted.at, facts)

    async def note_fulfillment(self, transaction: Transaction, noted: FulfillmentNoted) -> None:
        """Write down what fulfillment did for a customer, who reads of it from now on."""
        user_id = await transaction.fetchval(_OF_ACCOUNT, noted.account_id)
        owner, facts = str(user_id) if user_id else None, {"account": noted.account_id}
        await write_audit_of(transaction, owner, noted.what, noted.at, facts)

    async def sweep(self, months: int) -> None:
        """Forget what is past its time (§5.10); the permission to do so lasts for this transaction alone."""
        async with self._database.transaction() as transaction:
            await transaction.execute(_LOCK)
            await transaction.execute(_MAY_DELETE)
            await transaction.execute(_SWEEP, months)
            await transaction.execute(_MAY_NOT)
