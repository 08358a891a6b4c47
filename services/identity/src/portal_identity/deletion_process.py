"""Deleting an account after a time to think it over, system by system, with proof (D17)."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from portal_chassis.postgres import Transaction
from portal_chassis.process import Block, Done, Effect, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.identity_personal_data import CustomerErased
from portal_identity.audit import write_audit
from portal_identity.deletion import FindHindrance
from portal_identity.ports import Accounts, KeptDeletion, StaffDesk
from portal_identity.store_api_tokens import ApiTokens
from portal_identity.store_deletions import Deletions
from portal_identity.store_sessions import Sessions
from portal_identity.store_users import Users

KIND: Final = "deletion"


class DeletionState(BaseModel):
    """Nothing: everything stands in the row of the wish, which is the process's key."""


@dataclass(frozen=True, slots=True)
class DeletionProcess:
    """The portal comes last: until then it knows whose contact to look for, and a repeat finds the same."""

    deletions: Deletions
    users: Users
    sessions: Sessions
    api_tokens: ApiTokens
    accounts: Accounts
    hindrance: FindHindrance
    staff: StaffDesk

    def definition(self) -> ProcessDefinition[DeletionState]:
        """Give the process as a list."""
        return ProcessDefinition(
            KIND,
            DeletionState,
            (
                Step("think_it_over", self.think_it_over),
                Step("anonymise_salesforce", self.anonymise_salesforce),
                Step("hand_over_whmcs", self.hand_over_whmcs),
                Step("erase_portal", self.erase_portal),
            ),
        )

    async def think_it_over(self, run: Run[DeletionState]) -> Outcome:
        """Wait; a wish that was taken back ends here, and what is still under way keeps its account."""
        wish = await self.deletions.read(run.key)
        if wish is None:
            return Done()
        if run.clock.now() < wish.erase_at:
            return Wait(until=wish.erase_at, because="the customer may think it over")
        hindrance = await self.hindrance(wish.account_id, wish.whmcs_client_id)
        return Next() if hindrance is None else Block(hindrance)

    async def anonymise_salesforce(self, run: Run[DeletionState]) -> Outcome:
        """Take name and addresses from the contact and switch the account's portal off."""
        wish = await self._wish(run)
        user = await self.users.by_id(wish.user_id)
        if user is not None:
            await self.accounts.erase(wish.account_id, user.email)
        return Next(effects=(self._proof(wish, "salesforce", "anonymised", "contact without name and addresses"),))

    async def hand_over_whmcs(self, run: Run[DeletionState]) -> Outcome:
        """Have staff close the client: invoices are kept by law, and closing is theirs to judge (§5.10)."""
        wish = await self._wish(run)
        description = (
            f"The customer of WHMCS client {wish.whmcs_client_id} asked to be deleted. Close the client and remove "
            "what no invoice needs; invoices are kept for 7 years. Take the person's name from the Salesforce account."
        )
        case = await self.staff.open_case(f"deletion-{run.key}", wish.account_id, "Delete an account", description)
        reason = f"staff close the client (case {case}); invoices are kept for 7 years"
        return Next(effects=(self._proof(wish, "whmcs", "handed_to_staff", reason),))

    async def erase_portal(self, run: Run[DeletionState]) -> Outcome:
        """Forget the user here, in one transaction with the proof and the news for other services."""
        wish = await self._wish(run)

        async def erase(transaction: Transaction) -> None:
            await self.sessions.revoke_all(transaction, wish.user_id)
            await self.api_tokens.revoke_all(transaction, wish.user_id)
            await self.deletions.erase(transaction, wish)
            await write_audit(transaction, wish.user_id, "erased", deletion=wish.deletion_id)
            erased = CustomerErased(
                user_id=wish.user_id,
                account_id=wish.account_id,
                whmcs_client_id=wish.whmcs_client_id,
                erased_at=run.clock.now(),
            )
            await transaction.record(erased)

        reason = "user, sessions, factors and link are gone; the nameless audit ends by its own time"
        return Done(effects=(erase, self._proof(wish, "portal", "erased", reason)))

    def _proof(self, wish: KeptDeletion, system: str, action: str, reason: str) -> Effect:
        async def prove(transaction: Transaction) -> None:
            await self.deletions.prove(transaction, wish.deletion_id, system, action, reason)

        return prove

    async def _wish(self, run: Run[DeletionState]) -> KeptDeletion:
        wish = await self.deletions.read(run.key)
        if wish is None:
            raise LookupError(f"the deletion {run.key} is over")
        return wish
