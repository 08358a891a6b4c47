from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity import OpenedSession, SessionRevoked
from portal_contracts.identity_sessions import SessionEntry
from portal_identity.audit import SecurityWord, write_audit
from portal_identity.ports import Session
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.store_users import USER, user_of

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

_OPEN: Final = """
INSERT INTO session (id, token_hash, csrf_token, user_id, expires_at, client_address, user_agent)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_USE: Final = f"""
SELECT s.id, s.csrf_token, s.authenticated_at, s.expires_at, s.last_used_at < now() - interval '1 minute' AS touch,
    {USER}
FROM session s JOIN portal_user u ON u.id = s.user_id JOIN customer_link l ON l.user_id = u.id
WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now()
AND s.last_used_at > now() - make_interval(secs => $2)
"""  # noqa: S608 - constants only
_LIST: Final = """
SELECT id, opened_at, authenticated_at, last_used_at, expires_at, client_address, user_agent
FROM session WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
AND last_used_at > now() - make_interval(secs => $2) ORDER BY opened_at DESC, id
"""
# The new row takes the place of the old one with the end it had: a step-up prolongs nothing.
_RENEW: Final = """
WITH old AS (
    UPDATE session SET revoked_at = now() WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > now()
    RETURNING user_id, opened_at, expires_at
)
INSERT INTO session (id, token_hash, csrf_token, user_id, opened_at, expires_at, client_address, user_agent)
SELECT $3, $4, $5, user_id, opened_at, expires_at, $6, $7 FROM old RETURNING expires_at
"""
# Locks the user against a change of password, which then finds and ends the session that is being opened.
_STILL: Final = "SELECT 1 FROM portal_user WHERE id = $1 AND password_version = $2 FOR SHARE"
_REVOKE: Final = "UPDATE session SET revoked_at = now() WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL"
_REVOKE_ALL: Final = """
UPDATE session SET revoked_at = now()
WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() AND id IS DISTINCT FROM $2
RETURNING id
"""
_OF_A_DEVICE: Final = """
SELECT 1 FROM session s JOIN portal_user u ON u.id = s.user_id WHERE s.token_hash = $1 AND u.comparable_email = $2
"""
_SWEEP: Final = "DELETE FROM session WHERE coalesce(revoked_at, expires_at) < now() - make_interval(days => $1)"


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

    async def had(self, hashed: bytes, account: str) -> bool:
        """Say whether this token was once of a session of the account, as long as the session's row is kept."""
        return await self._database.fetchval(_OF_A_DEVICE, hashed, account) is not None

    async def use(self, hashed: bytes) -> Session | None:
        """Give a living session and note its use, at most once a minute."""
        row = await self._database.fetchrow(_USE, hashed, self._idle_seconds)
        if row is None:
            return None
        if row["touch"]:
            await self._database.execute("UPDATE session SET last_used_at = now() WHERE id = $1", row["id"])
        return Session(str(row["id"]), row["csrf_token"], row["authenticated_at"], row["expires_at"], user_of(row))

    async def list(self, user_id: str, current: str) -> list[SessionEntry]:
        """Give a user's living sessions, the newest first."""
        rows = await self._database.fetch(_LIST, UUID(user_id), self._idle_seconds)
        return [_entry(row, current) for row in rows]

    async def renew(
        self, session_id: str, user_id: str, password_version: int, client_address: str, user_agent: str
    ) -> OpenedSession | None:
        """Put a session with other tokens in the place of one, authenticated now; None when it is over.

        Also None when the password it was authenticated with was changed meanwhile.
        """
        token, csrf_token = new_token(), new_token()
        async with self._database.transaction() as transaction:
            if await transaction.fetchval(_STILL, UUID(user_id), password_version) is None:
                return None
            fresh = (uuid4(), token_hash(token), csrf_token, client_address, user_agent)
            expires_at = await transaction.fetchval(_RENEW, UUID(session_id), UUID(user_id), *fresh)
            if expires_at is None:
                return None
            await write_audit(transaction, user_id, "stepped_up", address=client_address)
            await transaction.record(SessionRevoked(session_id=session_id))
        return OpenedSession(session_token=token, csrf_token=csrf_token, user_id=user_id, expires_at=expires_at)

    async def revoke(
        self,
        transaction: Transaction,
        session_id: str,
        user_id: str,
        *,
        client_address: str,
        event: SecurityWord = "logged_out",
    ) -> bool:
        """End a session and tell everybody who may remember it; False, and nothing done, for a repeat."""
        done = await transaction.execute(_REVOKE, UUID(session_id), UUID(user_id))
        if not done.endswith(" 1"):
            return False
        await write_audit(transaction, user_id, event, address=client_address)
        await transaction.record(SessionRevoked(session_id=session_id))
        return True

    async def known(self, session_id: str, user_id: str) -> bool:
        """Whether this is or was a session of the user."""
        statement = "SELECT 1 FROM session WHERE id = $1 AND user_id = $2"
        return await self._database.fetchval(statement, UUID(session_id), UUID(user_id)) is not None

    async def revoke_all(self, transaction: Transaction, user_id: str, *, but: str | None = None) -> int:
        """End every session of a user but one, tell everybody of each, and say how many there were."""
        rows = await transaction.fetch(_REVOKE_ALL, UUID(user_id), UUID(but) if but else None)
        for row in rows:
            await transaction.record(SessionRevoked(session_id=str(row["id"])))
        return len(rows)

    async def sweep(self, days: int) -> None:
        """Forget sessions that ended so long ago (§5.10)."""
        await self._database.execute(_SWEEP, days)


def _entry(row: "Row", current: str) -> SessionEntry:
    return SessionEntry(
        session_id=str(row["id"]),
        opened_at=row["opened_at"],
        authenticated_at=row["authenticated_at"],
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
        client_address=row["client_address"],
        user_agent=row["user_agent"],
        current=str(row["id"]) == current,
    )
