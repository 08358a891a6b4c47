"""What fulfillment knows of a customer, in Postgres, and forgetting it: lines, numbers, what was done to them (D17)."""

from collections.abc import Mapping
from typing import Final

from portal_chassis.forgetting import Forgotten, Person
from portal_chassis.postgres import Database, Transaction

BECAUSE: Final = "ids of orders alone: no order is activated twice"
_ORDERS: Final = "(SELECT order_id FROM provisioning_attempt WHERE account_id = $1 AND opened_at <= $2)"
_CHANGES: Final = "(SELECT change_id FROM line_change WHERE account_id = $1 AND asked_at <= $2)"
_ENDINGS: Final = "(SELECT key FROM portal_process WHERE kind = 'line_ending' AND state ->> 'account_id' = $1)"
_OVER: Final = "('done', 'failed', 'cancelled')"
_WORKING: Final = f"""
SELECT EXISTS (SELECT FROM provisioning_attempt WHERE account_id = $1 AND opened_at <= $2 AND state = 'open')
    OR EXISTS (SELECT FROM line_change WHERE account_id = $1 AND asked_at <= $2 AND state IN ('working', 'unclear'))
    OR EXISTS (SELECT FROM portal_process WHERE kind <> 'forgetting' AND status NOT IN {_OVER} AND started_at <= $2
               AND (state ->> 'account_id' = $1 OR (kind = 'provisioning' AND key IN {_ORDERS})))
"""  # noqa: S608 - made of constants
# In this order: what names others goes first.
_REMOVED: Final[Mapping[str, str]] = {
    "numbers of operations": f"""
        UPDATE sim_operation SET line = '', before = '{{}}'
        WHERE line <> '' AND state IN ('confirmed', 'failed', 'withdrawn')
        AND (order_id IN {_ORDERS} OR order_id IN {_CHANGES} OR order_id IN {_ENDINGS})
    """,  # noqa: S608 - made of constants
    "lines": f"""
        DELETE FROM sim_line WHERE activated_at <= $2 AND (account_id = $1 OR order_id IN {_ORDERS})
    """,  # noqa: S608 - made of constants
    "changes of lines": """
        DELETE FROM line_change WHERE account_id = $1 AND asked_at <= $2 AND state IN ('done', 'refused')
    """,
    "evidence": f"""
        UPDATE portal_process_journal j SET evidence = j.evidence - 'bearer_ends' - 'facts'
        FROM portal_process p WHERE p.id = j.process AND p.kind = 'provisioning' AND p.key IN {_ORDERS}
        AND j.evidence ?| array['bearer_ends', 'facts']
    """,  # noqa: S608 - made of constants
    "states": f"""
        UPDATE portal_process SET state = state || '{{"order": null, "line": null}}', facts = '{{}}',
                                  failure_facts = '{{}}'
        WHERE kind = 'provisioning' AND status IN {_OVER} AND key IN {_ORDERS}
        AND (coalesce(state ->> 'order', state ->> 'line') IS NOT NULL OR facts || failure_facts <> '{{}}')
    """,  # noqa: S608 - made of constants
    "processes": f"""
        DELETE FROM portal_process WHERE kind NOT IN ('forgetting', 'provisioning') AND status IN {_OVER}
        AND state ->> 'account_id' = $1 AND started_at <= $2
    """,  # noqa: S608 - made of constants
}
_ATTEMPTS: Final = "SELECT count(*) FROM provisioning_attempt WHERE account_id = $1 AND opened_at <= $2"


class PostgresMemory:
    """The chassis's `Memory` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_at_rest(self, person: Person) -> bool:
        """Look for attempts and changes that are worked on or that a person has to decide."""
        return not await self._database.fetchval(_WORKING, person.account_id, person.begun_until)

    async def forget(self, transaction: Transaction, person: Person) -> Forgotten:
        """Remove lines and numbers; the ledger of attempts stays."""
        values = (person.account_id, person.begun_until)
        removed = {}
        for what, statement in _REMOVED.items():
            removed[what] = int((await transaction.execute(statement, *values)).rsplit(" ", 1)[-1])
        kept = int(await transaction.fetchval(_ATTEMPTS, *values))
        return Forgotten(removed, {"attempts": kept} if kept else {}, BECAUSE if kept else "")
