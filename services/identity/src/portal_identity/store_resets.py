from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_identity.ports import User
from portal_identity.store_users import USER, user_of

KEPT: Final = "1 day"
"""A mail that could not be sent for longer is not sent any more: nobody waits for it."""

# One statement for known and unknown addresses: what it costs tells nobody which it was.
_KEEP = """
INSERT INTO password_reset (id, request_id, user_id, fingerprint)
VALUES ($1, $2, (SELECT id FROM portal_user WHERE comparable_email = $3), $4)
ON CONFLICT (request_id) DO NOTHING RETURNING user_id
"""
_PUT_LINK = f"""
UPDATE password_reset SET link_hash = $2, link_expires_at = $3, password_version = u.password_version
FROM portal_user u JOIN customer_link l ON l.user_id = u.id
WHERE password_reset.id = $1 AND password_reset.user_id = u.id AND used_at IS NULL
AND requested_at > now() - interval '{KEPT}'
RETURNING {USER}
"""  # noqa: S608 - constants only
_FIND = f"""
SELECT r.id AS reset_id, {USER}
FROM password_reset r JOIN portal_user u ON u.id = r.user_id AND u.password_version = r.password_version
JOIN customer_link l ON l.user_id = u.id
WHERE r.link_hash = $1 AND r.link_expires_at > $2 AND r.used_at IS NULL
"""  # noqa: S608 - constants only


def _fingerprint(request_id: str, email: str) -> bytes:
    return sha256(f"{request_id}\n{email}".encode()).digest()


@dataclass(frozen=True, slots=True)
class FoundReset:
    """The reset behind a link that is good, and whose it is."""

    reset_id: str
    user: User


class Resets:
    """Asked-for password resets; only hashes of their links' tokens are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, transaction: Transaction, reset_id: str, request_id: str, email: str
    ) -> tuple[bool, str | None]:
        """Keep a reset of whoever has this comparable address, or of nobody; False when it was kept before.

        Beside it whose it is: for known and unknown addresses after the same work.
        """
        row = await transaction.fetchrow(_KEEP, UUID(reset_id), request_id, email, _fingerprint(request_id, email))
        return row is not None, str(row["user_id"]) if row is not None and row["user_id"] else None

    async def same(self, request_id: str, email: str) -> bool:
        """Tell whether this request was about this address, known or not."""
        kept = await self._database.fetchval("SELECT fingerprint FROM password_reset WHERE request_id = $1", request_id)
        return kept is None or bytes(kept) == _fingerprint(request_id, email)

    async def put_link(self, reset_id: str, link_hash: bytes, expires_at: datetime) -> User | None:
        """Store the link's hash in place of an earlier one of this reset; None when there is nobody to mail it to."""
        row = await self._database.fetchrow(_PUT_LINK, UUID(reset_id), link_hash, expires_at)
        return user_of(row) if row is not None else None

    async def find_by_link(self, link_hash: bytes, now: datetime) -> FoundReset | None:
        """Give the reset of a link that is unused, young enough, and from after the last change of the password."""
        row = await self._database.fetchrow(_FIND, link_hash, now)
        return FoundReset(str(row["reset_id"]), user_of(row)) if row is not None else None

    async def close_all(self, transaction: Transaction, user_id: str) -> None:
        """End every reset of a user, also those whose link is not minted yet."""
        await transaction.execute(
            "UPDATE password_reset SET used_at = now(), link_hash = NULL WHERE user_id = $1 AND used_at IS NULL",
            UUID(user_id),
        )

    async def sweep(self) -> None:
        """Forget resets whose time is over."""
        await self._database.execute("DELETE FROM password_reset WHERE requested_at < now() - $1::text::interval", KEPT)
