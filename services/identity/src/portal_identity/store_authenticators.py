import base64
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_identity.secret_tokens import token_hash

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

CODES: Final = 10
_CODE_BYTES: Final = 10
_GROUP: Final = 4
_FIND: Final = "SELECT sealed_seed, sealed_pending FROM authenticator WHERE user_id = $1"
_PUT_PENDING: Final = """
INSERT INTO authenticator (user_id, sealed_pending) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET sealed_pending = excluded.sealed_pending
"""
_CONFIRM: Final = """
UPDATE authenticator SET sealed_seed = sealed_pending, sealed_pending = NULL, last_step = $3, confirmed_at = now()
WHERE user_id = $1 AND sealed_pending = $2
"""
_USE_STEP: Final = """
UPDATE authenticator SET last_step = $2 WHERE user_id = $1 AND last_step < $2 AND sealed_seed IS NOT NULL
"""
_USE_CODE: Final = """
UPDATE recovery_code SET used_at = now() WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL
"""


class Authenticators:
    """Customers' authenticator apps and recovery codes. Seeds are sealed, codes are hashes."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def of(self, user_id: str) -> str | None:
        """Give the seed of a user who has confirmed one."""
        row = await self._database.fetchrow(_FIND, UUID(user_id))
        return self._seed(user_id, row["sealed_seed"]) if row is not None else None

    async def pending(self, transaction: Transaction, user_id: str) -> tuple[str, bytes] | None:
        """Give the seed that was shown last and is not confirmed yet, and its sealed form."""
        row = await transaction.fetchrow(f"{_FIND} FOR UPDATE", UUID(user_id))
        sealed = _sealed_pending(row)
        seed = self._seed(user_id, sealed)
        return (seed, sealed) if seed is not None and sealed is not None else None

    async def put_pending(self, user_id: str, seed: str) -> None:
        """Keep a seed that is being shown, in place of an earlier one."""
        await self._database.execute(_PUT_PENDING, UUID(user_id), self._seal.close(seed, record=record_of(user_id)))

    async def confirm(self, transaction: Transaction, user_id: str, sealed: bytes, step: int) -> bool:
        """Put the pending seed in force, its first code used up; False when it was replaced meanwhile."""
        return (await transaction.execute(_CONFIRM, UUID(user_id), sealed, step)).endswith(" 1")

    async def hold(self, transaction: Transaction, user_id: str) -> bool:
        """Keep the authenticator from going away until the transaction ends; False when there is none."""
        statement = "SELECT 1 FROM authenticator WHERE user_id = $1 AND sealed_seed IS NOT NULL FOR SHARE"
        return await transaction.fetchval(statement, UUID(user_id)) is not None

    async def use_step(self, user_id: str, step: int) -> bool:
        """Use up a one-time code; False when it, or a later one, was used before."""
        return (await self._database.execute(_USE_STEP, UUID(user_id), step)).endswith(" 1")

    async def use_recovery_code(self, transaction: Transaction, user_id: str, code: str) -> bool:
        """Use up a recovery code; False for one that is wrong or was used."""
        done = await transaction.execute(_USE_CODE, UUID(user_id), _code_hash(user_id, code))
        return done.endswith(" 1")

    async def renew_recovery_codes(self, transaction: Transaction, user_id: str) -> Sequence[str]:
        """Make fresh codes in place of all earlier ones and give them, the one time that is possible."""
        codes = [_new_code() for _ in range(CODES)]
        await transaction.execute("DELETE FROM recovery_code WHERE user_id = $1", UUID(user_id))
        rows = [(UUID(user_id), _code_hash(user_id, code)) for code in codes]
        await transaction.executemany("INSERT INTO recovery_code (user_id, code_hash) VALUES ($1, $2)", rows)
        return codes

    async def recovery_codes_left(self, user_id: str) -> int:
        """Count the codes that still work."""
        statement = "SELECT count(*) FROM recovery_code WHERE user_id = $1 AND used_at IS NULL"
        return int(await self._database.fetchval(statement, UUID(user_id)))

    async def remove(self, transaction: Transaction, user_id: str) -> bool:
        """Forget seed and codes; False when there was no confirmed seed."""
        await transaction.execute("DELETE FROM recovery_code WHERE user_id = $1", UUID(user_id))
        statement = "DELETE FROM authenticator WHERE user_id = $1 RETURNING sealed_seed IS NOT NULL"
        return bool(await transaction.fetchval(statement, UUID(user_id)))

    def _seed(self, user_id: str, sealed: bytes | None) -> str | None:
        return self._seal.open(bytes(sealed), record=record_of(user_id)) if sealed is not None else None


def _sealed_pending(row: "Row | None") -> bytes | None:
    return bytes(row["sealed_pending"]) if row is not None and row["sealed_pending"] is not None else None


def _new_code() -> str:
    """Make a code of 80 random bits that is read and typed in groups of four."""
    text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode()
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def _code_hash(user_id: str, code: str) -> bytes:
    bare = code.upper().replace("-", "").replace(" ", "")
    return token_hash(f"{user_id}:{bare}")


def record_of(user_id: str) -> str:
    """Name what an authenticator's seeds are bound to."""
    return f"authenticator {user_id}"
