from dataclasses import dataclass

from portal_chassis.clocks import MachineClock
from portal_contracts.identity_passwords import (
    ResetPassword,
)
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.secret_tokens import token_hash
from portal_identity.set_password import SetPassword
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_resets import Resets


@dataclass(frozen=True, slots=True)
class UseResetLink:
    """Use a mailed link once: a new password, and everybody who was signed in is signed out (R047)."""

    resets: Resets
    brakes: Brakes
    set_password: SetPassword
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: ResetPassword) -> Acknowledged:
        """Refused PASSWORD_LINK_INVALID or PASSWORD_TOO_WEAK, after which the link still works; TryLater RATE_LIMITED.

        Whoever has the mailbox is the owner, so failed log-ins of others, however many, count no more (R049).
        """
        await self.brakes.count(
            ("reset_use", command.client_address, self.settings.resets_an_hour_per_address, 3600),
        )
        form = command.form
        found = await self.resets.find_by_link(token_hash(form.token), self.clock.now())
        if found is None:
            raise Refused("PASSWORD_LINK_INVALID")
        if not await self.set_password(found.user, form.password, "password_reset", command.client_address):
            raise Refused("PASSWORD_LINK_INVALID")  # another link was faster
        account = comparable_email(found.user.email)
        await self.brakes.succeeded(account, total=account)
        return Acknowledged()
