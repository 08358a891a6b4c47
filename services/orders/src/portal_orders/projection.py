"""The read model of orders and their timelines, in Postgres."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from portal_chassis.postgres import Database, Transaction
from portal_contracts.orders import TimelineEntry
from portal_contracts.problems import CATALOGUE, staff_text
from portal_contracts.provisioning_requests import StaffTimelineEntry
from portal_orders.order import ENDED, KeptOrder, KeptProgress
from portal_orders.ports import NewEntry, StaffNote

_FACTS: Final = TypeAdapter(KeptOrder)
_PROGRESS: Final = TypeAdapter(KeptProgress)
_STAFF: Final = TypeAdapter(StaffNote)
_COLUMNS: Final = "facts::text, parked, requested_at, progressed_at, progress::text"
_PAGE: Final = f"""
SELECT {_COLUMNS} FROM customer_order
WHERE account_id = $1 AND state <> 'draft'
    AND ($2::timestamptz IS NULL OR (placed_at, order_number) < ($2::timestamptz, $3::text))
ORDER BY placed_at DESC, order_number DESC LIMIT $4
"""  # noqa: S608 - no value in it
_SAVE: Final = """
INSERT INTO customer_order (order_id, account_id, order_number, state, activation, placed_at, changed_at,
                            parked, requested_at, progressed_at, facts, progress)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12::jsonb)
ON CONFLICT (order_id) DO UPDATE SET
    account_id = $2, order_number = $3, state = $4, activation = $5, placed_at = $6, changed_at = $7, parked = $8,
    requested_at = $9, progressed_at = $10, facts = $11::jsonb, progress = $12::jsonb
"""
_QUIET: Final = """
SELECT order_id FROM customer_order WHERE order_id = ANY ($1) AND CASE
    WHEN activation = 'failed' AND (progress IS NULL OR progress ->> 'stage' = ANY ($4)) THEN false
    WHEN progressed_at IS NULL OR progress ->> 'stage' = 'withdrawn' THEN requested_at >= $2
    ELSE greatest(requested_at, progressed_at) >= $3 END
"""
_PROGRESSED: Final = """
UPDATE customer_order SET progressed_at = $2, parked = $3, progress = $4::jsonb WHERE order_id = $1
"""
_NEXT: Final = """
INSERT INTO order_timeline_head AS head (order_id, last_sequence) VALUES ($1, 1)
ON CONFLICT (order_id) DO UPDATE SET last_sequence = head.last_sequence + 1 RETURNING last_sequence
"""
_APPEND: Final = """
INSERT INTO order_timeline (order_id, sequence, at, entry, staff) VALUES ($1, $2, $3, $4::jsonb, $5::jsonb)
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
            f"SELECT {_COLUMNS} FROM customer_order WHERE account_id = $1 ORDER BY placed_at DESC, order_number DESC",  # noqa: S608 - no value in it
            account_id,
        )
        return [order for row in rows if (order := _order(row)) is not None]

    async def page(self, account_id: str, after: tuple[datetime, str] | None, most: int) -> Sequence[KeptOrder]:
        """Read a part of the same by index."""
        placed_at, number = after or (None, None)
        rows = await self._database.fetch(_PAGE, account_id, placed_at, number, most)
        return [order for row in rows if (order := _order(row)) is not None]

    async def order_ids(self) -> Collection[str]:
        """Read the primary key."""
        return {row["order_id"] for row in await self._database.fetch("SELECT order_id FROM customer_order")}

    async def unprogressed(
        self, order_ids: Collection[str], *, asked_before: datetime, silent_before: datetime
    ) -> Collection[str]:
        """Leave out those that are under way."""
        rows = await self._database.fetch(_QUIET, list(order_ids), asked_before, silent_before, sorted(ENDED))
        return set(order_ids) - {row["order_id"] for row in rows}

    async def reviewing(self) -> tuple[int, datetime | None]:
        """Count by the state's index."""
        row = await self._database.fetchrow(
            "SELECT count(*) AS number, min(placed_at) AS since FROM customer_order WHERE state = 'pending_review'"
        )
        return (row["number"], row["since"]) if row else (0, None)

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
            _FACTS.dump_json(order, exclude={"progress"}).decode(),
            _PROGRESS.dump_json(order.progress).decode() if order.progress else None,
        )

    async def progressed(self, transaction: Transaction, order_id: str, said: KeptProgress) -> None:
        """Lock the row, and write three columns."""
        kept = await self.lock(transaction, order_id)
        if kept is None:
            return
        now = kept.progress.after(said) if kept.progress else said.first()
        parked = now.stage == "needs_human"
        await transaction.execute(_PROGRESSED, order_id, now.at, parked, _PROGRESS.dump_json(now).decode())

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
            _APPEND,
            order_id,
            number,
            entry.at,
            shown.model_dump_json(),
            _STAFF.dump_json(entry.staff).decode(),
        )
        return number

    async def entries(self, order_id: str, after: int) -> tuple[Sequence[TimelineEntry], int]:
        """Read the entries by primary key."""
        rows = await self._database.fetch(
            "SELECT entry::text FROM order_timeline WHERE order_id = $1 AND sequence > $2::bigint ORDER BY sequence",
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

    async def staff_entries(self, order_id: str) -> Sequence[StaffTimelineEntry]:
        """Read all entries by primary key."""
        rows = await self._database.fetch(
            "SELECT entry::text, staff::text FROM order_timeline WHERE order_id = $1 ORDER BY sequence", order_id
        )
        return [
            staff_entry(
                TimelineEntry.model_validate_json(row["entry"]),
                _STAFF.validate_json(row["staff"]) if row["staff"] else StaffNote(),
            )
            for row in rows
        ]

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


def staff_entry(entry: TimelineEntry, note: StaffNote) -> StaffTimelineEntry:
    """Join an entry with staff's part; what its code means is worded today."""
    shown = {name: getattr(entry, name) for name in TimelineEntry.model_fields}
    code = note.code
    meaning = staff_text(code, note.facts) if code is not None and code in CATALOGUE else ""
    return StaffTimelineEntry(**shown, **asdict(note), staff_text=meaning)


def _order(row: Any) -> KeptOrder | None:
    if row is None:
        return None
    return replace(
        _FACTS.validate_json(row["facts"]),
        parked=row["parked"],
        requested_at=row["requested_at"],
        progressed_at=row["progressed_at"],
        progress=_PROGRESS.validate_json(row["progress"]) if row["progress"] else None,
    )
