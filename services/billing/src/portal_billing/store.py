"""Billing's own decisions in Postgres: desks and verdicts of orders, turns of clients, commands carried out."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from portal_billing.order_desk import OrderDesk, Verdict, merged, swept, winner_of
from portal_chassis.idempotency import answered, remember
from portal_chassis.postgres import Database, Transaction
from portal_chassis.process import JournalEntry
from portal_contracts.billing import OrderLine
from portal_contracts.message import Command, Event, Message
from portal_contracts.problems import Refused

_LINES: Final = TypeAdapter(tuple[OrderLine, ...])
_NAMES: Final = tuple(one.name for one in fields(OrderDesk))
_VALUES: Final = ", ".join(f"${number}{'::jsonb' if name == 'lines' else ''}" for number, name in enumerate(_NAMES, 1))
_READ: Final = f"SELECT {', '.join(_NAMES)} FROM whmcs_order WHERE order_id = $1"  # noqa: S608 - no value in it
_INSERT: Final = f"""
INSERT INTO whmcs_order ({", ".join(_NAMES)}) VALUES ({_VALUES}) ON CONFLICT (order_id) DO NOTHING
"""  # noqa: S608 - no value in it
_UPDATE: Final = f"""
UPDATE whmcs_order SET ({", ".join(_NAMES)}, updated_at) = ROW ({_VALUES}, clock_timestamp()) WHERE order_id = $1
"""  # noqa: S608 - no value in it
_DECIDE: Final = """
INSERT INTO whmcs_order_verdict (whmcs_order_id, order_id, round, winner) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_DETHRONE: Final = """
UPDATE whmcs_order_verdict SET winner = false, decided_at = clock_timestamp()
WHERE order_id = $1 AND round = $2 AND winner AND whmcs_order_id <> $3
"""
_CROWN: Final = """
INSERT INTO whmcs_order_verdict AS known (whmcs_order_id, order_id, round, winner) VALUES ($1, $2, $3, true)
ON CONFLICT (whmcs_order_id) DO UPDATE SET winner = true, round = $3, decided_at = clock_timestamp()
WHERE known.order_id = $2
"""
_VERDICTS: Final = "SELECT whmcs_order_id, round, winner FROM whmcs_order_verdict WHERE order_id = $1"
_TURN: Final = "SELECT pg_try_advisory_lock(hashtextextended('whmcs client ' || $1::text, 0))"
_JOURNAL: Final = """
SELECT entry.id, entry.step, entry.call, entry.state, entry.fingerprint, entry.external_id, entry.evidence::text,
       entry.attempt, entry.generation, entry.at
FROM portal_process_journal entry JOIN portal_process process ON process.id = entry.process
WHERE process.kind LIKE 'whmcs\\_%' AND split_part(process.key, ' ', 1) = $1 ORDER BY entry.id
"""


