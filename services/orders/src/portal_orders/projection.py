"""The read model of orders and their timelines, in Postgres."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from portal_chassis.postgres import Database, Transaction
from portal_contracts.orders import TimelineEntry
from portal_orders.order import KeptOrder
from portal_orders.ports import NewEntry

MOST_ORDERS: Final = 500
"""Orders in one customer's list."""
_FACTS: Final = TypeAdapter(KeptOrder)
_COLUMNS: Final = "facts::text, parked, requested_at, progressed_at"
_SAVE: Final = """
INSERT INTO customer_order (order_id, account_id, order_number, state, activation, placed_at, changed_at,
                            parked, requested_at, progressed_at, facts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb)
ON CONFLICT (order_id) DO UPDATE SET
    account_id = $2, order_number = $3, state = $4, activation = $5, placed_at = $6, changed_at = $7, parked = $8,
    requested_at = $9, progressed_at = $10, facts = $11::jsonb
"""
_QUIET: Final = """
SELECT order_id FROM customer_order WHERE order_id = ANY ($1) AND activation <> 'failed'
    AND (progressed_at IS NOT NULL OR requested_at >= $2)
"""
_NEXT: Final = """
INSERT INTO order_timeline_head AS head (order_id, last_sequence) VALUES ($1, 1)
ON CONFLICT (order_id) DO UPDATE SET last_sequence = head.last_sequence + 1 RETURNING last_sequence
"""


class PostgresOrderBook:
    """The `OrderBook` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, order_id: str) -> KeptOrder | None:
        """Read one row."""
        return _order(
            await self._database.fetchrow(f"SELECT {_COLUMNS} FROM customer_order WHERE order_id = $1", order_id)  # noqa: S608 - no value in it
        )

    async def of_account(self, account_id: str) -> Sequence[KeptOrder]:
        """Read an account's rows by index."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM customer_order WHERE account_id = $1 ORDER BY placed_at DESC, order_number DESC "  # noqa: S608 - no value in it
            f"LIMIT {MOST_ORDERS}",
            account_id,
        )
        return [order for row in rows if (order := _order(row)) is not None]

    async def unprogressed(self, order_ids: Collection[str], before: datetime) -> Collection[str]:
        """Leave out those that are under way."""
        rows = await self._database.fetch(_QUIET, list(order_ids), before)
        return set(order_ids) - {row["order_id"] for row in rows}

    async def lock(self, transaction: Transaction, order_id: str) -> KeptOrder | None:
        """Read the row for update."""
        return _order(
            await transaction.fetchrow(
                f"SELECT {_COLUMNS} FROM customer_order WHERE order_id = $1 FOR UPDATE",  # noqa: S608 - no value in it
                order_id,
            )
        )

    async def save(self, transaction: Transaction, order: KeptOrder) -> None:
        """Insert or replace the row."""
        await transaction.execute(
            _SAVE,
            order.order_id,
            order.account_id,
            order.order_number,
            order.state,
            order.activation,
            order.placed_at,
            order.changed_at,
            order.parked,
            order.requested_at,
            order.progressed_at,
            _FACTS.dump_json(order).decode(),
        )

    async def progressed(self, transaction: Transaction, order_id: str, at: datetime, *, parked: bool) -> None:
        """Write two columns."""
        await transaction.execute(
            "UPDATE customer_order SET progressed_at = $2, parked = $3 WHERE order_id = $1", order_id, at, parked
        )

    async def requested(self, transaction: Transaction, order_id: str, at: datetime) -> None:
        """Write one column."""
        await transaction.execute("UPDATE customer_order SET requested_at = $2 WHERE order_id = $1", order_id, at)

    async def append(self, transaction: Transaction, order_id: str, entry: NewEntry) -> int:
        """Take the next number under the head's row lock, so that no reader sees a later one first."""
        number = int(await transaction.fetchval(_NEXT, order_id))
        shown = TimelineEntry(
            sequence=number, at=entry.at, kind=entry.kind, text=entry.text, actor=entry.actor, who_acts=entry.who_acts
        )
        await transaction.execute(
            "INSERT INTO order_timeline (order_id, sequence, at, entry) VALUES ($1, $2, $3, $4::jsonb)",
            order_id,
            number,
            entry.at,
            shown.model_dump_json(),
        )
        return number

    async def entries(self, order_id: str, after: int) -> tuple[Sequence[TimelineEntry], int]:
        """Read the entries by primary key."""
        rows = await self._database.fetch(
            "SELECT entry::text FROM order_timeline WHERE order_id = $1 AND sequence > $2 ORDER BY sequence",
            order_id,
            after,
        )
        found = [TimelineEntry.model_validate(json.loads(row["entry"])) for row in rows]
        if found:
            return found, found[-1].sequence
        last = await self._database.fetchval(
            "SELECT last_sequence FROM order_timeline_head WHERE order_id = $1", order_id
        )
        return found, int(last or 0)

    async def is_complete(self, account_id: str) -> bool:
        """Look for the mark."""
        return bool(
            await self._database.fetchval("SELECT true FROM account_complete WHERE account_id = $1", account_id)
        )

    async def set_complete(self, transaction: Transaction, account_id: str) -> None:
        """Write the mark."""
        await transaction.execute(
            "INSERT INTO account_complete (account_id) VALUES ($1) ON CONFLICT DO NOTHING", account_id
        )


def _order(row: Any) -> KeptOrder | None:
    if row is None:
        return None
    kept = _FACTS.validate_json(row["facts"])
    return replace(kept, parked=row["parked"], requested_at=row["requested_at"], progressed_at=row["progressed_at"])
