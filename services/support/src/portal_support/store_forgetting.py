"""What support knows of a customer, in Postgres, and forgetting it (D17). The cases themselves are in Salesforce."""

from collections.abc import Mapping
from typing import Final

from portal_chassis.forgetting import Forgotten, Person
from portal_chassis.postgres import Transaction

# Whoever writes at this moment is waited for, and whoever comes later sees the mark.
_NOBODY_WRITES: Final = "LOCK TABLE case_news IN SHARE ROW EXCLUSIVE MODE"
_MARK: Final = """
INSERT INTO forgotten_customer AS known (user_id, account_id, begun_until) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET begun_until = greatest(known.begun_until, excluded.begun_until)
"""
# Writes of comments and files carry the account, those that open a case the user.
_REMOVED: Final[Mapping[str, str]] = {
    "writes": "DELETE FROM case_write WHERE owner IN ($1, $2) AND begun_at <= $3",
    "links": "DELETE FROM case_link WHERE account_id = $2 AND kept_at <= $3 AND $1::text IS NOT NULL",
    "news": "DELETE FROM case_news WHERE account_id = $2 AND told_at <= $3 AND $1::text IS NOT NULL",
}


class PostgresMemory:
    """The chassis's `Memory` port."""

    async def is_at_rest(self, person: Person) -> bool:  # noqa: ARG002 - the port's signature
        """Nothing of a customer's goes on here: a write takes half a minute at most."""
        return True

    async def forget(self, transaction: Transaction, person: Person) -> Forgotten:
        """Mark the person and remove the rows."""
        values = (person.user_id, person.account_id, person.begun_until)
        await transaction.execute(_NOBODY_WRITES)
        await transaction.execute(_MARK, *values)
        removed = {}
        for what, statement in _REMOVED.items():
            removed[what] = int((await transaction.execute(statement, *values)).rsplit(" ", 1)[-1])
        return Forgotten(removed)
