from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portal_chassis.actor import Actor
from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_contracts.identity_personal_data import (
    Deletion,
    DeletionRequested,
    PersonalDataExport,
    RequestDeletion,
    WithdrawDeletion,
)
from portal_contracts.message import Acknowledged, Message
from portal_contracts.problems import Refused
from portal_identity.audit import write_audit
from portal_identity.change_authenticator import ReadFactors
from portal_identity.deletion import FindHindrance
from portal_identity.deletion_process import KIND, DeletionState
from portal_identity.ports import Accounts, Billing, Owners
from portal_identity.read_customer import ReadCustomer
from portal_identity.settings import IdentitySettings
from portal_identity.store_api_tokens import ApiTokens
from portal_identity.store_audit import Audit
from portal_identity.store_brakes import Brakes
from portal_identity.store_deletions import Deletions, new_deletion
from portal_identity.store_sessions import Sessions

EXPORTS_AN_HOUR = 10
MOST_EVENTS = 1000
_OWNED: Mapping[str, Sequence[str]] = {
    "portal": ("keptCart", "mailPreferences", "mails", "simLines", "lineChanges"),
    "salesforce": ("orders", "numberPortings", "cases"),
    "whmcs": ("invoices", "services", "paymentMethods"),
}
"""Where each thing that other services give for the export is kept."""


@dataclass(frozen=True, slots=True)
class ExportOwnData:
    """Everything that is kept about the caller, system by system, machine readable (D17)."""

    database: Database
    customer: ReadCustomer
    factors: ReadFactors
    sessions: Sessions
    api_tokens: ApiTokens
    audit: Audit
    accounts: Accounts
    billing: Billing
    owners: Owners
    brakes: Brakes
    clock: BusinessClock

    async def __call__(self, caller: Actor, client_address: str = "") -> PersonalDataExport:
        """Give all of it or none: TryLater when a system is away, RATE_LIMITED."""
        await self.brakes.count(("export", caller.user_id, EXPORTS_AN_HOUR, 3600))
        portal: dict[str, Any] = {
            "user": _plain(await self.customer.me(caller.user_id)),
            "secondFactors": _plain(await self.factors(caller)),
            "sessions": [_plain(one) for one in await self.sessions.list(caller.user_id, caller.session_id)],
            "apiTokens": [_plain(one) for one in await self.api_tokens.list(caller.user_id)],
            "securityEvents": [_plain(one) for one in await self.audit.list(caller.user_id, None, MOST_EVENTS)],
        }
        systems: dict[str, Mapping[str, Any]] = {
            "portal": portal,
            "salesforce": await self.accounts.everything(caller.account_id),
            "whmcs": await self.billing.profile(caller.whmcs_client_id),
        }
        kept = await self.owners.export(caller.account_id, caller.whmcs_client_id)
        for system, names in _OWNED.items():
            systems[system] = {**systems[system], **{name: kept[name] for name in names}}
        async with self.database.transaction() as transaction:
            await write_audit(transaction, caller.user_id, "personal_data_exported", address=client_address)
        return PersonalDataExport(made_at=self.clock.now(), systems=systems)


@dataclass(frozen=True, slots=True)
class DeleteOwnAccount:
    """Have one's account deleted, or keep it after all. The gateway asks for a fresh proof before (D17)."""

    database: Database
    deletions: Deletions
    hindrance: FindHindrance
    processes: ProcessEngine
    settings: IdentitySettings
    clock: BusinessClock

    async def read(self, caller: Actor) -> Deletion:
        """Tell how far it is."""
        return await self.deletions.of_user(caller.user_id)

    async def request(self, caller: Actor, command: RequestDeletion) -> Deletion:
        """Keep the wish. Refused DELETION_… while a service runs, or an order or a cancellation is under way."""
        hindrance = await self.hindrance(caller.account_id, caller.whmcs_client_id)
        if hindrance is not None:
            raise Refused(hindrance)
        erase_at = self.clock.now() + timedelta(days=self.settings.deletion_days)
        wish = new_deletion(caller.user_id, caller.account_id, caller.whmcs_client_id, erase_at)
        async with self.database.transaction() as transaction:
            if await self.deletions.keep(transaction, wish, command.request_id):
                facts = {"deletion": wish.deletion_id, "address": command.client_address}
                await write_audit(transaction, caller.user_id, "deletion_requested", **facts)
                await transaction.record(
                    DeletionRequested(deletion_id=wish.deletion_id, account_id=caller.account_id, erase_at=erase_at)
                )
                await self.processes.start(transaction, KIND, wish.deletion_id, DeletionState())
        return await self.deletions.of_user(caller.user_id)

    async def withdraw(self, caller: Actor, command: WithdrawDeletion) -> Acknowledged:
        """Take the wish back. Refused NOT_FOUND when there is none any more."""
        async with self.database.transaction() as transaction:
            deletion_id = await self.deletions.withdraw(transaction, caller.user_id)
            if deletion_id is None:
                raise Refused("NOT_FOUND")
            facts = {"deletion": deletion_id, "address": command.client_address}
            await write_audit(transaction, caller.user_id, "deletion_withdrawn", **facts)
            await self.processes.wake(transaction, KIND, deletion_id)
        return Acknowledged()


def _plain(message: Message) -> dict[str, Any]:
    return message.model_dump(mode="json", by_alias=True)
