"""Sign-up as a durable process: verify number, make client, link, tell Salesforce (R026, architecture §6)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.identity import CustomerLink
from portal_contracts.problems import Refused, TryLater
from portal_identity.ports import AccountOnFile, Accounts, Billing, KeptSignup, StaffDesk
from portal_identity.proof import proven
from portal_identity.store_signups import Signups
from portal_identity.store_users import Users

KIND: Final = "signup"
SOON: Final = timedelta(seconds=1)


class SignupState(BaseModel):
    """How far a sign-up is. The form itself stays sealed in its own row."""

    account_id: str = ""
    whmcs_client_id: int = 0
    linked: bool = False
    """From here on the customer can log in; Salesforce is told afterwards, however long that takes."""


@dataclass(frozen=True, slots=True)
class SignupProcess:
    """The steps. Refusals end the process; the customer hears of them when the link is used."""

    signups: Signups
    users: Users
    accounts: Accounts
    billing: Billing
    staff: StaffDesk

    def definition(self) -> ProcessDefinition[SignupState]:
        """Give the process as a list."""
        return ProcessDefinition(
            KIND,
            SignupState,
            (
                Step("verify_number", self.verify_number),
                Step("ensure_client", self.ensure_client),
                Step("link", self.link),
                Step("update_salesforce", self.update_salesforce),
            ),
        )

    async def verify_number(self, run: Run[SignupState]) -> Outcome:
        """Look the number up before anything else is made (R020-R022), and the proof for it (C39)."""
        kept = await self._kept(run)
        account = await self.accounts.find(kept.form.customer_number)
        if account is None:
            raise Refused("CUSTOMER_NUMBER_UNKNOWN")
        if await self.users.number_taken(kept.form.customer_number, account.account_id):
            raise Refused("CUSTOMER_NUMBER_TAKEN")
        if await self.users.email_taken(kept.form.email):
            raise Refused("EMAIL_TAKEN")
        if not proven(kept.form, account):
            raise Refused("CUSTOMER_NUMBER_NOT_PROVEN", facts={"case_id": await self._ask_staff(run, kept, account)})
        if account.whmcs_client_id:
            raise Refused("BILLING_ACCOUNT_EXISTS")
        run.state.account_id = account.account_id
        return Next()

    async def ensure_client(self, run: Run[SignupState]) -> Outcome:
        """Have billing make the WHMCS client (R024); billing is harmless to ask again."""
        kept = await self._kept(run)
        try:
            run.state.whmcs_client_id = await self.billing.ensure_client(kept.form)
        except TryLater as later:
            if later.code != "IN_PROGRESS":
                raise
            return Wait(after=SOON, because=later.code)
        return Next()

    async def link(self, run: Run[SignupState]) -> Outcome:
        """Make user and link in one transaction (R025, R006); the user has the sign-up's id, so it is made once."""
        kept = await self._kept(run)
        link = CustomerLink(
            user_id=run.key,
            account_id=run.state.account_id,
            whmcs_client_id=run.state.whmcs_client_id,
            customer_number=kept.form.customer_number,
            locale=kept.form.locale,
        )
        await self.users.create(kept, link)
        run.state.linked = True
        return Next()

    async def update_salesforce(self, run: Run[SignupState]) -> Outcome:
        """Write portal status, WHMCS id, source and contact (R027-R030); an account of another client is a mismatch."""
        kept = await self._kept(run)
        sources = {"portal_signup": "Portal Signup", "portal_checkout": "Portal Checkout"}
        await self.accounts.register(run.state.account_id, run.state.whmcs_client_id, sources[kept.form.source])
        await self.accounts.ensure_contact(run.state.account_id, kept.form)

        async def forget_form(transaction: Transaction) -> None:
            await self.signups.forget(transaction, run.key)

        return Done(effects=(forget_form,))

    async def _kept(self, run: Run[SignupState]) -> KeptSignup:
        kept = await self.signups.read(run.key)
        if kept is None:
            raise Refused("SIGNUP_LINK_INVALID")
        return kept

    async def _ask_staff(self, run: Run[SignupState], kept: KeptSignup, account: AccountOnFile) -> str:
        description = (
            f"{kept.form.name.family_name} {kept.form.name.given_name} proved the mailbox {kept.form.email} and asks "
            f"for Customer Number {kept.form.customer_number}, but neither e-mail nor name and postcode on file match."
        )
        return await self.staff.open_case(
            f"signup-{run.key}", account.account_id, "Portal sign-up could not be proven", description
        )
