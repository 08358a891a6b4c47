"""What billing knows of a customer, in Postgres and in the cache, and forgetting it (D17). The client is WHMCS's."""

from typing import Final

from portal_billing.ports import Copies
from portal_chassis.forgetting import Forgotten, Person
from portal_chassis.postgres import Database, Transaction

BECAUSE: Final = (
    "ids and amounts alone: no order or charge is made twice in WHMCS, whose invoices the law keeps for 7 years"
)
_WORKING: Final = """
SELECT EXISTS (SELECT FROM portal_process p WHERE p.status NOT IN ('done', 'failed', 'cancelled')
               AND p.started_at <= $2 AND (
                   (p.kind = 'charge' AND (p.state ->> 'client_id')::bigint = $1)
                   OR (p.kind = 'whmcs_order'
                       AND EXISTS (SELECT FROM whmcs_order o WHERE o.order_id = p.key AND o.client_id = $1))))
"""
_LINKS: Final = "DELETE FROM sign_on_link WHERE user_id = $1"
_NUMBERS: Final = """
UPDATE whmcs_order SET eid = NULL, phone_number = NULL, iccid = NULL
WHERE client_id = $1 AND (asked_at IS NULL OR asked_at <= $2) AND coalesce(eid, phone_number, iccid) IS NOT NULL
"""
_ORDERS: Final = "SELECT count(*) FROM whmcs_order WHERE client_id = $1"
_CHARGES: Final = """
SELECT count(*) FROM portal_process WHERE kind = 'charge' AND (state ->> 'client_id')::bigint = $1
"""


class PostgresMemory:
    """The chassis's `Memory` port."""

    def __init__(self, database: Database, copies: Copies) -> None:
        self._database = database
        self._copies = copies

    async def is_at_rest(self, person: Person) -> bool:
        """Drop the copies of what WHMCS says of the client, then look for orders and charges that are worked on."""
        await self._copies.drop(person.whmcs_client_id)
        return not await self._database.fetchval(_WORKING, person.whmcs_client_id, person.begun_until)

    async def forget(self, transaction: Transaction, person: Person) -> Forgotten:
        """Remove links into WHMCS, and numbers from orders that were never accepted."""
        client, until = person.whmcs_client_id, person.begun_until
        removed = {
            "sign-on links": _number(await transaction.execute(_LINKS, person.user_id)),
            "numbers of orders": _number(await transaction.execute(_NUMBERS, client, until)),
        }
        counts = {
            "orders": int(await transaction.fetchval(_ORDERS, client)),
            "charges": int(await transaction.fetchval(_CHARGES, client)),
        }
        kept = {what: number for what, number in counts.items() if number}
        return Forgotten(removed, kept, BECAUSE if kept else "")


def _number(command_tag: str) -> int:
    return int(command_tag.rsplit(" ", 1)[-1])
