from dataclasses import dataclass
from uuid import uuid4

from portal_chassis.postgres import Database
from portal_contracts.identity import RequestSignup, SignupAccepted, SignupForm, SignupRequested
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.password_policy import require_strong
from portal_identity.ports import KeptSignup, PasswordHasher
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_signups import NO_PASSWORDS, Signups


@dataclass(frozen=True, slots=True)
class KeepSignup:
    """Keep a form and have its mailbox proven. Every well-formed form gets one answer after the same work (C39)."""

    database: Database
    signups: Signups
    brakes: Brakes
    hasher: PasswordHasher
    settings: IdentitySettings

    async def __call__(self, command: RequestSignup) -> SignupAccepted:
        """Refuse a weak password and what the form lacks; TryLater RATE_LIMITED by address, mailbox or number (D18).

        Refused IDEMPOTENCY_KEY_REUSED when this request was another form.
        """
        form = self.settings.form_policy().accepted(command.form)
        number = form.customer_number or ""
        known = (form.email, number, form.name.family_name, form.name.given_name)
        require_strong(form.password, self.settings.password_length, known)
        await self.brakes.count(
            ("signup_address", command.client_address, self.settings.signups_an_hour_per_address, 3600),
            ("signup_email", comparable_email(form.email), self.settings.signups_an_hour_per_email, 3600),
            *([("signup_number", number, self.settings.signups_an_hour_per_number, 3600)] if number else []),
        )
        kept = KeptSignup(str(uuid4()), form, await self.hasher.hash(form.password))
        async with self.database.transaction() as transaction:
            fresh = await self.signups.keep(transaction, kept, command.request_id)
            if fresh:
                await transaction.record(SignupRequested(signup_id=kept.signup_id))
        if not fresh:
            await self._require_same(form, command.request_id)
        return SignupAccepted()

    async def _require_same(self, form: SignupForm, request_id: str) -> None:
        earlier = await self.signups.kept_under(request_id)
        if earlier is None:
            return
        alike = earlier.form == form.model_copy(update=NO_PASSWORDS)
        if not (alike and await self.hasher.verify(form.password, earlier.password_hash)):
            raise Refused("IDEMPOTENCY_KEY_REUSED")
