from dataclasses import dataclass
from datetime import timedelta

from portal_chassis.actor import Actor
from portal_chassis.clocks import MachineClock
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_contracts.identity import Recipient
from portal_contracts.identity_email import (
    ConfirmEmailChange,
    EmailChangeAccepted,
    EmailChanged,
    EmailChangeLink,
    EmailChangeRequested,
    MintEmailChangeLink,
    RequestEmailChange,
)
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_identity.audit import write_audit
from portal_identity.contact_process import KIND, ContactState
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_email_changes import EmailChanges
from portal_identity.store_resets import Resets
from portal_identity.store_users import Users


@dataclass(frozen=True, slots=True)
class KeepEmailChange:
    """Keep the wish for another address. What the caller is told does not depend on whether somebody has it."""

    database: Database
    changes: EmailChanges
    brakes: Brakes
    settings: IdentitySettings

    async def __call__(self, caller: Actor, command: RequestEmailChange) -> EmailChangeAccepted:
        """TryLater RATE_LIMITED: a stolen session must not become a way to send mail."""
        await self.brakes.count(("email_change", caller.user_id, self.settings.resets_an_hour_per_email, 3600))
        async with self.database.transaction() as transaction:
            change_id = await self.changes.keep(transaction, caller.user_id, command.form.email, command.request_id)
            if change_id is not None:
                facts = {"change": change_id, "address": command.client_address}
                await write_audit(transaction, caller.user_id, "email_change_requested", **facts)
                await transaction.record(EmailChangeRequested(change_id=change_id, account_id=caller.account_id))
        return EmailChangeAccepted()


@dataclass(frozen=True, slots=True)
class MintChangeLink:
    """Mint the link for the new mailbox at the moment its mail is sent; the one before dies."""

    changes: EmailChanges
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: MintEmailChangeLink) -> EmailChangeLink:
        """Refused NOT_FOUND when the wish is over or the address is somebody's."""
        token = new_token()
        expires_at = self.clock.now() + timedelta(seconds=self.settings.reset_link_seconds)
        found = await self.changes.put_link(command.change_id, token_hash(token), expires_at)
        if found is None:
            raise Refused("NOT_FOUND")
        email, user = found
        return EmailChangeLink(email=email, name=user.name, locale=user.locale, token=token, expires_at=expires_at)


@dataclass(frozen=True, slots=True)
class UseChangeLink:
    """Use the link: the new address logs in, mailed reset links die, the old mailbox is told, Salesforce follows."""

    database: Database
    changes: EmailChanges
    users: Users
    resets: Resets
    processes: ProcessEngine
    clock: MachineClock

    async def __call__(self, command: ConfirmEmailChange) -> Acknowledged:
        """Refused EMAIL_LINK_INVALID for an unknown, used or old link, or when somebody else has the address now."""
        async with self.database.transaction() as transaction:
            done = await self.changes.use(transaction, token_hash(command.token), self.clock.now())
            if done is None:
                raise Refused("EMAIL_LINK_INVALID")
            change_id, user_id = done
            link = await self.users.link_of(transaction, user_id)
            await self.resets.close_all(transaction, user_id)
            await write_audit(transaction, user_id, "email_changed", change=change_id, address=command.client_address)
            await transaction.record(EmailChanged(change_id=change_id, account_id=link.account_id))
            await self.processes.start(transaction, KIND, change_id, ContactState(account_id=link.account_id))
        return Acknowledged()


@dataclass(frozen=True, slots=True)
class ReadFormerMailbox:
    """Tell notifications where a customer's mail went before a change."""

    changes: EmailChanges

    async def __call__(self, change_id: str) -> Recipient:
        """Refused NOT_FOUND."""
        found = await self.changes.former_recipient(change_id)
        if found is None:
            raise Refused("NOT_FOUND")
        return found
