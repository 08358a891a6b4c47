from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from portal_chassis.postgres import Database, Transaction
from portal_contracts.forgetting import CustomerForgotten
from portal_contracts.identity_personal_data import Deletion, DeletionRecord, ErasureProof
from portal_contracts.topology import owner_of
from portal_identity.deletion import proof_words, standings
from portal_identity.ports import KeptDeletion

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

_KEEP: Final = """
INSERT INTO deletion (id, request_id, user_id, account_id, whmcs_client_id, erase_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_OF_USER: Final = """
SELECT * FROM deletion WHERE user_id = $1 AND withdrawn_at IS NULL ORDER BY requested_at DESC LIMIT 1
"""
_WITHDRAW: Final = """
UPDATE deletion SET withdrawn_at = now() WHERE user_id = $1 AND withdrawn_at IS NULL AND erased_at IS NULL
AND NOT EXISTS (SELECT FROM deletion_proof p WHERE p.deletion_id = deletion.id) RETURNING id
"""
_PROVE: Final = """
INSERT INTO deletion_proof (deletion_id, system, action, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
# A user is erased once; what is told of one that an older copy of this database still has comes again.
_PROVE_OF_USER: Final = """
INSERT INTO deletion_proof (deletion_id, system, action, reason)
SELECT id, $2, $3, $4 FROM deletion WHERE user_id = $1 AND erased_at IS NOT NULL ON CONFLICT DO NOTHING
"""
_ACCOUNTS: Final = """
SELECT whmcs_client_id, account_id FROM deletion WHERE erased_at IS NOT NULL AND whmcs_client_id = ANY($1)
ORDER BY erased_at
"""
# Rows that name the user, those that others point at last. The audit stays: it holds no name, and ends by its own time.
_ERASE: Final = (
    "DELETE FROM session WHERE user_id = $1",
    "DELETE FROM api_token WHERE user_id = $1",
    "DELETE FROM recovery_code WHERE user_id = $1",
    "DELETE FROM authenticator WHERE user_id = $1",
    "DELETE FROM passkey_challenge WHERE user_id = $1",
    "DELETE FROM passkey WHERE user_id = $1",
    "DELETE FROM identity_check WHERE user_id = $1",
    "DELETE FROM email_change WHERE user_id = $1",
    "DELETE FROM password_reset WHERE user_id = $1",
    "DELETE FROM signup WHERE id = $1",
    "DELETE FROM linking WHERE id = $1",
    "DELETE FROM customer_link WHERE user_id = $1",
    "DELETE FROM portal_user WHERE id = $1",
)


class Deletions:
    """Wishes to be deleted, and what was done in each system; they outlive the user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, transaction: Transaction, wish: KeptDeletion, request_id: str) -> bool:
        """Keep a wish; False when there is an open one, or this request was kept before."""
        row = (UUID(wish.deletion_id), request_id, UUID(wish.user_id), wish.account_id, wish.whmcs_client_id)
        return (await transaction.execute(_KEEP, *row, wish.erase_at)).endswith(" 1")

    async def of_user(self, user_id: str) -> Deletion:
        """Give how far a user's deletion is."""
        row = await self._database.fetchrow(_OF_USER, UUID(user_id))
        if row is None:
            return Deletion(state="none")
        state = "erased" if row["erased_at"] is not None else "requested"
        proofs = (await self._proofs([row["id"]])).get(row["id"], [])
        return Deletion(
            state=state,
            deletion_id=str(row["id"]),
            erase_at=row["erase_at"],
            proofs=proofs,
            systems=standings(proofs),
        )

    async def read(self, deletion_id: str) -> KeptDeletion | None:
        """Give a wish that is still one; None when it was withdrawn or carried out."""
        row = await self._database.fetchrow(
            "SELECT * FROM deletion WHERE id = $1 AND withdrawn_at IS NULL AND erased_at IS NULL", UUID(deletion_id)
        )
        if row is None:
            return None
        return KeptDeletion(
            deletion_id, str(row["user_id"]), row["account_id"], row["whmcs_client_id"], row["erase_at"]
        )

    async def withdraw(self, transaction: Transaction, user_id: str) -> str | None:
        """Take the open wish back and give its id; None when there is none, or something was erased already."""
        found = await transaction.fetchval(_WITHDRAW, UUID(user_id))
        return str(found) if found is not None else None

    async def prove(self, transaction: Transaction, deletion_id: str, system: str, action: str, reason: str) -> None:
        """Note what was done in a system, once."""
        await transaction.execute(_PROVE, UUID(deletion_id), system, action, reason)

    async def forgotten(self, transaction: Transaction, told: CustomerForgotten) -> None:
        """Note what a service has forgotten, once; nothing for a user who was not erased here."""
        action, reason = proof_words(told)
        await transaction.execute(_PROVE_OF_USER, UUID(told.user_id), owner_of(told.subject), action, reason)

    async def erase(self, transaction: Transaction, wish: KeptDeletion) -> None:
        """Forget everything that names the user here."""
        for statement in _ERASE:
            await transaction.execute(statement, UUID(wish.user_id))
        await transaction.execute("UPDATE deletion SET erased_at = now() WHERE id = $1", UUID(wish.deletion_id))

    async def accounts_of(self, whmcs_client_ids: Sequence[int]) -> dict[int, str]:
        """Give the Salesforce account of each of these WHMCS clients whose customer was deleted."""
        rows = await self._database.fetch(_ACCOUNTS, list(whmcs_client_ids))
        return {row["whmcs_client_id"]: row["account_id"] for row in rows}

    async def all(self, limit: int) -> list[DeletionRecord]:
        """Give the newest wishes with their proofs."""
        rows = await self._database.fetch("SELECT * FROM deletion ORDER BY requested_at DESC LIMIT $1", limit)
        proofs = await self._proofs([row["id"] for row in rows])
        return [_record(row, proofs.get(row["id"], [])) for row in rows]

    async def _proofs(self, deletion_ids: Sequence[UUID]) -> dict[UUID, list[ErasureProof]]:
        statement = "SELECT * FROM deletion_proof WHERE deletion_id = ANY($1) ORDER BY at, system"
        found: dict[UUID, list[ErasureProof]] = {}
        for row in await self._database.fetch(statement, list(deletion_ids)):
            proof = ErasureProof(system=row["system"], action=row["action"], reason=row["reason"], at=row["at"])
            found.setdefault(row["deletion_id"], []).append(proof)
        return found


def new_deletion(user_id: str, account_id: str, whmcs_client_id: int, erase_at: datetime) -> KeptDeletion:
    """Make a wish."""
    return KeptDeletion(str(uuid4()), user_id, account_id, whmcs_client_id, erase_at)


def _record(row: "Row", proofs: Sequence[ErasureProof]) -> DeletionRecord:
    return DeletionRecord(
        deletion_id=str(row["id"]),
        account_id=row["account_id"],
        whmcs_client_id=row["whmcs_client_id"],
        requested_at=row["requested_at"],
        erase_at=row["erase_at"],
        erased_at=row["erased_at"],
        withdrawn_at=row["withdrawn_at"],
        proofs=proofs,
        systems=standings(proofs),
    )
