from datetime import datetime
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_identity.ports import Enrolment

_FIND: Final = """
SELECT e.token_hash, e.sealed_seed, o.id AS operator_id, o.email
FROM operator_enrolment e JOIN operator o ON o.id = e.operator_id
WHERE e.token_hash = $1 AND e.ended_at IS NULL AND e.expires_at > $2 AND o.revoked_at IS NULL
"""
_PUT_SEED: Final = "UPDATE operator_enrolment SET sealed_seed = $2 WHERE token_hash = $1 AND ended_at IS NULL"
_END: Final = (
    "UPDATE operator_enrolment SET ended_at = now(), sealed_seed = NULL WHERE token_hash = $1 AND ended_at IS NULL"
)
_END_ALL: Final = """
UPDATE operator_enrolment SET ended_at = now(), sealed_seed = NULL WHERE operator_id = $1 AND ended_at IS NULL
"""


class Enrolments:
    """Enrolments that were opened for operators; only hashes of their tokens are stored, seeds are sealed."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def find(self, token_hash: bytes, now: datetime) -> Enrolment | None:
        """Give the enrolment of a token that is unused, young enough, and of somebody who has access."""
        row = await self._database.fetchrow(_FIND, token_hash, now)
        if row is None:
            return None
        sealed = row["sealed_seed"]
        seed = self._seal.open(bytes(sealed), record=record_of(token_hash)) if sealed is not None else None
        return Enrolment(token_hash, str(row["operator_id"]), row["email"], seed)

    async def put_seed(self, transaction: Transaction, enrolment: Enrolment, seed: str) -> bool:
        """Store the seed that is about to be shown, in place of one shown before; False when the enrolment ended."""
        sealed = self._seal.close(seed, record=record_of(enrolment.token_hash))
        done = await transaction.execute(_PUT_SEED, enrolment.token_hash, sealed)
        return done.endswith(" 1")

    async def end(self, transaction: Transaction, enrolment: Enrolment) -> bool:
        """Use an enrolment up; False when somebody was faster."""
        done = await transaction.execute(_END, enrolment.token_hash)
        return done.endswith(" 1")


async def open_enrolment(transaction: Transaction, operator_id: str, token_hash: bytes, expires_at: datetime) -> None:
    """Open an enrolment in place of all earlier ones of the operator."""
    await end_enrolments(transaction, operator_id)
    await transaction.execute(
        "INSERT INTO operator_enrolment (token_hash, operator_id, expires_at) VALUES ($1, $2, $3)",
        token_hash,
        UUID(operator_id),
        expires_at,
    )


async def end_enrolments(transaction: Transaction, operator_id: str) -> None:
    """End every open enrolment of an operator."""
    await transaction.execute(_END_ALL, UUID(operator_id))


def record_of(token_hash: bytes) -> str:
    """Name what an enrolment's seed is bound to."""
    return f"enrolment {token_hash.hex()}"
