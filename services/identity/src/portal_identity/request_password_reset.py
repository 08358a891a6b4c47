from dataclasses import dataclass
from uuid import uuid4

from portal_chassis.postgres import Database
from portal_contracts.identity_passwords import (
    PasswordResetAccepted,
    PasswordResetRequested,
    RequestPasswordReset,
)
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.audit import write_audit
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_resets import Resets


@dataclass(frozen=True, slots=True)
class KeepPasswordReset:
    """Keep a reset and have its link mailed (R046). Known and unknown addresses get one answer after the same work.

    Only known ones are mailed, so not beside the answer, which would come later by that (reliability.md (c) §7).
    """

    database: Database
    resets: Resets
    brakes: Brakes
    settings: IdentitySettings

    async def __call__(self, command: RequestPasswordReset) -> PasswordResetAccepted:
        """Raise TryLater RATE_LIMITED by network address or mailbox (D18).

        Refused IDEMPOTENCY_KEY_REUSED when this request was about another address.
        """
        email = comparable_email(command.email)
        await self.brakes.count(
            ("reset_address", command.client_address, self.settings.resets_an_hour_per_address, 3600),
            ("reset_email", email, self.settings.resets_an_hour_per_email, 3600),
        )
        reset_id = str(uuid4())
        async with self.database.transaction() as transaction:
            kept, user_id = await self.resets.keep(transaction, reset_id, command.request_id, email)
            if kept:
                facts = {"reset": reset_id, "address": command.client_address}
                await write_audit(transaction, user_id, "password_reset_requested", **facts)
                await transaction.record(PasswordResetRequested(reset_id=reset_id), soon=False)
        if not kept and not await self.resets.same(command.request_id, email):
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return PasswordResetAccepted()
