from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity_passkeys import Passkey

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

_ADD: Final = """
INSERT INTO passkey (id, user_id, credential_id, public_key, sign_count, name) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (credential_id) DO NOTHING RETURNING id, name, made_at, last_used_at
"""
_LIST: Final = "SELECT id, name, made_at, last_used_at FROM passkey WHERE user_id = $1 ORDER BY made_at DESC, id"
# A counter that does not grow means that somebody copied the key; authenticators that do not count stay at zero.
_USE: Final = """
UPDATE passkey SET sign_count = $2, last_used_at = now()
WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))
"""
_TAKE: Final = """
DELETE FROM passkey_challenge WHERE id_hash = $1 RETURNING challenge, user_id, expires_at > $2 AS good
"""


@dataclass(frozen=True, slots=True)
class KeptPasskey:
    """A passkey and whose it is."""

    passkey_id: str
    user_id: str
    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge that was just answered, and who alone might; None when it was for logging in."""

    challenge: bytes
    user_id: str | None


class Passkeys:
    """Public keys of customers' passkeys, and the challenges that wait for an answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_id: str) -> list[Passkey]:
        """Give a user's passkeys, the newest first."""
        return [_passkey(row) for row in await self._database.fetch(_LIST, UUID(user_id))]

    async def credential_ids(self, user_id: str) -> list[bytes]:
        """Give what tells an authenticator that it has a passkey of the user already."""
        rows = await self._database.fetch("SELECT credential_id FROM passkey WHERE user_id = $1", UUID(user_id))
        return [bytes(row["credential_id"]) for row in rows]

    async def find(self, credential_id: bytes) -> KeptPasskey | None:
        """Find by what an authenticator calls it."""
        row = await self._database.fetchrow(
            "SELECT id, user_id, public_key, sign_count FROM passkey WHERE credential_id = $1", credential_id
        )
        if row is None:
            return None
        return KeptPasskey(
            str(row["id"]), str(row["user_id"]), credential_id, bytes(row["public_key"]), row["sign_count"]
        )

    async def add(self, transaction: Transaction, passkey: KeptPasskey, name: str) -> Passkey | None:
        """Keep a passkey; None when somebody has this credential."""
        row = await transaction.fetchrow(
            _ADD,
            UUID(passkey.passkey_id),
            UUID(passkey.user_id),
            passkey.credential_id,
            passkey.public_key,
            passkey.sign_count,
            name,
        )
        return _passkey(row) if row is not None else None

    async def use(self, passkey_id: str, sign_count: int) -> bool:
        """Note a use; False when the authenticator's counter says that the key was copied."""
        return (await self._database.execute(_USE, UUID(passkey_id), sign_count)).endswith(" 1")

    async def remove(self, transaction: Transaction, passkey_id: str, user_id: str) -> bool:
        """Forget one of a user's passkeys; False when it is not there."""
        statement = "DELETE FROM passkey WHERE id = $1 AND user_id = $2"
        return (await transaction.execute(statement, UUID(passkey_id), UUID(user_id))).endswith(" 1")

    async def keep_challenge(self, id_hash: bytes, challenge: bytes, user_id: str | None, expires_at: datetime) -> None:
        """Keep a challenge until it is answered."""
        statement = "INSERT INTO passkey_challenge (id_hash, challenge, user_id, expires_at) VALUES ($1, $2, $3, $4)"
        await self._database.execute(statement, id_hash, challenge, UUID(user_id) if user_id else None, expires_at)

    async def take_challenge(self, id_hash: bytes, now: datetime) -> Challenge | None:
        """Give a challenge, once; None when it is unknown, answered or too old."""
        row = await self._database.fetchrow(_TAKE, id_hash, now)
        if row is None or not row["good"]:
            return None
        return Challenge(bytes(row["challenge"]), str(row["user_id"]) if row["user_id"] is not None else None)

    async def sweep(self) -> None:
        """Forget challenges nobody answered."""
        await self._database.execute("DELETE FROM passkey_challenge WHERE expires_at < now()")


def _passkey(row: "Row") -> Passkey:
    return Passkey(
        passkey_id=str(row["id"]), name=row["name"], made_at=row["made_at"], last_used_at=row["last_used_at"]
    )
