from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity import SessionRevoked
from portal_contracts.identity_api_tokens import ApiToken, ApiTokenForm
from portal_identity.ports import TokenInUse
from portal_identity.store_users import USER, user_of

_LIVING: Final = "revoked_at IS NULL AND expires_at > now()"
_USE: Final = f"""
SELECT t.id AS token_id, t.scopes, t.made_at, t.expires_at,
    t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute' AS touch, {USER}
FROM api_token t JOIN portal_user u ON u.id = t.user_id JOIN customer_link l ON l.user_id = u.id
WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > now()
"""  # noqa: S608 - constants only
_LIST: Final = f"""
SELECT id, name, scopes, made_at, expires_at, last_used_at FROM api_token
WHERE user_id = $1 AND {_LIVING} ORDER BY made_at DESC, id
"""  # noqa: S608 - constants only
_ADD: Final = """
INSERT INTO api_token (id, request_id, token_hash, user_id, name, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_REVOKE: Final = "UPDATE api_token SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL"
_SWEEP: Final = "DELETE FROM api_token WHERE coalesce(revoked_at, expires_at) < now() - make_interval(days => $1)"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be stored."""

    form: ApiTokenForm
    token_hash: bytes
    expires_at: datetime
    request_id: str


class ApiTokens:
    """Bearer tokens of customers' programs; only their hashes are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, user_id: str) -> list[ApiToken]:
        """Give a user's living tokens, the newest first."""
        rows = await self._database.fetch(_LIST, UUID(user_id))
        return [ApiToken(**{**dict(row), "token_id": str(row["id"])}) for row in rows]

    async def add(self, transaction: Transaction, user_id: str, new: NewToken, most: int) -> str | None:
        """Store a token in place of one made by the same request and give its id; None when there are too many."""
        await transaction.execute("SELECT 1 FROM portal_user WHERE id = $1 FOR UPDATE", UUID(user_id))
        await self._revoke(transaction, f"{_REVOKE} AND request_id = $2 RETURNING id", UUID(user_id), new.request_id)
        count = f"SELECT count(*) FROM api_token WHERE user_id = $1 AND {_LIVING}"  # noqa: S608 - constants only
        if await transaction.fetchval(count, UUID(user_id)) >= most:
            return None
        token_id, scopes = uuid4(), sorted(set(new.form.scopes))
        row = (token_id, new.request_id, new.token_hash, UUID(user_id), new.form.name, scopes, new.expires_at)
        await transaction.execute(_ADD, *row)
        return str(token_id)

    async def use(self, hashed: bytes) -> TokenInUse | None:
        """Give a living token and note its use, at most once a minute."""
        row = await self._database.fetchrow(_USE, hashed)
        if row is None:
            return None
        if row["touch"]:
            await self._database.execute("UPDATE api_token SET last_used_at = now() WHERE id = $1", row["token_id"])
        return TokenInUse(str(row["token_id"]), tuple(row["scopes"]), row["made_at"], row["expires_at"], user_of(row))

    async def revoke(self, transaction: Transaction, token_id: str, user_id: str) -> bool:
        """End a token and tell everybody who may remember it; False for a repeat and for somebody else's."""
        return await self._revoke(transaction, f"{_REVOKE} AND id = $2 RETURNING id", UUID(user_id), UUID(token_id)) > 0

    async def revoke_all(self, transaction: Transaction, user_id: str) -> int:
        """End every token of a user and say how many there were."""
        return await self._revoke(transaction, f"{_REVOKE} RETURNING id", UUID(user_id))

    async def known(self, token_id: str, user_id: str) -> bool:
        """Whether this is or was a token of the user."""
        statement = "SELECT 1 FROM api_token WHERE id = $1 AND user_id = $2"
        return await self._database.fetchval(statement, UUID(token_id), UUID(user_id)) is not None

    async def sweep(self, days: int) -> None:
        """Forget tokens that ended so long ago (§5.10)."""
        await self._database.execute(_SWEEP, days)

    @staticmethod
    async def _revoke(transaction: Transaction, statement: str, *arguments: object) -> int:
        rows = await transaction.fetch(statement, *arguments)
        for row in rows:
            await transaction.record(SessionRevoked(session_id=str(row["id"])))
        return len(rows)
