"""`python -m portal_identity.seal_anew`: seal with the newest key what is sealed with a former one.

Identity does so by itself when it starts and every hour; this does it now and says what is left, so that the former key
can be taken out of the file. Runs with identity's environment, of which it needs PORTAL_DATABASE_URL and
PORTAL_IDENTITY_KEY_PATH. It may run anywhere, any number of times, beside every instance.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from portal_chassis.logs import get_logger
from portal_chassis.postgres import Database, StoreUnavailable
from portal_chassis.sealing import Seal
from portal_chassis.settings import ChassisSettings
from portal_contracts.problems import Misconfigured
from portal_identity import store_authenticators, store_enrolments, store_linkings, store_operators
from portal_identity.settings import IdentitySettings

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

AT_ONCE: Final = 500
_FIRST: Final = UUID(int=0)
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """Where sealed texts stand: `record` names what a row's text is bound to, by the row's key."""

    table: str
    key: str
    column: str
    record: Callable[[Any], str]
    before_all: UUID | bytes = _FIRST
    """A key that stands before every other."""


COLUMNS: Final = (
    SealedColumn("authenticator", "user_id", "sealed_seed", store_authenticators.record_of),
    SealedColumn("authenticator", "user_id", "sealed_pending", store_authenticators.record_of),
    SealedColumn("operator", "id", "sealed_seed", store_operators.record_of),
    SealedColumn("operator_enrolment", "token_hash", "sealed_seed", store_enrolments.record_of, b""),
    SealedColumn("linking", "id", "sealed_details", store_linkings.record_of),
    SealedColumn("signup", "id", "sealed_form", str),
)


@dataclass(frozen=True, slots=True)
class SealedAnew:
    """How many texts were sealed anew, and how many no key opens: those stay as they are."""

    done: int = 0
    lost: int = 0


class SealAnew:
    """Goes through everything that is sealed; while there is one key only, there is nothing to do."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def __call__(self) -> SealedAnew:
        """Seal anew what a former key sealed. What changes meanwhile is left alone: it is sealed with the newest."""
        if not self._seal.opens_former:
            return SealedAnew()
        found = [await self._column(column) for column in COLUMNS]
        told = SealedAnew(sum(one.done for one in found), sum(one.lost for one in found))
        if told.done or told.lost:
            _log.warning("sealed anew", texts=told.done, lost=told.lost)
        return told

    async def _column(self, where: SealedColumn) -> SealedAnew:
        table, key, column = where.table, where.key, where.column
        page = f"""
            SELECT {key} AS key, {column} AS sealed FROM {table}
            WHERE {column} IS NOT NULL AND {key} > $1 ORDER BY {key} LIMIT {AT_ONCE}
        """  # noqa: S608 - constants only
        done = lost = 0
        last = where.before_all
        while rows := await self._database.fetch(page, last):
            for row in rows:
                try:
                    done += await self._row(where, row)
                except Misconfigured:
                    lost += 1
            last = rows[-1]["key"]
        return SealedAnew(done, lost)

    async def _row(self, where: SealedColumn, row: "Row") -> bool:
        key, sealed = row["key"], bytes(row["sealed"])
        anew = self._seal.anew(sealed, record=where.record(key))
        if anew is None:
            return False
        change = f"UPDATE {where.table} SET {where.column} = $2 WHERE {where.key} = $1 AND {where.column} = $3"  # noqa: S608 - constants only
        return (await self._database.execute(change, key, anew, sealed)).endswith(" 1")


async def _run(url: str, seal: Seal) -> int:
    database = Database(url, name="portal-seal-anew", connections=1)
    await database.connect()
    try:
        told = await SealAnew(database, seal)()
    finally:
        await database.close()
    sys.stdout.write(f"{told.done} sealed anew, {told.lost} sealed with a key that is not in the file.\n")
    return 1 if told.lost else 0


def main() -> int:
    """Run the command; gives its exit code: 0 when the first key of the file opens everything."""
    url = ChassisSettings().database_url
    if url is None:
        sys.stderr.write("PORTAL_DATABASE_URL is not set: run this with identity's environment.\n")
        return 2
    try:
        seal = Seal.from_file(IdentitySettings().identity_key_path, setting="PORTAL_IDENTITY_KEY_PATH")
        return asyncio.run(_run(url.get_secret_value(), seal))
    except Misconfigured:
        sys.stderr.write("PORTAL_IDENTITY_KEY_PATH names no file of keys.\n")
        return 2
    except StoreUnavailable:
        sys.stderr.write("Identity's database cannot be reached.\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
