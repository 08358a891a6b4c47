"""A command's answer, stored with its effect: a repeat gets it again and no second effect (architecture §4, C16).

async with database.transaction() as transaction:
    if (known := await answered(transaction, command)) is not None:
        return Encoded(known)
    ...
    await remember(transaction, command, reply)
"""

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from portal_contracts.message import Command, Message
from portal_contracts.problems import Refused

if TYPE_CHECKING:
    from portal_chassis.postgres import Transaction

KEPT: Final = timedelta(days=30)
"""How long a repeat is recognised."""

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_READ: Final = "SELECT fingerprint, reply FROM portal_command WHERE subject = $1 AND owner = $2 AND key = $3"
_INSERT: Final = """
INSERT INTO portal_command (subject, owner, key, fingerprint, reply) VALUES ($1, $2, $3, $4, $5)
"""


async def answered(transaction: "Transaction", command: Command[Any], *, owner: str = "") -> bytes | None:
    """Give the stored reply of a repeat, or None the first time; concurrent repeats wait here for the first one.

    `owner` keeps the keys of customers apart (an account id); service commands leave it empty.
    Raises Refused `IDEMPOTENCY_KEY_REUSED` when the key came with other content before.
    """
    key = key_of(command)
    await transaction.execute(_LOCK, f"{command.subject}\x1f{owner}\x1f{key}")
    row = await transaction.fetchrow(_READ, command.subject, owner, key)
    if row is None:
        return None
    if bytes(row["fingerprint"]) != fingerprint(command):
        raise Refused("IDEMPOTENCY_KEY_REUSED")
    return bytes(row["reply"])


async def remember(transaction: "Transaction", command: Command[Any], reply: Message, *, owner: str = "") -> None:
    """Store the reply in the transaction of the effect."""
    body = reply.__pydantic_serializer__.to_json(reply)
    await transaction.execute(_INSERT, command.subject, owner, key_of(command), fingerprint(command), body)


def key_of(command: Command[Any]) -> str:
    """Give the command's idempotency key: the field its class names."""
    return str(getattr(command, command.key))


def fingerprint(command: Command[Any]) -> bytes:
    """Give the SHA-256 of the command's content."""
    return hashlib.sha256(command.__pydantic_serializer__.to_json(command)).digest()