class PostgresOrderBook:
    """The OrderBook port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def want(self, transaction: Transaction, desk: OrderDesk) -> OrderDesk:
        """Lock the desk, merge the want into it, write it back."""
        standing = await self.lock(transaction, desk.order_id)
        if standing is None:
            first = merged(None, desk, has_winner=False)
            if await transaction.execute(_INSERT, *_values(first)) == "INSERT 0 1":
                return first
            standing = await self._locked(transaction, desk.order_id)  # somebody was faster
        verdicts = _verdicts(await transaction.fetch(_VERDICTS, desk.order_id))
        wanted = merged(standing, desk, has_winner=winner_of(verdicts, standing.round) is not None)
        await self.put(transaction, wanted)
        return wanted

    async def read(self, order_id: str) -> OrderDesk | None:
        """Read the desk."""
        row = await self._database.fetchrow(_READ, order_id)
        return None if row is None else _desk(row)

    async def lock(self, transaction: Transaction, order_id: str) -> OrderDesk | None:
        """Read the desk for update."""
        row = await transaction.fetchrow(f"{_READ} FOR UPDATE", order_id)
        return None if row is None else _desk(row)

    async def put(self, transaction: Transaction, desk: OrderDesk) -> None:
        """Write all of the desk."""
        await transaction.execute(_UPDATE, *_values(desk))

    async def elect(self, order_id: str, round_: int, whmcs_order_id: int) -> int | None:
        """Insert the verdict unless one stands, then read who won: a compare-and-set whoever races."""
        await self._database.execute(_DECIDE, whmcs_order_id, order_id, round_, True)
        return winner_of(await self.verdicts(order_id), round_)

    async def discard(self, order_id: str, round_: int, whmcs_order_id: int) -> bool:
        """Insert the verdict unless one stands, then read which one stands."""
        await self._database.execute(_DECIDE, whmcs_order_id, order_id, round_, False)
        verdict = (await self.verdicts(order_id)).get(whmcs_order_id)
        return verdict is not None and not verdict.winner

    async def crown(self, transaction: Transaction, order_id: str, round_: int, whmcs_order_id: int) -> None:
        """First take the crown from whoever has it: the index allows one at a time."""
        await transaction.execute(_DETHRONE, order_id, round_, whmcs_order_id)
        if await transaction.execute(_CROWN, whmcs_order_id, order_id, round_) != "INSERT 0 1":
            difference = "it belongs to another order"
            raise Refused("WHMCS_ORDER_NOT_OURS", facts={"whmcs_order_id": whmcs_order_id, "difference": difference})

    async def verdicts(self, order_id: str) -> Mapping[int, Verdict]:
        """Read all verdicts of an order."""
        return _verdicts(await self._database.fetch(_VERDICTS, order_id))

    async def released(self, transaction: Transaction, order_id: str) -> None:
        """Begin the next round."""
        await transaction.execute(
            "UPDATE whmcs_order SET round = round + 1, closing = false, retries = 0 WHERE order_id = $1", order_id
        )

    async def stays(self, transaction: Transaction, order_id: str) -> None:
        """Give the release up."""
        await transaction.execute(
            "UPDATE whmcs_order SET closing = false, given_up = false WHERE order_id = $1", order_id
        )

    async def closed(self, transaction: Transaction, order_id: str) -> None:
        """Forget personal data."""
        await transaction.execute(
            "UPDATE whmcs_order SET eid = NULL, phone_number = NULL, iccid = NULL WHERE order_id = $1", order_id
        )

    async def sweep(self, transaction: Transaction, order_id: str, until: datetime) -> OrderDesk:
        """Count the new search in."""
        desk = swept(await self._locked(transaction, order_id), until)
        await self.put(transaction, desk)
        return desk

    async def _locked(self, transaction: Transaction, order_id: str) -> OrderDesk:
        desk = await self.lock(transaction, order_id)
        if desk is None:
            raise LookupError(f"order {order_id} has no desk")
        return desk


def _values(desk: OrderDesk) -> tuple[Any, ...]:
    values = {name: getattr(desk, name) for name in _NAMES}
    return tuple({**values, "lines": _LINES.dump_json(tuple(desk.lines)).decode()}.values())


def _desk(row: Any) -> OrderDesk:
    facts = {**dict(row), "lines": _LINES.validate_python(json.loads(row["lines"]))}
    return OrderDesk(**facts)


def _verdicts(rows: Any) -> dict[int, Verdict]:
    return {int(row["whmcs_order_id"]): Verdict(row["round"], row["winner"]) for row in rows}


class PostgresOrderJournal:
    """The OrderJournal port on the chassis's journal. Keys of searches begin with the order they are for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, order_id: str) -> Sequence[JournalEntry]:
        """Read the entries of the order's process and of its searches."""
        rows = await self._database.fetch(_JOURNAL, order_id)
        return [JournalEntry(**{**dict(row), "evidence": json.loads(row["evidence"])}) for row in rows]


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

    async def remember(self, command: Command[Any], reply: Message, *events: Event) -> None:
        """Write the key and the events unless the key is there."""
        async with self._database.transaction() as transaction:
            if await answered(transaction, command) is None:
                await remember(transaction, command, reply)
                for event in events:
                    await transaction.record(event)
