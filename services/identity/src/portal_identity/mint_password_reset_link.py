from dataclasses import dataclass
from datetime import timedelta

from portal_chassis.clocks import MachineClock
from portal_contracts.identity_passwords import (
    MintPasswordResetLink,
    PasswordResetLink,
)
from portal_contracts.problems import Refused
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.settings import IdentitySettings
from portal_identity.store_resets import Resets


@dataclass(frozen=True, slots=True)
class MintResetLink:
    """Mint the link for a new password at the moment its mail is sent, bound to the password of that moment."""

    resets: Resets
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: MintPasswordResetLink) -> PasswordResetLink:
        """Refused NOT_FOUND when nobody has the address, or the reset was used or is too old."""
        token = new_token()
        expires_at = self.clock.now() + timedelta(seconds=self.settings.reset_link_seconds)
        user = await self.resets.put_link(command.reset_id, token_hash(token), expires_at)
        if user is None:
            raise Refused("NOT_FOUND")
        return PasswordResetLink(
            email=user.email, name=user.name, locale=user.locale, token=token, expires_at=expires_at
        )
