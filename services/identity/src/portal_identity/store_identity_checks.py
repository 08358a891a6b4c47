from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database
from portal_contracts.identity_verification import VerifiedCommodity
from portal_identity.identity_provider import IdentityCheck
from portal_identity.secret_tokens import token_hash

_KEEP: Final = """
INSERT INTO identity_check (state_hash, user_id, session_id, commodity, nonce, verifier, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_FIND: Final = """
SELECT commodity, nonce, verifier, taken_at IS NOT NULL AS taken FROM identity_check
WHERE state_hash = $1 AND user_id = $2 AND session_id = $3 AND expires_at > $4
"""


@dataclass(frozen=True, slots=True)
class CheckUnderWay:
    """A check whose browser came back. `taken`: not for the first time."""

    check: IdentityCheck
    commodity: VerifiedCommodity
    taken: bool

    @property
    def key(self) -> str:
        """The name of what follows from it."""
        return token_hash(self.check.state).hex()[:32]


class IdentityChecks:
    """Checks under way at the provider, bound to the session that began them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, check: IdentityCheck, user_id: str, session_id: str, commodity: VerifiedCommodity, expires_at: datetime
    ) -> None:
        """Keep a check until its browser comes back."""
        whose = (UUID(user_id), session_id, commodity)
        await self._database.execute(_KEEP, token_hash(check.state), *whose, check.nonce, check.verifier, expires_at)

    async def find(self, state: str, user_id: str, session_id: str, now: datetime) -> CheckUnderWay | None:
        """Give the caller's own check; None when it is unknown, too old or was begun in another session."""
        row = await self._database.fetchrow(_FIND, token_hash(state), UUID(user_id), session_id, now)
        if row is None:
            return None
        return CheckUnderWay(IdentityCheck(state, row["nonce"], row["verifier"]), row["commodity"], row["taken"])

    async def take(self, state: str) -> bool:
        """Use the check's one try; False when somebody did."""
        statement = "UPDATE identity_check SET taken_at = now() WHERE state_hash = $1 AND taken_at IS NULL"
        return (await self._database.execute(statement, token_hash(state))).endswith(" 1")

    async def end(self, state: str) -> None:
        """Forget a check of which nothing came."""
        await self._database.execute("DELETE FROM identity_check WHERE state_hash = $1", token_hash(state))

    async def sweep(self) -> None:
        """Forget checks whose time is over."""
        await self._database.execute("DELETE FROM identity_check WHERE expires_at < now()")
