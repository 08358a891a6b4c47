"""Lines by owner and the changes customers asked for, in Postgres."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from portal_chassis.postgres import Database, Transaction
from portal_contracts.sim_lines import LineChangeState
from portal_fulfillment.kept_lines import FiledLine, KeptChange, OwnedLine

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

_LINE: Final = """
SELECT account, order_id, account_id, whmcs_service_id AS service_id, activated_at
FROM sim_line WHERE whmcs_service_id = $1 AND account_id = $2 ORDER BY activated_at DESC LIMIT 1
"""
_FILED: Final = """
SELECT account, order_id, whmcs_service_id AS service_id, eid, iccid, plan_code, network, voice, activated_at,
       code_shown_at
FROM sim_line
WHERE account_id = $1
   OR (account_id IS NULL AND order_id IN (SELECT order_id FROM provisioning_attempt WHERE account_id = $1))
ORDER BY activated_at DESC
"""
_COLUMNS: Final = (
    "change_id, service_id, order_id, account_id, line, kind, request, fingerprint, asked_at, state, code, megabytes,"
    " price, ended_at"
)
_ADD: Final = """
INSERT INTO line_change (change_id, service_id, order_id, account_id, line, kind, request, fingerprint, megabytes,
                         price, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
"""
_SELECT: Final = f"SELECT {_COLUMNS} FROM line_change"  # noqa: S608 - made of constants
_MOVE: Final = """
UPDATE line_change SET state = $2, code = $3, ended_at = CASE WHEN $2 IN ('done', 'refused') THEN $4::timestamptz END
WHERE change_id = $1 AND state IN ('working', 'unclear') AND state <> $2
"""
MOST: Final = 100


class PostgresOwnedLines:
    """The `OwnedLines` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_service(self, service_id: int, account_id: str) -> OwnedLine | None:
        """Read the newest."""
        row = await self._database.fetchrow(_LINE, service_id, account_id)
        return None if row is None else OwnedLine(**dict(row))

    async def of_account(self, account_id: str) -> Sequence[FiledLine]:
        """Read them; one of an order that is not accepted yet is known by its attempt alone."""
        return [FiledLine(**dict(row)) for row in await self._database.fetch(_FILED, account_id)]


class PostgresLineChanges:
    """The `LineChanges` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, transaction: Transaction, change: KeptChange) -> bool:
        """Insert unless one of the two unique indexes forbids it; who inserts the same at once is waited for."""
        done = await transaction.execute(
            _ADD,
            change.change_id,
            change.service_id,
            change.order_id,
            change.account_id,
            change.line,
            change.kind,
            change.request,
            change.fingerprint,
            change.megabytes,
            change.price,
            change.asked_at,
        )
        return done == "INSERT 0 1"

    async def of_request(self, account_id: str, request: str) -> KeptChange | None:
        """Read by the request."""
        row = await self._database.fetchrow(f"{_SELECT} WHERE account_id = $1 AND request = $2", account_id, request)
        return _kept(row)

    async def read(self, change_id: str) -> KeptChange | None:
        """Read by the id."""
        return _kept(await self._database.fetchrow(f"{_SELECT} WHERE change_id = $1", change_id))

    async def lock(self, transaction: Transaction, change_id: str) -> KeptChange | None:
        """Read for update."""
        return _kept(await transaction.fetchrow(f"{_SELECT} WHERE change_id = $1 FOR UPDATE", change_id))

    async def of_service(self, service_id: int, account_id: str) -> Sequence[KeptChange]:
        """Read them."""
        rows = await self._database.fetch(
            f"{_SELECT} WHERE service_id = $1 AND account_id = $2 ORDER BY asked_at DESC LIMIT $3",
            service_id,
            account_id,
            MOST,
        )
        return [KeptChange(**dict(row)) for row in rows]

    async def of_account(self, account_id: str) -> Sequence[KeptChange]:
        """Read them."""
        rows = await self._database.fetch(f"{_SELECT} WHERE account_id = $1 ORDER BY asked_at DESC", account_id)
        return [KeptChange(**dict(row)) for row in rows]

    async def standing(self, *, only_unclear: bool, limit: int) -> Sequence[KeptChange]:
        """Read them."""
        states = ["unclear"] if only_unclear else ["unclear", "working"]
        rows = await self._database.fetch(
            f"{_SELECT} WHERE state = ANY ($1) OR (state = 'done' AND code IS NOT NULL)"
            " ORDER BY asked_at, change_id LIMIT $2",
            states,
            limit,
        )
        return [KeptChange(**dict(row)) for row in rows]

    async def park_charge(self, transaction: Transaction, change_id: str, code: str | None) -> None:
        """Update it."""
        await transaction.execute(
            "UPDATE line_change SET code = $2 WHERE change_id = $1 AND state = 'done'", change_id, code
        )

    async def move(
        self, transaction: Transaction, change_id: str, state: LineChangeState, *, code: str | None, at: datetime
    ) -> bool:
        """Update it."""
        return await transaction.execute(_MOVE, change_id, state, code, at) == "UPDATE 1"


def _kept(row: "Row | None") -> KeptChange | None:
    return None if row is None else KeptChange(**dict(row))
