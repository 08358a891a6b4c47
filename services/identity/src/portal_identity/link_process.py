"""Linking an existing WHMCS account as a durable process: find the account, link, tell Salesforce (R038–R041)."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Fail, Next, Outcome, ProcessDefinition, Proof, Run, Step
from portal_contracts.identity import CustomerLink
from portal_contracts.identity_linking import CustomerLinked
from portal_contracts.problems import Refused
from portal_identity.audit import write_audit
from portal_identity.ports import Accounts, KeptLinking, LinkDetails, NewContact, NewUser, StaffDesk
from portal_identity.store_linkings import Linkings
from portal_identity.store_users import Users

KIND: Final = "linking"
SOURCE: Final = "Legacy"
"""How a customer of before the portal is said to have come (R041)."""


class LinkState(BaseModel):
    """How far a linking is. Who it is stays sealed in its own row."""

    account_id: str = ""
    linked: bool = False


@dataclass(frozen=True, slots=True)
class LinkProcess:
    """The steps. Nothing is made before the account is found, so a refusal leaves nothing behind (R037)."""

    linkings: Linkings
    users: Users
    accounts: Accounts
    staff: StaffDesk

    def definition(self) -> ProcessDefinition[LinkState]:
        """Give the process as a list."""
        return ProcessDefinition(
            KIND,
            LinkState,
            (
                Step("find_account", self.find_account),
                Step("link", self.link),
                Step("update_salesforce", self.update_salesforce),
            ),
            proof=Proof(state=("linked",)),
        )

    async def find_account(self, run: Run[LinkState]) -> Outcome:
        """Find the account by the Customer Number that WHMCS has (R038)."""
        details = (await self._kept(run)).details
        account = await self.accounts.find(details.customer_number) if details.customer_number else None
        if account is None:
            return await self._refused("LINKING_NOT_POSSIBLE", details, case_id=await self._ask_staff(run, None))
        run.state.account_id = account.account_id
        if await self.users.number_taken(details.customer_number, account.account_id):
            return await self._refused("CUSTOMER_NUMBER_TAKEN", details, account.account_id)
        if await self.users.email_taken(details.email):
            return await self._refused("EMAIL_TAKEN", details, account.account_id)
        if account.whmcs_client_id not in {"", str(details.whmcs_client_id)}:
            await self._ask_staff(run, account.account_id)
            return await self._refused("LINK_MISMATCH", details, account.account_id)
        return Next()

    async def _refused(self, code: str, details: LinkDetails, account_id: str = "", **facts: str) -> Fail:
        """End the linking and note it for those who have mailbox, client, number or account (R050)."""
        owners = await self.users.owners_of(details.email, details.whmcs_client_id, account_id, details.customer_number)

        async def note(transaction: Transaction) -> None:
            for owner in owners:
                await write_audit(transaction, owner, "link_failed", address=details.client_address, code=code)

        return Fail(code, facts=facts, effects=(note,))

    async def link(self, run: Run[LinkState]) -> Outcome:
        """Make user and link in one transaction (R039, R006); the user has the linking's id, so it is made once."""
        kept = await self._kept(run)
        details = kept.details
        link = CustomerLink(
            user_id=run.key,
            account_id=run.state.account_id,
            whmcs_client_id=details.whmcs_client_id,
            customer_number=details.customer_number,
            locale=details.locale,
        )
        linked = CustomerLinked(
            user_id=run.key,
            account_id=run.state.account_id,
            whmcs_client_id=details.whmcs_client_id,
            customer_number=details.customer_number,
        )
        user = NewUser(run.key, details.email, details.name, details.locale, kept.password_hash, details.client_address)
        await self.users.create(user, link, linked, "linked")
        run.state.linked = True
        return Next()

    async def update_salesforce(self, run: Run[LinkState]) -> Outcome:
        """Mark the account portal-active, from before the portal, with its contact (R040, R041, R030)."""
        details = (await self._kept(run)).details
        await self.accounts.register(run.state.account_id, details.whmcs_client_id, SOURCE)
        await self.accounts.ensure_contact(run.state.account_id, NewContact(details.email, details.name))

        async def forget(transaction: Transaction) -> None:
            await self.linkings.forget(transaction, run.key)

        return Done(effects=(forget,))

    async def _kept(self, run: Run[LinkState]) -> KeptLinking:
        kept = await self.linkings.read(run.key)
        if kept is None:
            raise Refused("LINKING_OVER")
        return kept

    async def _ask_staff(self, run: Run[LinkState], account_id: str | None) -> str:
        details = (await self._kept(run)).details
        description = (
            f"{details.email} proved the log-in of WHMCS client {details.whmcs_client_id}, whose Customer Number is "
            f"'{details.customer_number}'. No Salesforce account of this client could be found for it."
        )
        return await self.staff.open_case(f"link-{run.key}", account_id, "Account could not be linked", description)
