"""Billing's own decisions in Postgres: desks and verdicts of orders, turns of clients, commands carried out."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic import TypeAdapter

from portal_billing.order_desk import OrderDesk, Verdict, merged, winner_of
from portal_chassis.idempotency import answered, remember
from portal_chassis.postgres import Database, Transaction
from portal_contracts.billing import OrderLine
from portal_contracts.message import Command, Message

_LINES: Final = TypeAdapter(tuple[OrderLine, ...])
_COLUMNS: Final = "order_id, goal, generation, client_id, lines::text, eid, phone_number, iccid, round, ask, closing"
_INSERT: Final = """
INSERT INTO whmcs_order (order_id, goal, generation, client_id, lines, eid, phone_number, iccid, closing)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9) ON CONFLICT (order_id) DO NOTHING
"""
_UPDATE: Final = """
UPDATE whmcs_order SET goal = $2, generation = $3, client_id = $4, lines = $5::jsonb, eid = $6, phone_number = $7,
       iccid = $8, closing = $9, ask = $10, updated_at = clock_timestamp() WHERE order_id = $1
"""
_READ: Final = f"SELECT {_COLUMNS} FROM whmcs_order WHERE order_id = $1"  # noqa: S608 - no value in it
_DECIDE: Final = """
INSERT INTO whmcs_order_verdict (whmcs_order_id, order_id, round, winner) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_VERDICTS: Final = "SELECT whmcs_order_id, round, winner FROM whmcs_order_verdict WHERE order_id = $1"
_TURN: Final = "SELECT pg_try_advisory_lock(hashtextextended('whmcs client ' || $1::text, 0))"


class PostgresOrderBook:
    """The OrderBook port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def want(self, transaction: Transaction, desk: OrderDesk) -> OrderDesk:
        """Lock the desk, merge the want into it, write it back."""
        row = await transaction.fetchrow(f"{_READ} FOR UPDATE", desk.order_id)
        if row is None:
            first = merged(None, desk, has_winner=False)
            if await transaction.execute(_INSERT, *_values(first)) == "INSERT 0 1":
                return first
            row = await transaction.fetchrow(f"{_READ} FOR UPDATE", desk.order_id)  # somebody was faster
        standing = _desk(row)
        verdicts = _verdicts(await transaction.fetch(_VERDICTS, desk.order_id))
        wanted = merged(standing, desk, has_winner=winner_of(verdicts, standing.round) is not None)
        await transaction.execute(_UPDATE, *_values(wanted), wanted.ask)
        return wanted

    async def read(self, order_id: str) -> OrderDesk | None:
        """Read the desk."""
        row = await self._database.fetchrow(_READ, order_id)
        return None if row is None else _desk(row)

    async def elect(self, order_id: str, round_: int, whmcs_order_id: int) -> int | None:
        """Insert the verdict unless one stands, then read who won: a compare-and-set whoever races."""
        await self._database.execute(_DECIDE, whmcs_order_id, order_id, round_, True)
        return winner_of(await self.verdicts(order_id), round_)

    async def discard(self, order_id: str, round_: int, whmcs_order_id: int) -> bool:
        """Insert the verdict unless one stands, then read which one stands."""
        await self._database.execute(_DECIDE, whmcs_order_id, order_id, round_, False)
        verdict = (await self.verdicts(order_id)).get(whmcs_order_id)
        return verdict is not None and not verdict.winner

    async def verdicts(self, order_id: str) -> Mapping[int, Verdict]:
        """Read all verdicts of an order."""
        return _verdicts(await self._database.fetch(_VERDICTS, order_id))

    async def released(self, transaction: Transaction, order_id: str) -> None:
        """Begin the next round."""
        await transaction.execute(
            "UPDATE whmcs_order SET round = round + 1, closing = false WHERE order_id = $1", order_id
        )

    async def stays(self, transaction: Transaction, order_id: str) -> None:
        """Give the release up."""
        await transaction.execute("UPDATE whmcs_order SET closing = false WHERE order_id = $1", order_id)

    async def closed(self, transaction: Transaction, order_id: str) -> None:
        """Forget personal data."""
        await transaction.execute(
            "UPDATE whmcs_order SET eid = NULL, phone_number = NULL, iccid = NULL WHERE order_id = $1", order_id
        )


def _values(desk: OrderDesk) -> tuple[Any, ...]:
    return (
        desk.order_id,
        desk.goal,
        desk.generation,
        desk.client_id,
        _LINES.dump_json(tuple(desk.lines)).decode(),
        desk.eid,
        desk.phone_number,
        desk.iccid,
        desk.closing,
    )


def _desk(row: Any) -> OrderDesk:
    facts = {**dict(row), "lines": _LINES.validate_python(json.loads(row["lines"]))}
    return OrderDesk(**facts)


def _verdicts(rows: Any) -> dict[int, Verdict]:
    return {int(row["whmcs_order_id"]): Verdict(row["round"], row["winner"]) for row in rows}


class PostgresClientTurns:
    """The ClientTurns port: a session lock on a connection of its own, which dies with its worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def turn(self, client_id: int) -> AsyncIterator[bool]:
        """Try the lock; closing the connection gives it back."""
        async with self._database.session() as connection:
            yield bool(await connection.fetchval(_TURN, str(client_id)))


class PostgresCommandLog:
    """The CommandLog port on the chassis's table of commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answered(self, command: Command[Any]) -> bool:
        """Look the key up."""
        async with self._database.transaction() as transaction:
            return await answered(transaction, command) is not None

    async def remember(self, command: Command[Any], reply: Message) -> None:
        """Write the key unless it is there."""
        async with self._database.transaction() as transaction:
            if await answered(transaction, command) is None:
                await remember(transaction, command, reply)
