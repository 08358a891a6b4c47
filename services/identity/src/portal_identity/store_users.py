from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_contracts.identity import CustomerLink
from portal_contracts.message import Event
from portal_contracts.problems import Refused
from portal_contracts.values import PersonName, comparable_email
from portal_identity.audit import SecurityWord, write_audit
from portal_identity.ports import NewUser, User

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

USER = """
u.id AS user_id, u.email, u.family_name, u.given_name, u.locale, u.password_hash, u.password_version,
l.account_id, l.whmcs_client_id, l.customer_number
"""
_JOIN = f"SELECT {USER} FROM portal_user u JOIN customer_link l ON l.user_id = u.id"  # noqa: S608 - constants only
_ADD_USER = """
INSERT INTO portal_user (id, email, comparable_email, family_name, given_name, locale, password_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
_ADD_LINK = """
INSERT INTO customer_link (user_id, account_id, whmcs_client_id, customer_number) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
_OWNERS = """
SELECT id FROM portal_user WHERE comparable_email = $1
UNION SELECT user_id FROM customer_link WHERE whmcs_client_id = $2 OR account_id = $3 OR customer_number = $4
"""


class Users:
    """Portal users and their links."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user: NewUser, link: CustomerLink, announced: Event, audited: SecurityWord) -> None:
        """Make user and link and announce them, once. Refused EMAIL_TAKEN or CUSTOMER_NUMBER_TAKEN."""
        async with self._database.transaction() as transaction:
            user_id, name = UUID(user.user_id), user.name
            row = (user.email, comparable_email(user.email), name.family_name, name.given_name, user.locale)
            added = await transaction.execute(_ADD_USER, user_id, *row, user.password_hash)
            if not added.endswith(" 1"):
                await self._made_before(transaction, user_id)
                return
            linked = await transaction.execute(
                _ADD_LINK, user_id, link.account_id, link.whmcs_client_id, link.customer_number
            )
            if not linked.endswith(" 1"):
                raise Refused("CUSTOMER_NUMBER_TAKEN")  # takes the user back with the transaction
            await write_audit(transaction, user.user_id, audited, address=user.client_address)
            await transaction.record(announced)

    @staticmethod
    async def _made_before(transaction: Transaction, user_id: UUID) -> None:
        if await transaction.fetchval("SELECT 1 FROM portal_user WHERE id = $1", user_id) is None:
            raise Refused("EMAIL_TAKEN")

    async def number_taken(self, customer_number: str, account_id: str) -> bool:
        """Whether a portal user has this number or account (R022)."""
        statement = "SELECT 1 FROM customer_link WHERE customer_number = $1 OR account_id = $2"
        return await self._database.fetchval(statement, customer_number, account_id) is not None

    async def email_taken(self, email: str) -> bool:
        """Whether a portal user has this mailbox (R022)."""
        statement = "SELECT 1 FROM portal_user WHERE comparable_email = $1"
        return await self._database.fetchval(statement, comparable_email(email)) is not None

    async def by_email(self, email: str) -> User | None:
        """Find by the comparable form of an e-mail address."""
        return await self._one(f"{_JOIN} WHERE u.comparable_email = $1", email)

    async def owners_of(
        self, email: str, whmcs_client_id: int = 0, account_id: str = "", customer_number: str = ""
    ) -> list[str]:
        """Give the users who have this mailbox or any of these ids; the same work for known and unknown ones."""
        ids = (whmcs_client_id, account_id, customer_number)
        return [str(row["id"]) for row in await self._database.fetch(_OWNERS, comparable_email(email), *ids)]

    async def by_id(self, user_id: str) -> User | None:
        """Find by the user's id."""
        return await self._one(f"{_JOIN} WHERE u.id = $1", UUID(user_id))

    async def by_account(self, account_id: str) -> User | None:
        """Find by the Salesforce account."""
        return await self._one(f"{_JOIN} WHERE l.account_id = $1", account_id)

    async def by_client(self, whmcs_client_id: int) -> User | None:
        """Find by the WHMCS client."""
        return await self._one(f"{_JOIN} WHERE l.whmcs_client_id = $1", whmcs_client_id)

    async def accounts_of(self, whmcs_client_ids: Sequence[int]) -> dict[int, str]:
        """Give the Salesforce account of each of these WHMCS clients that is linked."""
        statement = "SELECT whmcs_client_id, account_id FROM customer_link WHERE whmcs_client_id = ANY($1)"
        rows = await self._database.fetch(statement, list(whmcs_client_ids))
        return {row["whmcs_client_id"]: row["account_id"] for row in rows}

    async def has_short_password(self, transaction: Transaction, user_id: str) -> bool:
        """Whether the password is good only beside a second factor; it stays so until the transaction ends."""
        statement = "SELECT password_is_short FROM portal_user WHERE id = $1 FOR UPDATE"
        return bool(await transaction.fetchval(statement, UUID(user_id)))

    async def link_of(self, transaction: Transaction, user_id: str) -> CustomerLink:
        """Give the link of a user who exists."""
        row = await transaction.fetchrow(f"{_JOIN} WHERE u.id = $1", UUID(user_id))
        if row is None:
            raise LookupError(f"user {user_id} has no link")
        return user_of(row).link

    async def set_password(self, transaction: Transaction, user: User, hashed: str, *, short: bool) -> bool:
        """Store a new password's hash; False when the password was changed since the user was read.

        `short`: it is good only beside a second factor.
        """
        done = await transaction.execute(
            "UPDATE portal_user SET password_hash = $3, password_version = password_version + 1, "
            "password_is_short = $4 WHERE id = $1 AND password_version = $2",
            UUID(user.user_id),
            user.password_version,
            hashed,
            short,
        )
        return done.endswith(" 1")

    async def _one(self, statement: str, argument: object) -> User | None:
        row = await self._database.fetchrow(statement, argument)
        return user_of(row) if row is not None else None


def user_of(row: "Row") -> User:
    """Read a row of the USER columns."""
    link = CustomerLink(
        user_id=str(row["user_id"]),
        account_id=row["account_id"],
        whmcs_client_id=row["whmcs_client_id"],
        customer_number=row["customer_number"],
        locale=row["locale"],
    )
    name = PersonName(family_name=row["family_name"], given_name=row["given_name"])
    return User(
        str(row["user_id"]), row["email"], name, row["locale"], row["password_hash"], row["password_version"], link
    )
