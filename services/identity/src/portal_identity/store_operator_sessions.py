from typing import Final
from uuid import UUID, uuid4

from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity import OpenedSession, SessionRevoked
from portal_identity.audit import write_audit
from portal_identity.ports import OperatorSession
from portal_identity.secret_tokens import token_hash

_OPEN: Final = """
INSERT INTO operator_session (id, token_hash, csrf_token, operator_id, expires_at, client_address)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_USE: Final = """
SELECT s.id, s.csrf_token, s.opened_at, s.expires_at, s.last_used_at < now() - interval '1 minute' AS touch,
    o.id AS operator_id, o.email, o.roles
FROM operator_session s JOIN operator o ON o.id = s.operator_id
WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now()
AND s.last_used_at > now() - make_interval(secs => $2) AND o.revoked_at IS NULL
"""
_REVOKE: Final = """
UPDATE operator_session SET revoked_at = now() WHERE id = $1 AND operator_id = $2 AND revoked_at IS NULL
"""
_REVOKE_ALL: Final = """
UPDATE operator_session SET revoked_at = now()
WHERE operator_id = $1 AND revoked_at IS NULL AND expires_at > now() RETURNING id
"""


class OperatorSessions:
    """Operators' open sessions: only hashes of their tokens are stored. `idle_seconds` without use end one."""

    def __init__(self, database: Database, idle_seconds: int) -> None:
        self._database = database
        self._idle_seconds = float(idle_seconds)

    async def open(self, transaction: Transaction, opened: OpenedSession, client_address: str) -> None:
        """Store a fresh session."""
        await transaction.execute(
            _OPEN,
            uuid4(),
            token_hash(opened.session_token),
            opened.csrf_token,
            UUID(opened.user_id),
            opened.expires_at,
            client_address,
        )
        await write_audit(transaction, opened.user_id, "operator_signed_in", address=client_address)

    async def use(self, hashed: bytes) -> OperatorSession | None:
        """Give a living session and note its use, at most once a minute."""
        row = await self._database.fetchrow(_USE, hashed, self._idle_seconds)
        if row is None:
            return None
        if row["touch"]:
            await self._database.execute("UPDATE operator_session SET last_used_at = now() WHERE id = $1", row["id"])
        return OperatorSession(
            str(row["id"]),
            row["csrf_token"],
            row["opened_at"],
            row["expires_at"],
            str(row["operator_id"]),
            row["email"],
            row["roles"],
        )

    async def revoke(
        self, transaction: Transaction, session_id: str, operator_id: str, *, client_address: str = ""
    ) -> None:
        """End a session and tell everybody who may remember it; a repeat does nothing."""
        done = await transaction.execute(_REVOKE, UUID(session_id), UUID(operator_id))
        if done.endswith(" 1"):
            await write_audit(transaction, operator_id, "operator_signed_out", address=client_address)
            await transaction.record(SessionRevoked(session_id=session_id))

    async def revoke_all(self, transaction: Transaction, operator_id: str) -> int:
        """End every session of an operator, tell everybody of each, and say how many there were."""
        rows = await transaction.fetch(_REVOKE_ALL, UUID(operator_id))
        for row in rows:
            await transaction.record(SessionRevoked(session_id=str(row["id"])))
        return len(rows)
