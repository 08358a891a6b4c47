import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_contracts.identity import SignupForm
from portal_contracts.values import comparable_email
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
SELECT id, customer_number, password_hash, link_expires_at > $2 AND tries < $3 AS open FROM signup
WHERE link_hash = $1 FOR UPDATE
"""
# A statement of its own: what another click has committed meanwhile is only seen once the row is ours.
_BEGUN = "SELECT EXISTS (SELECT FROM portal_process WHERE kind = 'signup' AND key = $1)"
_SWEEP = """
DELETE FROM signup WHERE kept_at < now() - make_interval(days => $1) AND NOT EXISTS (
    SELECT FROM portal_process WHERE kind = 'signup' AND key = signup.id::text AND status NOT IN ('done', 'failed'))
"""
# Of several sign-ups for one mailbox the first one's number is everybody's, and the row says so at once.
_NUMBER_OF_MAILBOX = """
INSERT INTO mailbox_number (mailbox_hash, customer_number, signup_id) VALUES ($1, $2, $3)
ON CONFLICT (mailbox_hash) DO UPDATE SET mailbox_hash = excluded.mailbox_hash RETURNING customer_number
"""
MOST_TRIES: Final = 5
"""Wrong passwords of one form; whoever forgot it meanwhile fills in another form."""
NO_PASSWORDS: Final = {"password": "-", "confirm_password": "-"}
"""The hash stands beside the sealed form."""


@dataclass(frozen=True, slots=True)
class FoundSignup:
    """The sign-up behind a link."""

    signup_id: str
    customer_number: str | None
    password_hash: str
    begun: bool
    """The link was used with the right password; how far it is may be told again and again."""


class Signups:
    """Sign-ups that wait for their mailbox, or are on their way."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def keep(self, transaction: Transaction, kept: KeptSignup, request_id: str) -> bool:
        """Keep a form; False when this request was kept before. Both passwords stay out of it."""
        sealed = self._seal.close(kept.form.model_copy(update=NO_PASSWORDS).model_dump_json(), record=kept.signup_id)
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

    async def find_by_link(self, transaction: Transaction, link_hash: bytes, now: datetime) -> FoundSignup | None:
        """Give the sign-up of a link that is valid, or was used; the transaction has it for itself."""
        row = await transaction.fetchrow(_FIND, link_hash, now, MOST_TRIES)
        if row is None:
            return None
        begun = bool(await transaction.fetchval(_BEGUN, str(row["id"])))
        if not (begun or row["open"]):
            return None
        return FoundSignup(str(row["id"]), row["customer_number"], row["password_hash"], begun)

    async def count_try(self, transaction: Transaction, signup_id: str) -> None:
        """Count a wrong password; after the last one the link is over."""
        await transaction.execute("UPDATE signup SET tries = tries + 1 WHERE id = $1", UUID(signup_id))

    async def kept_under(self, request_id: str) -> KeptSignup | None:
        """Give what was kept under this request; None when its form is forgotten by now."""
        found = await self._database.fetchval("SELECT id FROM signup WHERE request_id = $1", request_id)
        return await self.read(str(found)) if found is not None else None

    async def number_of_mailbox(self, signup_id: str, email: str) -> str:
        """Give the Customer Number of an account the portal may have to make: one for all sign-ups of a mailbox (D05).

        It stays until somebody has it, or the sign-up that had it first is forgotten.
        """
        mailbox = sha256(comparable_email(email).encode()).digest()
        return str(await self._database.fetchval(_NUMBER_OF_MAILBOX, mailbox, _number_for(signup_id), UUID(signup_id)))

    async def forget_number(self, transaction: Transaction, customer_number: str) -> None:
        """Free the mailbox whose number this is: it is a customer's now, whatever becomes of the mailbox."""
        await transaction.execute("DELETE FROM mailbox_number WHERE customer_number = $1", customer_number)

    async def forget(self, transaction: Transaction, signup_id: str) -> None:
        """Drop the form: the user has everything that is still needed."""
        await transaction.execute("UPDATE signup SET sealed_form = NULL WHERE id = $1", UUID(signup_id))

    async def sweep(self, days: int) -> None:
        """Forget forms that nobody went on with (§5.10); the row of one that is under way stays."""
        await self._database.execute(_SWEEP, days)


def _number_for(signup_id: str) -> str:
    return f"PT-{base64.b32encode(UUID(signup_id).bytes[:10]).decode()}"
