import json
from dataclasses import asdict
from datetime import datetime
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_contracts.values import PersonName
from portal_identity.ports import KeptLinking, LinkDetails
from portal_identity.secret_tokens import token_hash

OPEN_FOR: Final = "1 day"
MOST_TRIES: Final = 5
"""Of codes for one linking."""
_KEEP: Final = """
INSERT INTO linking (id, token_hash, sealed_details, password_hash, proven_at)
VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN now() END)
"""
_COLUMNS: Final = "id, sealed_details, password_hash, proven_at"
_FIND: Final = f"""
SELECT {_COLUMNS} FROM linking WHERE token_hash = $1
AND (proven_at IS NOT NULL OR (kept_at > now() - interval '{OPEN_FOR}' AND code_tries < {MOST_TRIES}))
"""  # noqa: S608 - constants only
_PUT_CODE: Final = f"""
UPDATE linking SET code_hash = $2, code_expires_at = $3
WHERE id = $1 AND proven_at IS NULL AND sealed_details IS NOT NULL AND kept_at > now() - interval '{OPEN_FOR}'
"""  # noqa: S608 - constants only
# Each try counts, whatever comes of it; two at once cannot both be the last one.
_TRY: Final = f"""
UPDATE linking SET code_tries = code_tries + 1,
    proven_at = CASE WHEN code_hash = $2 AND code_expires_at > $3 THEN now() END
WHERE id = $1 AND proven_at IS NULL AND code_tries < {MOST_TRIES}
RETURNING proven_at IS NOT NULL
"""  # noqa: S608 - constants only
_SWEEP: Final = """
DELETE FROM linking WHERE kept_at < now() - make_interval(days => $1) AND NOT EXISTS (
    SELECT FROM portal_process WHERE kind = 'linking' AND key = linking.id::text AND status NOT IN ('done', 'failed'))
"""


class Linkings:
    """Linkings of WHMCS accounts; details are sealed, tokens and codes are hashes, the WHMCS password is nowhere."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def keep(self, transaction: Transaction, linking: KeptLinking, hashed: bytes) -> None:
        """Keep a linking whose WHMCS password was right."""
        plain = {**asdict(linking.details), "name": linking.details.name.model_dump(mode="json")}
        sealed = self._seal.close(json.dumps(plain), record=record_of(linking.link_id))
        row = (UUID(linking.link_id), hashed, sealed, linking.password_hash, linking.proven)
        await transaction.execute(_KEEP, *row)

    async def find(self, hashed: bytes) -> tuple[str, bool] | None:
        """Give id and whether it is proven; None when it is unknown, too old, or too many codes were tried."""
        row = await self._database.fetchrow(_FIND, hashed)
        return (str(row["id"]), row["proven_at"] is not None) if row is not None else None

    async def read(self, link_id: str) -> KeptLinking | None:
        """Give a linking; None when it is unknown or forgotten."""
        statement = f"SELECT {_COLUMNS} FROM linking WHERE id = $1 AND sealed_details IS NOT NULL"  # noqa: S608 - constants only
        row = await self._database.fetchrow(statement, UUID(link_id))
        if row is None:
            return None
        plain = json.loads(self._seal.open(bytes(row["sealed_details"]), record=record_of(link_id)))
        details = LinkDetails(**{**plain, "name": PersonName.model_validate(plain["name"])})
        return KeptLinking(link_id, details, row["password_hash"], row["proven_at"] is not None)

    async def put_code(self, link_id: str, code: str, expires_at: datetime) -> bool:
        """Store the code that is being mailed in place of an earlier one; False when the linking is over or proven."""
        hashed = token_hash(f"{link_id}:{code}")
        return (await self._database.execute(_PUT_CODE, UUID(link_id), hashed, expires_at)).endswith(" 1")

    async def try_code(self, link_id: str, code: str, now: datetime) -> bool:
        """Try a code: five times at most for each linking, whether it was right or not."""
        return bool(await self._database.fetchval(_TRY, UUID(link_id), token_hash(f"{link_id}:{code}"), now))

    async def forget(self, transaction: Transaction, link_id: str) -> None:
        """Forget the details of a linking that is done."""
        await transaction.execute("UPDATE linking SET sealed_details = NULL WHERE id = $1", UUID(link_id))

    async def sweep(self, days: int) -> None:
        """Forget linkings of so long ago (§5.10); one that is under way stays."""
        await self._database.execute(_SWEEP, days)


def record_of(link_id: str) -> str:
    """Name what a linking's details are bound to."""
    return f"linking {link_id}"
