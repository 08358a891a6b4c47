"""Cancellations in Postgres."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from portal_chassis.postgres import Database, Transaction
from portal_contracts.cancellation import CancellationState
from portal_orders.cancellation_ports import KeptCancellation

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

_SELECT: Final = """
SELECT cancellation_id, account_id, service_id, order_id, category, request, fingerprint, initial, requested_at,
       ends_on, effective_at, state
FROM cancellation
"""
_ADD: Final = """
INSERT INTO cancellation (cancellation_id, account_id, service_id, order_id, category, request, fingerprint, initial,
                          requested_at, ends_on, effective_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
"""
_NEWEST: Final = f"{_SELECT} WHERE account_id = $1 AND service_id = $2 ORDER BY requested_at DESC LIMIT 1"


class PostgresCancellations:
    """The `Cancellations` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, transaction: Transaction, cancellation: KeptCancellation) -> bool:
        """Insert unless one of the two unique indexes forbids it."""
        done = await transaction.execute(
            _ADD,
            cancellation.cancellation_id,
            cancellation.account_id,
            cancellation.service_id,
            cancellation.order_id,
            cancellation.category,
            cancellation.request,
            cancellation.fingerprint,
            cancellation.initial,
            cancellation.requested_at,
            cancellation.ends_on,
            cancellation.effective_at,
        )
        return done == "INSERT 0 1"

    async def of_request(self, account_id: str, request: str) -> KeptCancellation | None:
        """Read by the request."""
        row = await self._database.fetchrow(f"{_SELECT} WHERE account_id = $1 AND request = $2", account_id, request)
        return _kept(row)

    async def of_service(self, account_id: str, service_id: int) -> KeptCancellation | None:
        """Read the newest."""
        return _kept(await self._database.fetchrow(_NEWEST, account_id, service_id))

    async def lock(self, transaction: Transaction, cancellation_id: str) -> KeptCancellation | None:
        """Read for update."""
        return _kept(await transaction.fetchrow(f"{_SELECT} WHERE cancellation_id = $1 FOR UPDATE", cancellation_id))

    async def move(
        self, transaction: Transaction, cancellation_id: str, before: Sequence[CancellationState], to: CancellationState
    ) -> bool:
        """Update."""
        done = await transaction.execute(
            "UPDATE cancellation SET state = $3 WHERE cancellation_id = $1 AND state = ANY ($2)",
            cancellation_id,
            list(before),
            to,
        )
        return done == "UPDATE 1"

    async def reschedule(self, transaction: Transaction, cancellation_id: str, ends_on: date, at: datetime) -> None:
        """Update."""
        await transaction.execute(
            "UPDATE cancellation SET ends_on = $2, effective_at = $3 WHERE cancellation_id = $1",
            cancellation_id,
            ends_on,
            at,
        )


def _kept(row: "Row | None") -> KeptCancellation | None:
    return None if row is None else KeptCancellation(**dict(row))
