from dataclasses import dataclass

from portal_chassis.actor import Actor
from portal_contracts.identity_passwords import (
    ChangePassword,
)
from portal_contracts.message import Acknowledged
from portal_contracts.problems import FieldError, Refused
from portal_contracts.values import comparable_email
from portal_identity.ports import PasswordHasher
from portal_identity.set_password import SetPassword
from portal_identity.store_brakes import Brakes
from portal_identity.store_users import Users


@dataclass(frozen=True, slots=True)
class ChangeOwnPassword:
    """Change the caller's password; the caller's other sessions end.

    Tries of the current password have a brake of their own: whoever stole a session can neither guess on nor slow the
    owner's log-in down. All of an account's tries together have an end, though (NIST 800-63B-4).
    """

    users: Users
    brakes: Brakes
    hasher: PasswordHasher
    set_password: SetPassword

    async def __call__(self, caller: Actor, command: ChangePassword) -> Acknowledged:
        """Refused CURRENT_PASSWORD_WRONG, PASSWORD_TOO_WEAK or SESSION_EXPIRED; TryLater RATE_LIMITED."""
        form = command.form
        brake = f"change_password:{caller.user_id}"
        await self.brakes.check_failures(brake, command.client_address, "password_change_slowed", caller.user_id)
        user = await self.users.by_id(caller.user_id)
        if user is None:
            raise Refused("SESSION_EXPIRED")
        total = comparable_email(user.email)
        fits = await self.hasher.verify(form.current_password, user.password_hash)
        if await self.brakes.exhausted(total) or not fits:
            await self.brakes.failed(brake, command.client_address, "password_change_failed", user.user_id, total=total)
            raise _wrong()
        await self.brakes.succeeded(brake, total=total)
        address, kept = command.client_address, caller.session_id
        if not await self.set_password(user, form.password, "password_changed", address, keep_session=kept):
            raise _wrong()  # it was changed meanwhile
        return Acknowledged()


def _wrong() -> Refused:
    code = "CURRENT_PASSWORD_WRONG"
    return Refused(code, fields=[FieldError(field="currentPassword", code=code)])
