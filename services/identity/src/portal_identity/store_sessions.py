from uuid import UUID, uuid4

from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity import OpenedSession, SessionRevoked
from portal_identity.audit import write_audit
from portal_identity.ports import Session
from portal_identity.secret_tokens import token_hash
from portal_identity.store_users import USER, user_of

_OPEN = """
INSERT INTO session (id, token_hash, csrf_token, user_id, expires_at, client_address, user_agent)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_USE = f"""
SELECT s.id, s.csrf_token, s.opened_at, s.expires_at, s.last_used_at < now() - interval '1 minute' AS touch, {USER}
FROM session s JOIN portal_user u ON u.id = s.user_id JOIN customer_link l ON l.user_id = u.id
WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now()
AND s.last_used_at > now() - make_interval(secs => $2)
"""  # noqa: S608 - constants only


# Locks the user against a change of password, which then finds and ends the session that is being opened.
_STILL = "SELECT 1 FROM portal_user WHERE id = $1 AND password_version = $2 FOR SHARE"
_REVOKE_ALL = """
UPDATE session SET revoked_at = now()
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() AND id IS DISTINCT FROM $2
RETURNING id
"""


class Sessions:
    """Open sessions: only hashes of their tokens are stored. `idle_seconds` without use end one."""

    def __init__(self, database: Database, idle_seconds: int) -> None:
        self._database = database
        self._idle_seconds = float(idle_seconds)

    async def open(self, opened: OpenedSession, password_version: int, client_address: str, user_agent: str) -> bool:
        """Store a fresh session; False when the password it was opened with was changed meanwhile."""
        async with self._database.transaction() as transaction:
            if await transaction.fetchval(_STILL, UUID(opened.user_id), password_version) is None:
                return False
            await transaction.execute(
                _OPEN,
                uuid4(),
                token_hash(opened.session_token),
                opened.csrf_token,
                UUID(opened.user_id),
                opened.expires_at,
                client_address,
                user_agent,
            )
            await write_audit(transaction, opened.user_id, "logged_in", address=client_address)
        return True

    async def use(self, hashed: bytes) -> Session | None:
        """Give a living session and note its use, at most once a minute."""
        row = await self._database.fetchrow(_USE, hashed, self._idle_seconds)
        if row is None:
            return None
        if row["touch"]:
            await self._database.execute("UPDATE session SET last_used_at = now() WHERE id = $1", row["id"])
        return Session(str(row["id"]), row["csrf_token"], row["opened_at"], row["expires_at"], user_of(row))

    async def revoke(self, transaction: Transaction, session_id: str, user_id: str) -> None:
        """End a session and tell everybody who may remember it; a repeat does nothing."""
        done = await transaction.execute(
            "UPDATE session SET revoked_at = now() WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL",
            UUID(session_id),
            UUID(user_id),
        )
        if done.endswith(" 1"):
            await write_audit(transaction, user_id, "logged_out")
            await transaction.record(SessionRevoked(session_id=session_id))

    async def revoke_all(self, transaction: Transaction, user_id: str, *, but: str | None = None) -> int:
        """End every session of a user but one, tell everybody of each, and say how many there were."""
        rows = await transaction.fetch(_REVOKE_ALL, UUID(user_id), UUID(but) if but else None)
        for row in rows:
            await transaction.record(SessionRevoked(session_id=str(row["id"])))
        return len(rows)
