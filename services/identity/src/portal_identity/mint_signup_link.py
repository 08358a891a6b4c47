from dataclasses import dataclass
from datetime import timedelta

from portal_chassis.clocks import MachineClock
from portal_contracts.identity import MintSignupLink, SignupLink
from portal_contracts.problems import Refused
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.settings import IdentitySettings
from portal_identity.store_signups import Signups


@dataclass(frozen=True, slots=True)
class MintLink:
    """Mint the mailbox-proof link at the moment its mail is sent; the one before dies."""

    signups: Signups
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: MintSignupLink) -> SignupLink:
        """Refused NOT_FOUND when the sign-up is over or under way."""
        kept = await self.signups.read(command.signup_id)
        if kept is None:
            raise Refused("NOT_FOUND")
        token = new_token()
        expires_at = self.clock.now() + timedelta(seconds=self.settings.signup_link_seconds)
        if not await self.signups.put_link(kept.signup_id, token_hash(token), expires_at):
            raise Refused("NOT_FOUND")
        return SignupLink(
            email=kept.form.email, name=kept.form.name, locale=kept.form.locale, token=token, expires_at=expires_at
        )
