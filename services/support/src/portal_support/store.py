"""Support's rows in Postgres: writes under way, what cases are about, what was told. No words of customers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from portal_chassis.postgres import Database, Transaction
from portal_contracts.customer_news import CaseUpdated
from portal_contracts.problems import Refused
from portal_support.ports import About, Begun, WriteKey

_BEGIN: Final = """
INSERT INTO case_write (kind, owner, key, fingerprint) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING begun_at
"""
_LOOK: Final = """
SELECT fingerprint, begun_at, record_id, extract(epoch FROM clock_timestamp() - begun_at)::float8 AS seconds_ago
FROM case_write WHERE kind = $1 AND owner = $2 AND key = $3
"""
_TAKE_OVER: Final = """
UPDATE case_write SET begun_at = clock_timestamp()
WHERE kind = $1 AND owner = $2 AND key = $3 AND begun_at = $4 AND record_id IS NULL
"""
_FINISH: Final = "UPDATE case_write SET record_id = $4 WHERE kind = $1 AND owner = $2 AND key = $3"
_GIVE_UP: Final = "DELETE FROM case_write WHERE kind = $1 AND owner = $2 AND key = $3 AND record_id IS NULL"
_LINK: Final = """
INSERT INTO case_link (case_id, order_id, service_id, account_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_LINKS: Final = "SELECT case_id, order_id, service_id FROM case_link WHERE case_id = ANY($1::text[])"
_TELL: Final = """
INSERT INTO case_news (update_id, case_id, change, account_id) SELECT $1, $2, $3, $4
WHERE NOT EXISTS (SELECT FROM forgotten_customer WHERE account_id = $4 AND $5::timestamptz <= begun_until)
ON CONFLICT DO NOTHING RETURNING update_id
"""
_STANDING: Final = """
SELECT DISTINCT ON (case_id) case_id, update_id, change FROM case_news
WHERE case_id = ANY($1::text[]) AND change <> 'answered' ORDER BY case_id, seq DESC
"""


class PostgresWrites:
    """The `Writes` port. Ages are measured on the database's own clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, key: WriteKey) -> Begun:
        """Insert the row; whoever comes second reads it."""
        async with self._database.transaction() as transaction:
            begun_at = await transaction.fetchval(_BEGIN, *_name(key), key.fingerprint)
            if begun_at is not None:
                return Begun(True, begun_at, 0.0)
            row = await transaction.fetchrow(_LOOK, *_name(key))
        if row is None:  # given up between the two statements
            return Begun(False, datetime.now(UTC), 0.0)
        if bytes(row["fingerprint"]) != key.fingerprint:
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return Begun(False, row["begun_at"], row["seconds_ago"], row["record_id"])

    async def take_over(self, key: WriteKey, begun: Begun) -> bool:
        """Move the row's time, if it is still that one."""
        return await self._database.execute(_TAKE_OVER, *_name(key), begun.begun_at) == "UPDATE 1"

    async def finish(self, key: WriteKey, record_id: str) -> None:
        """Write the id."""
        await self._database.execute(_FINISH, *_name(key), record_id)

    async def give_up(self, key: WriteKey) -> None:
        """Delete the row."""
        await self._database.execute(_GIVE_UP, *_name(key))


class PostgresLinks:
    """The `Links` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, case_id: str, account_id: str, about: About) -> None:
        """Insert the row."""
        await self._database.execute(_LINK, case_id, about.order_id, about.service_id, account_id)

    async def of(self, case_ids: Sequence[str]) -> Mapping[str, About]:
        """Read the rows of a page."""
        rows = await self._database.fetch(_LINKS, list(case_ids)) if case_ids else []
        return {row["case_id"]: About(row["order_id"], row["service_id"]) for row in rows}


class PostgresNews:
    """The `News` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, transaction: Transaction, update: CaseUpdated, opened_at: datetime | None) -> None:
        """Insert the row; a new one is recorded with it."""
        values = (update.update_id, update.case_id, update.change, update.account_id, opened_at)
        if await transaction.fetchval(_TELL, *values) is not None:
            await transaction.record(update)

    async def last_standing(self, case_ids: Sequence[str]) -> Mapping[str, str]:
        """Read the last row of each case that says how it stands."""
        rows = await self._database.fetch(_STANDING, list(case_ids)) if case_ids else []
        return {row["case_id"]: row["update_id"] for row in rows if row["change"] == "closed"}

    async def reopened_by_customer(self, case_id: str, account_id: str, request_id: str) -> None:
        """Insert a row that nothing is recorded with."""
        await self._database.execute(_TELL, f"{case_id}:customer:{request_id}", case_id, "reopened", account_id, None)


def _name(key: WriteKey) -> tuple[str, str, str]:
    return key.kind, key.owner, key.key
