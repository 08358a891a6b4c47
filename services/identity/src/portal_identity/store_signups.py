from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_contracts.identity import SignupForm
from portal_identity.ports import KeptSignup

_KEEP = """
INSERT INTO signup (id, request_id, customer_number, sealed_form, password_hash) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (request_id) DO NOTHING
"""
# A link that has been used has a process; a new one for it would only confuse.
_PUT_LINK = """
UPDATE signup SET link_hash = $2, link_expires_at = $3
WHERE id = $1 AND NOT EXISTS (SELECT FROM portal_process WHERE kind = 'signup' AND key = $1::text)
"""
# A started sign-up is found by its link for as long as its row lives: repeats of the click show how far it is.
_FIND = """
SELECT id, customer_number FROM signup WHERE link_hash = $1
AND (link_expires_at > $2 OR EXISTS (SELECT FROM portal_process WHERE kind = 'signup' AND key = signup.id::text))
"""
_SWEEP = """
DELETE FROM signup WHERE kept_at < now() - make_interval(days => $1) AND NOT EXISTS (
    SELECT FROM portal_process WHERE kind = 'signup' AND key = signup.id::text AND status NOT IN ('done', 'failed'))
"""


@dataclass(frozen=True, slots=True)
class FoundSignup:
    """The sign-up behind a link."""

    signup_id: str
    customer_number: str | None


class Signups:
    """Sign-ups that wait for their mailbox, or are on their way."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def keep(self, transaction: Transaction, kept: KeptSignup, request_id: str) -> bool:
        """Keep a form; False when this request was kept before. Both passwords stay out of it."""
        blank = {"password": "-", "confirm_password": "-"}  # the hash stands beside it
        sealed = self._seal.close(kept.form.model_copy(update=blank).model_dump_json(), record=kept.signup_id)
        done = await transaction.execute(
            _KEEP, UUID(kept.signup_id), request_id, kept.form.customer_number, sealed, kept.password_hash
        )
        return done.endswith(" 1")

    async def read(self, signup_id: str) -> KeptSignup | None:
        """Give a kept form; None when it is unknown or forgotten."""
        row = await self._database.fetchrow(
            "SELECT sealed_form, password_hash FROM signup WHERE id = $1 AND sealed_form IS NOT NULL", UUID(signup_id)
        )
        if row is None:
            return None
        form = SignupForm.model_validate_json(self._seal.open(row["sealed_form"], record=signup_id))
        return KeptSignup(signup_id, form, row["password_hash"])

    async def put_link(self, signup_id: str, link_hash: bytes, expires_at: datetime) -> bool:
        """Store the link's hash in place of an earlier one; False when the sign-up has begun."""
        return (await self._database.execute(_PUT_LINK, UUID(signup_id), link_hash, expires_at)).endswith(" 1")

    async def find_by_link(self, link_hash: bytes, now: datetime) -> FoundSignup | None:
        """Give the sign-up of a link that is valid, or was used."""
        row = await self._database.fetchrow(_FIND, link_hash, now)
        return FoundSignup(str(row["id"]), row["customer_number"]) if row is not None else None

    async def forget(self, transaction: Transaction, signup_id: str) -> None:
        """Drop the form: the user has everything that is still needed."""
        await transaction.execute("UPDATE signup SET sealed_form = NULL WHERE id = $1", UUID(signup_id))

    async def sweep(self, days: int) -> None:
        """Forget forms that nobody went on with (§5.10); the row of one that is under way stays."""
        await self._database.execute(_SWEEP, days)
