from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_contracts.operator_access import GrantOperator, Operator
from portal_contracts.values import comparable_email
from portal_identity.ports import OperatorOnFile

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

_COLUMNS: Final = "id, email, roles, password_hash, sealed_seed"
_FIND: Final = f"SELECT {_COLUMNS} FROM operator WHERE comparable_email = $1 AND revoked_at IS NULL"  # noqa: S608 - constants only
_GRANT: Final = """
INSERT INTO operator (id, email, comparable_email, roles, approved_by, granted_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (comparable_email) DO UPDATE SET
    roles = excluded.roles, approved_by = excluded.approved_by, granted_by = excluded.granted_by,
    granted_at = now(), revoked_at = NULL
RETURNING id
"""
_REVOKE: Final = """
UPDATE operator SET revoked_at = now(), password_hash = NULL, sealed_seed = NULL WHERE id = $1 AND revoked_at IS NULL
"""
_ENROL: Final = """
UPDATE operator SET password_hash = $2, sealed_seed = $3, last_step = $4 WHERE id = $1 AND revoked_at IS NULL
"""
_USE_STEP: Final = """
UPDATE operator SET last_step = $3
WHERE id = $1 AND password_hash = $2 AND last_step < $3 AND revoked_at IS NULL
"""
_LIST: Final = """
SELECT o.email, o.roles, o.approved_by, o.granted_by, o.granted_at, o.revoked_at,
    (SELECT max(s.last_used_at) FROM operator_session s WHERE s.operator_id = o.id) AS last_seen_at
FROM operator o ORDER BY o.comparable_email
"""
_LEADS: Final = """
SELECT count(*) FROM operator
WHERE 'operator_tech_lead' = ANY(roles) AND revoked_at IS NULL AND password_hash IS NOT NULL
"""


class Operators:
    """Operators and their second factors; seeds are sealed."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def by_email(self, email: str) -> OperatorOnFile | None:
        """Find who has access now by the comparable form of their address."""
        row = await self._database.fetchrow(_FIND, email)
        return self._operator_of(row) if row is not None else None

    async def locked(self, transaction: Transaction, email: str) -> OperatorOnFile | None:
        """Find who has access now and keep others from changing it until the transaction ends."""
        row = await transaction.fetchrow(f"{_FIND} FOR UPDATE", email)
        return self._operator_of(row) if row is not None else None

    async def known(self, transaction: Transaction, email: str) -> bool:
        """Whether somebody with this comparable address has or had access."""
        return await transaction.fetchval("SELECT 1 FROM operator WHERE comparable_email = $1", email) is not None

    async def all(self) -> list[Operator]:
        """Give everybody who has or had access."""
        return [Operator(**dict(row)) for row in await self._database.fetch(_LIST)]

    async def grant(self, transaction: Transaction, command: GrantOperator, granted_by: str) -> str:
        """Give access or other roles and give the operator's id."""
        roles = sorted(set(command.roles))
        return await put_operator(transaction, command.email, roles, command.approved_by, granted_by)

    async def revoke(self, transaction: Transaction, operator_id: str) -> None:
        """Take access; password and seed are forgotten."""
        await transaction.execute(_REVOKE, UUID(operator_id))

    async def enrol(self, transaction: Transaction, operator_id: str, password_hash: str, seed: str, step: int) -> bool:
        """Store password and second factor; False when the access ended meanwhile."""
        sealed = self._seal.close(seed, record=record_of(operator_id))
        done = await transaction.execute(_ENROL, UUID(operator_id), password_hash, sealed, step)
        return done.endswith(" 1")

    async def use_step(self, transaction: Transaction, operator: OperatorOnFile, step: int) -> bool:
        """Use up a one-time code; False when it, or a later one, was used or the access changed meanwhile."""
        done = await transaction.execute(_USE_STEP, UUID(operator.operator_id), operator.password_hash, step)
        return done.endswith(" 1")

    def _operator_of(self, row: "Row") -> OperatorOnFile:
        operator_id, sealed = str(row["id"]), row["sealed_seed"]
        seed = self._seal.open(bytes(sealed), record=record_of(operator_id)) if sealed is not None else None
        return OperatorOnFile(operator_id, row["email"], row["roles"], row["password_hash"], seed)


async def put_operator(
    transaction: Transaction, email: str, roles: Sequence[str], approved_by: str, granted_by: str
) -> str:
    """Write who may operate the portal and who said so; gives the operator's id."""
    arguments = (uuid4(), email, comparable_email(email), roles, approved_by, granted_by)
    return str(await transaction.fetchval(_GRANT, *arguments))


async def enrolled_tech_leads(transaction: Transaction) -> int:
    """Count those who could hand out access."""
    return int(await transaction.fetchval(_LEADS))


def record_of(operator_id: str) -> str:
    """Name what an operator's seed is bound to."""
    return f"operator {operator_id}"
