from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from asyncpg import UniqueViolationError

from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity import Recipient
from portal_contracts.values import PersonName, comparable_email
from portal_identity.ports import ChangedMailbox, User
from portal_identity.store_users import USER, user_of

KEPT: Final = "1 day"
"""How long a wish is mailed and its link, once minted, can be used."""

_END_EARLIER: Final = """
UPDATE email_change SET ended_at = now(), link_hash = NULL WHERE user_id = $1 AND ended_at IS NULL
"""
_KEEP: Final = """
INSERT INTO email_change (id, request_id, user_id, email, comparable_email, former_email)
SELECT $1, $2, id, $4, $5, email FROM portal_user WHERE id = $3
ON CONFLICT (user_id, request_id) DO NOTHING
"""
_PUT_LINK: Final = f"""
UPDATE email_change c SET link_hash = $2, link_expires_at = $3
FROM portal_user u JOIN customer_link l ON l.user_id = u.id
WHERE c.id = $1 AND c.user_id = u.id AND c.ended_at IS NULL AND c.requested_at > now() - interval '{KEPT}'
AND NOT EXISTS (SELECT FROM portal_user other WHERE other.comparable_email = c.comparable_email AND other.id <> u.id)
RETURNING c.email AS wanted, {USER}
"""  # noqa: S608 - constants only
_USE: Final = """
UPDATE email_change SET ended_at = now(), confirmed_at = now()
WHERE link_hash = $1 AND link_expires_at > $2 AND ended_at IS NULL
RETURNING id, user_id, email, comparable_email, former_email
"""
_APPLY: Final = """
UPDATE portal_user SET email = $2, comparable_email = $3
WHERE id = $1 AND NOT EXISTS (SELECT FROM portal_user other WHERE other.comparable_email = $3 AND other.id <> $1)
"""
_CHANGED: Final = """
SELECT l.account_id, l.whmcs_client_id, u.email, done.former, done.latest
FROM email_change c JOIN portal_user u ON u.id = c.user_id JOIN customer_link l ON l.user_id = u.id
CROSS JOIN LATERAL (
    SELECT array_agg(former_email ORDER BY confirmed_at) AS former,
           (array_agg(id ORDER BY confirmed_at DESC))[1] AS latest
    FROM email_change WHERE user_id = c.user_id AND confirmed_at IS NOT NULL
) done
WHERE c.id = $1 AND c.confirmed_at IS NOT NULL
"""
_FORMER: Final = """
SELECT c.former_email, u.family_name, u.given_name, u.locale
FROM email_change c JOIN portal_user u ON u.id = c.user_id WHERE c.id = $1 AND c.confirmed_at IS NOT NULL
"""


class EmailChanges:
    """Wishes for another address; only hashes of their links' tokens are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, transaction: Transaction, user_id: str, email: str, request_id: str) -> str | None:
        """Keep a wish in place of an earlier one and give its id; None when this request was kept before."""
        statement = "SELECT 1 FROM email_change WHERE user_id = $1 AND request_id = $2"
        await transaction.execute("SELECT 1 FROM portal_user WHERE id = $1 FOR UPDATE", UUID(user_id))
        if await transaction.fetchval(statement, UUID(user_id), request_id) is not None:
            return None
        change_id = uuid4()
        await transaction.execute(_END_EARLIER, UUID(user_id))
        await transaction.execute(_KEEP, change_id, request_id, UUID(user_id), email, comparable_email(email))
        return str(change_id)

    async def put_link(self, change_id: str, link_hash: bytes, expires_at: datetime) -> tuple[str, User] | None:
        """Store the link's hash in place of an earlier one and give the new address and whose it will be.

        None when the wish is over, or somebody else has the address; one's own may be written in another case.
        """
        row = await self._database.fetchrow(_PUT_LINK, UUID(change_id), link_hash, expires_at)
        return (row["wanted"], user_of(row)) if row is not None else None

    async def use(self, transaction: Transaction, link_hash: bytes, now: datetime) -> tuple[str, str] | None:
        """Use a link once: give the change and the user who has the new address now; None for a link that is no good.

        Also None when somebody else was faster to have the address.
        """
        row = await transaction.fetchrow(_USE, link_hash, now)
        if row is None:
            return None
        await transaction.execute("SAVEPOINT before_address")
        try:
            done = await transaction.execute(_APPLY, row["user_id"], row["email"], row["comparable_email"])
        except UniqueViolationError:  # a sign-up with the same address is being committed just now
            await transaction.execute("ROLLBACK TO SAVEPOINT before_address")
            return None
        return (str(row["id"]), str(row["user_id"])) if done.endswith(" 1") else None

    async def changed(self, change_id: str) -> ChangedMailbox | None:
        """Give what became of a change that was done, later ones too; None when it or its customer is forgotten."""
        row = await self._database.fetchrow(_CHANGED, UUID(change_id))
        if row is None:
            return None
        return ChangedMailbox(
            row["account_id"], row["whmcs_client_id"], str(row["latest"]), row["email"], tuple(row["former"])
        )

    async def former_recipient(self, change_id: str) -> Recipient | None:
        """Give the mailbox a user had before a change that was done."""
        row = await self._database.fetchrow(_FORMER, UUID(change_id))
        if row is None:
            return None
        name = PersonName(family_name=row["family_name"], given_name=row["given_name"])
        return Recipient(email=row["former_email"], name=name, locale=row["locale"])

    async def sweep(self, days: int) -> None:
        """Forget wishes of so long ago, and with them former addresses."""
        statement = "DELETE FROM email_change WHERE requested_at < now() - make_interval(days => $1)"
        await self._database.execute(statement, days)
