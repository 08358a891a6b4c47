"""Messages that could not be taken: raw in the consumer's own database until somebody decides (architecture §4)."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from portal_chassis.call import Call, Delivery
from portal_chassis.logs import HIDDEN, is_secret_key, redacted, redacted_text
from portal_chassis.operator_actions import DoneInVain, OperatorDesk, Plan
from portal_chassis.postgres import Database, StoreUnavailable, Transaction
from portal_contracts.dead_letters import (
    DeadLetter,
    DeadLetterAttempt,
    DeadLetterDetail,
    DeadLetterList,
    DiscardDeadLetterBase,
    ListDeadLettersBase,
    ReplayDeadLetterBase,
    ShowDeadLetterBase,
)
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import PortalProblem, Refused

if TYPE_CHECKING:
    from asyncpg import Record

_LONGEST_PROBLEM: Final = 500
_BURY: Final = """
INSERT INTO portal_dead_letter (durable, message_id, subject, headers, body, problem, delivered)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
ON CONFLICT (durable, message_id) DO UPDATE SET delivered = excluded.delivered
"""
_COLUMNS: Final = "id, durable, subject, message_id, problem, delivered, buried_at, state"
_LIST: Final = f"""
SELECT {_COLUMNS}, count(*) OVER () AS total FROM portal_dead_letter WHERE state = $1 ORDER BY id DESC LIMIT $2
"""  # noqa: S608 - a constant
_SHOW: Final = f"SELECT {_COLUMNS}, headers::text AS headers, body FROM portal_dead_letter WHERE id = $1"  # noqa: S608 - a constant
_CLOSE: Final = """
UPDATE portal_dead_letter SET state = $2, closed_at = clock_timestamp(), closed_by = $3, reason = $4 WHERE id = $1
"""
_NOTE: Final = "INSERT INTO portal_dead_letter_attempt (dead_letter_id, operator, problem) VALUES ($1, $2, $3)"
_ATTEMPTS: Final = """
SELECT at, operator AS by, problem FROM portal_dead_letter_attempt WHERE dead_letter_id = $1 ORDER BY id
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

    def __init__(self, database: Database, take: Take, operators: OperatorDesk) -> None:
        self._database = database
        self._take = take
        self._operators = operators

    async def list(self, request: ListDeadLettersBase, _call: Call) -> DeadLetterList:
        """Give the newest dead letters of a state."""
        rows = await self._database.fetch(_LIST, request.state, request.limit)
        total = rows[0]["total"] if rows else 0
        return DeadLetterList(dead_letters=[_dead_letter(row) for row in rows], total=total)

    async def show(self, request: ShowDeadLetterBase, _call: Call) -> DeadLetterDetail:
        """Give one dead letter with its payload, secrets hidden, and the replays that failed."""
        row = await self._database.fetchrow(_SHOW, request.id)
        if row is None:
            raise Refused("NOT_FOUND")
        headers = {name: HIDDEN if is_secret_key(name) else value for name, value in json.loads(row["headers"]).items()}
        attempts = [DeadLetterAttempt(**dict(one)) for one in await self._database.fetch(_ATTEMPTS, request.id)]
        payload = _shown(bytes(row["body"]))
        return DeadLetterDetail(dead_letter=_dead_letter(row), headers=headers, payload=payload, attempts=attempts)

    async def replay(self, request: ReplayDeadLetterBase, call: Call) -> OperatorOutcome:
        """Run the handler on the raw bytes again; effect, inbox row and the letter's new state are one transaction.

        When it fails again, the letter stays buried, its history grows and the operator is told what was raised.
        """
        operator = call.operator().operator
        failure: Exception | None = None

        async def plan(transaction: Transaction) -> Plan:
            row = await self._locked(transaction, request.id)
            if row["state"] != "buried":
                return Plan(())
            change = f"Hand {row['subject']}, message {row['message_id']}, to {row['durable']} again."

            async def take(inside: Transaction) -> None:
                nonlocal failure
                try:
                    await self._take(row["durable"], bytes(row["body"]), _delivery(row, inside))
                except Exception as error:
                    failure = error
                    if isinstance(error, PortalProblem | TimeoutError):  # it says itself what there is to do
                        raise
                    raise DoneInVain(change, f"It failed again: {described(error)}") from error
                await inside.execute(_CLOSE, request.id, "replayed", operator, request.reason)

            return Plan((change,), take)

        try:
            return await self._operators.carry_out(request, call, plan, target=str(request.id))
        finally:
            if failure is not None:
                await self._note(request.id, operator, failure)

    async def discard(self, request: DiscardDeadLetterBase, call: Call) -> OperatorOutcome:
        """Close a letter for good; who and why stay with it."""

        async def plan(transaction: Transaction) -> Plan:
            row = await self._locked(transaction, request.id)
            if row["state"] != "buried":
                return Plan(())

            async def close(inside: Transaction) -> None:
                await inside.execute(_CLOSE, request.id, "discarded", call.operator().operator, request.reason)

            return Plan((f"Close {row['subject']}, message {row['message_id']}, without taking it.",), close)

        return await self._operators.carry_out(request, call, plan, target=str(request.id))

    async def _note(self, dead_letter_id: int, operator: str, error: Exception) -> None:
        """Add a failed replay to the letter's history; the first error is the one to tell when that fails too."""
        with suppress(StoreUnavailable, TimeoutError):
            await self._database.execute(_NOTE, dead_letter_id, operator, described(error))

    async def _locked(self, transaction: Transaction, dead_letter_id: int) -> "Record":
        row = await transaction.fetchrow(f"{_SHOW} FOR UPDATE", dead_letter_id)
        if row is None:
            raise Refused("NOT_FOUND")
        return row


def _delivery(row: "Record", transaction: Transaction) -> Delivery:
    return Delivery(
        transaction=transaction,
        message_id=row["message_id"],
        subject=row["subject"],
        traceparent=json.loads(row["headers"]).get("traceparent"),
        delivered=row["delivered"] + 1,
    )


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
