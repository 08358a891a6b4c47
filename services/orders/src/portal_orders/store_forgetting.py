"""What orders knows of a customer, in Postgres: whether it is over, and forgetting it (D17)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from portal_chassis.forgetting import Forgotten, Person
from portal_chassis.postgres import Database, Transaction
from portal_contracts.forgetting import OpenBusiness

BECAUSE: Final = (
    "ids, items, amounts and dates of orders, without the person: no order is set up twice, and what was invoiced can "
    "be compared for 7 years"
)
_OPEN: Final = """
SELECT (SELECT count(*) FROM customer_order
        WHERE account_id = $1 AND state IN ('draft', 'pending_review', 'approved')
          AND ($2::timestamptz IS NULL OR placed_at <= $2))
     + (SELECT count(*) FROM checkout WHERE account_id = $1 AND state = 'working'
          AND ($2::timestamptz IS NULL OR created_at <= $2)) AS orders,
       (SELECT count(*) FROM cancellation WHERE account_id = $1 AND state NOT IN ('withdrawn', 'completed')
          AND ($2::timestamptz IS NULL OR requested_at <= $2)) AS cancellations
"""
# An eligibility check waits for staff, who may never answer; it ends when it finds its account's row gone.
_WORKING: Final = """
SELECT EXISTS (SELECT FROM portal_process WHERE state ->> 'account_id' = $1 AND started_at <= $2
               AND kind NOT IN ('forgetting', 'eligibility_check') AND status NOT IN ('done', 'failed', 'cancelled'))
"""
# Whoever writes an order at this moment is waited for, and whoever comes later sees the mark.
_NOBODY_WRITES: Final = "LOCK TABLE customer_order, order_timeline IN SHARE ROW EXCLUSIVE MODE"
_MARK: Final = """
INSERT INTO forgotten_customer AS known (user_id, account_id, begun_until) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET begun_until = greatest(known.begun_until, excluded.begun_until)
"""
# The trigger takes the person out; a repeat finds nothing left.
_BLANK: Final = """
UPDATE customer_order SET facts = facts WHERE account_id = $1 AND placed_at <= $2 AND NOT forgotten
"""
_KEPT: Final = "SELECT count(*) FROM customer_order WHERE account_id = $1 AND forgotten"
_REMOVED: Final[Mapping[str, str]] = {
    "timeline entries": """
        DELETE FROM order_timeline USING customer_order o
        WHERE o.order_id = order_timeline.order_id AND o.account_id = $1 AND o.placed_at <= $2
    """,
    "carts": "DELETE FROM kept_cart WHERE account_id = $1 AND kept_until - interval '30 days' <= $2",
    "checkouts": "DELETE FROM checkout WHERE account_id = $1 AND created_at <= $2 AND state <> 'working'",
    "eligibility results": """
        DELETE FROM account_eligibility WHERE account_id = $1 AND (facts ->> 'changed_at')::timestamptz <= $2
    """,
    "cancellations": """
        DELETE FROM cancellation WHERE account_id = $1 AND requested_at <= $2 AND state IN ('withdrawn', 'completed')
    """,
    "claims": """
        DELETE FROM internet_claim c WHERE account_id = $1 AND released_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM checkout k WHERE k.checkout_id = c.checkout_id)
    """,
    "marks": """
        WITH complete AS (DELETE FROM account_complete WHERE account_id = $1)
        DELETE FROM compared_account WHERE account_id = $1
    """,
    "differences": """
        DELETE FROM system_difference WHERE account_id = $1 AND closed_at IS NOT NULL AND first_seen_at <= $2
    """,
    "processes": """
        DELETE FROM portal_process WHERE state ->> 'account_id' = $1 AND started_at <= $2 AND kind <> 'forgetting'
        AND status IN ('done', 'failed', 'cancelled')
    """,
}


class PostgresMemory:
    """The chassis's `Memory` port, and what identity asks before a deletion."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_business(self, account_id: str) -> OpenBusiness:
        """Count what is under way, whenever it began."""
        return await self._open(account_id, None)

    async def is_at_rest(self, person: Person) -> bool:
        """Look at orders, checkouts, cancellations and the processes that name the account."""
        found = await self._open(person.account_id, person.begun_until)
        if found.orders or found.cancellations:
            return False
        return not await self._database.fetchval(_WORKING, person.account_id, person.begun_until)

    async def forget(self, transaction: Transaction, person: Person) -> Forgotten:
        """Mark the person, take them out of the orders, and remove the rest."""
        account, until = person.account_id, person.begun_until
        await transaction.execute(_NOBODY_WRITES)
        await transaction.execute(_MARK, person.user_id, account, until)
        removed = {"orders without the person": _number(await transaction.execute(_BLANK, account, until))}
        for what, statement in _REMOVED.items():
            values = (account, until) if "$2" in statement else (account,)
            removed[what] = _number(await transaction.execute(statement, *values))
        kept = int(await transaction.fetchval(_KEPT, account))
        return Forgotten(removed, {"orders": kept} if kept else {}, BECAUSE if kept else "")

    async def _open(self, account_id: str, begun_until: datetime | None) -> OpenBusiness:
        row = await self._database.fetchrow(_OPEN, account_id, begun_until)
        return OpenBusiness.model_validate(dict(row or {}))


def _number(command_tag: str) -> int:
    return int(command_tag.rsplit(" ", 1)[-1])
