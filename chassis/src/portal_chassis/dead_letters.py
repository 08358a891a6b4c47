"""Messages that could not be taken: raw in the consumer's own database until somebody decides (architecture §4)."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from portal_chassis.call import Call, Delivery
from portal_chassis.logs import HIDDEN, is_secret_key, redacted, redacted_text
from portal_chassis.postgres import Database, Transaction
from portal_contracts.dead_letters import (
    DeadLetter,
    DeadLetterDetail,
    DeadLetterList,
    DiscardDeadLetterBase,
    ListDeadLettersBase,
    ReplayDeadLetterBase,
    ShowDeadLetterBase,
)
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused

if TYPE_CHECKING:
    from asyncpg import Record

_LONGEST_PROBLEM: Final = 500
_BURY: Final = """
INSERT INTO portal_dead_letter (durable, message_id, subject, headers, body, problem, delivered)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
ON CONFLICT (durable, message_id) DO UPDATE SET delivered = excluded.delivered
"""
_COLUMNS: Final = "id, durable, subject, message_id, problem, delivered, buried_at, state"
_LIST: Final = f"SELECT {_COLUMNS} FROM portal_dead_letter WHERE state = $1 ORDER BY id DESC LIMIT $2"  # noqa: S608 - a constant
_COUNT: Final = "SELECT count(*) FROM portal_dead_letter WHERE state = $1"
_SHOW: Final = f"SELECT {_COLUMNS}, headers::text AS headers, body FROM portal_dead_letter WHERE id = $1"  # noqa: S608 - a constant
_CLOSE: Final = """
UPDATE portal_dead_letter SET state = $2, closed_at = clock_timestamp(), closed_by = $3, reason = $4 WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message as it came from the bus, before anything was read from it."""

    durable: str
    message_id: str
    subject: str
    headers: Mapping[str, str]
    body: bytes
    delivered: int


Take = Callable[[str, bytes, Delivery], Awaitable[None]]
"""Reads a raw message of a durable and runs its handler, in the delivery's transaction, with its inbox row."""


async def bury(database: Database, message: Undelivered, error: Exception) -> None:
    """Store a message with what was raised; burying it twice is harmless."""
    async with database.transaction() as transaction:
        await transaction.execute(
            _BURY,
            message.durable,
            message.message_id,
            message.subject,
            json.dumps(dict(message.headers)),
            message.body,
            described(error),
            message.delivered,
        )


def described(error: Exception) -> str:
    """Give class and text of an error, without what it may quote from the payload."""
    text = str(error)
    if isinstance(error, ValidationError):
        places = error.errors(include_url=False, include_context=False, include_input=False)
        text = "; ".join(f"{'.'.join(str(part) for part in place['loc'])}: {place['msg']}" for place in places)
    return redacted_text(f"{type(error).__name__}: {text}")[:_LONGEST_PROBLEM]


class DeadLetterDesk:
    """The answers to the four requests about a service's dead letters."""

    def __init__(self, database: Database, take: Take) -> None:
        self._database = database
        self._take = take

    async def list(self, request: ListDeadLettersBase, _call: Call) -> DeadLetterList:
        """Give the newest dead letters of a state."""
        rows = await self._database.fetch(_LIST, request.state, request.limit)
        total = await self._database.fetchval(_COUNT, request.state)
        return DeadLetterList(dead_letters=[_dead_letter(row) for row in rows], total=total)

    async def show(self, request: ShowDeadLetterBase, _call: Call) -> DeadLetterDetail:
        """Give one dead letter with its payload, secrets hidden."""
        row = await self._database.fetchrow(_SHOW, request.id)
        if row is None:
            raise Refused("NOT_FOUND")
        headers = {name: HIDDEN if is_secret_key(name) else value for name, value in json.loads(row["headers"]).items()}
        return DeadLetterDetail(dead_letter=_dead_letter(row), headers=headers, payload=_shown(bytes(row["body"])))

    async def replay(self, request: ReplayDeadLetterBase, _call: Call) -> Acknowledged:
        """Run the handler on the raw bytes again; effect, inbox row and the letter's new state are one transaction.

        When it fails again, the letter stays buried and the caller gets what was raised.
        """
        async with self._database.transaction() as transaction:
            row = await self._locked(transaction, request.id)
            if row["state"] == "buried":
                delivery = Delivery(
                    transaction=transaction,
                    message_id=row["message_id"],
                    subject=row["subject"],
                    traceparent=json.loads(row["headers"]).get("traceparent"),
                    delivered=row["delivered"] + 1,
                )
                await self._take(row["durable"], bytes(row["body"]), delivery)
                await transaction.execute(_CLOSE, request.id, "replayed", request.operator, None)
        return Acknowledged()

    async def discard(self, request: DiscardDeadLetterBase, _call: Call) -> Acknowledged:
        """Close a letter for good; who and why stay with it."""
        async with self._database.transaction() as transaction:
            row = await self._locked(transaction, request.id)
            if row["state"] == "buried":
                await transaction.execute(_CLOSE, request.id, "discarded", request.operator, request.reason)
        return Acknowledged()

    async def _locked(self, transaction: Transaction, dead_letter_id: int) -> "Record":
        row = await transaction.fetchrow(f"{_SHOW} FOR UPDATE", dead_letter_id)
        if row is None:
            raise Refused("NOT_FOUND")
        return row


def _dead_letter(row: "Record") -> DeadLetter:
    return DeadLetter(
        id=row["id"],
        subject=row["subject"],
        message_id=row["message_id"],
        problem=row["problem"],
        delivered=row["delivered"],
        buried_at=row["buried_at"],
        state=row["state"],
    )


def _shown(body: bytes) -> str:
    """Give a payload for people: JSON with secrets hidden, anything else as text with unreadable bytes escaped."""
    try:
        content: Any = json.loads(body)
    except ValueError:
        return redacted_text(body.decode("utf-8", "backslashreplace"))
    return json.dumps(redacted(content), ensure_ascii=False)
