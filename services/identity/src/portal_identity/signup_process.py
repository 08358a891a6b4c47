"""Sign-up as a durable process: verify number, make client, link, tell Salesforce (R026, architecture §6)."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.identity import CustomerLink, CustomerRegistered
from portal_contracts.problems import Refused, TryLater
from portal_identity.ports import (
    AccountOnFile,
    Accounts,
    AccountUnclear,
    Billing,
    KeptSignup,
    NewContact,
    NewUser,
    StaffDesk,
)
from portal_identity.proof import proven
from portal_identity.store_signups import Signups
from portal_identity.store_users import Users

KIND: Final = "signup"
SOON: Final = timedelta(seconds=1)
_SOURCES: Final = {"portal_signup": "Portal Signup", "portal_checkout": "Portal Checkout"}


class SignupState(BaseModel):
    """How far a sign-up is. The form itself stays sealed in its own row."""

    customer_number: str = ""
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
                Step("open_account", self.open_account),
                Step("ensure_client", self.ensure_client),
                Step("link", self.link),
                Step("update_salesforce", self.update_salesforce),
            ),
        )

    async def verify_number(self, run: Run[SignupState]) -> Outcome:
        """Look the number up before anything else is made (R020-R022), and the proof for it (C39)."""
        kept = await self._kept(run)
        if kept.form.customer_number is None:
            return await self._without_number(run, kept)
        account = await self.accounts.find(kept.form.customer_number)
        if account is None:
            raise Refused("CUSTOMER_NUMBER_UNKNOWN")
        await self._require_free(kept.form.customer_number, kept, account)
        if not proven(kept.form, account):
            raise Refused("CUSTOMER_NUMBER_NOT_PROVEN", facts={"case_id": await self._ask_staff(run, kept, account)})
        return self._takes(run, kept.form.customer_number, account)

    async def _without_number(self, run: Run[SignupState], kept: KeptSignup) -> Outcome:
        """Find the account of the proven mailbox, or have one made with a number of its own (C08, open mode).

        Where nobody can tell which account it is, staff look: another account would be a duplicate.
        """
        try:
            account = await self.accounts.find_by_email(kept.form.email)
        except AccountUnclear:
            raise Refused("CUSTOMER_NUMBER_NOT_PROVEN", facts={"case_id": await self._ask_which(run, kept)}) from None
        number = account.customer_number if account else number_for(run.key)
        await self._require_free(number, kept, account)
        if account is None:
            run.state.customer_number = number
            return Next()
        return self._takes(run, account.customer_number, account)

    async def _require_free(self, customer_number: str, kept: KeptSignup, account: AccountOnFile | None) -> None:
        if await self.users.number_taken(customer_number, account.account_id if account else ""):
            raise Refused("CUSTOMER_NUMBER_TAKEN")
        if await self.users.email_taken(kept.form.email):
            raise Refused("EMAIL_TAKEN")

    @staticmethod
    def _takes(run: Run[SignupState], customer_number: str, account: AccountOnFile) -> Outcome:
        if account.whmcs_client_id:
            raise Refused("BILLING_ACCOUNT_EXISTS")
        run.state.customer_number, run.state.account_id = customer_number, account.account_id
        return Next()

    async def open_account(self, run: Run[SignupState]) -> Outcome:
        """Make the Salesforce account of somebody who has none; in the default mode there always is one (R030, C08)."""
        if not run.state.account_id:
            kept = await self._kept(run)
            run.state.account_id = await self.accounts.open_account(run.state.customer_number, kept.form)
        return Next()

    async def ensure_client(self, run: Run[SignupState]) -> Outcome:
        """Have billing make the WHMCS client (R024); billing is harmless to ask again."""
        kept = await self._kept(run)
        try:
            run.state.whmcs_client_id = await self.billing.ensure_client(run.state.customer_number, kept.form)
        except TryLater as later:
            if later.code != "IN_PROGRESS":
                raise
            return Wait(after=SOON, because=later.code)
        return Next()

    async def link(self, run: Run[SignupState]) -> Outcome:
        """Make user and link in one transaction (R025, R006); the user has the sign-up's id, so it is made once."""
        kept, state = await self._kept(run), run.state
        form = kept.form
        link = CustomerLink(
            user_id=run.key,
            account_id=state.account_id,
            whmcs_client_id=state.whmcs_client_id,
            customer_number=state.customer_number,
            locale=form.locale,
        )
        registered = CustomerRegistered(
            user_id=run.key, account_id=state.account_id, whmcs_client_id=state.whmcs_client_id, cart_id=form.cart_id
        )
        user = NewUser(run.key, form.email, form.name, form.locale, kept.password_hash)
        await self.users.create(user, link, registered, "registered")
        run.state.linked = True
        return Next()

    async def update_salesforce(self, run: Run[SignupState]) -> Outcome:
        """Write portal status, WHMCS id, source and contact (R027-R030); who comes with a cart came by the checkout."""
        form = (await self._kept(run)).form
        source = "portal_checkout" if form.cart_id is not None else form.source
        await self.accounts.register(run.state.account_id, run.state.whmcs_client_id, _SOURCES[source])
        person = (form.date_of_birth, form.nationality, form.gender)
        await self.accounts.ensure_contact(run.state.account_id, NewContact(form.email, form.name, form.phone, *person))

        async def forget_form(transaction: Transaction) -> None:
            await self.signups.forget(transaction, run.key)

        return Done(effects=(forget_form,))

    async def _kept(self, run: Run[SignupState]) -> KeptSignup:
        kept = await self.signups.read(run.key)
        if kept is None:
            raise Refused("SIGNUP_LINK_INVALID")
        return kept

    async def _ask_which(self, run: Run[SignupState], kept: KeptSignup) -> str:
        description = (
            f"{kept.form.name.family_name} {kept.form.name.given_name} proved the mailbox {kept.form.email}, which "
            "contacts of several accounts have, or of one without a Customer Number. Which account is theirs?"
        )
        return await self.staff.open_case(f"signup-{run.key}", None, "Portal sign-up could not be proven", description)

    async def _ask_staff(self, run: Run[SignupState], kept: KeptSignup, account: AccountOnFile) -> str:
        description = (
            f"{kept.form.name.family_name} {kept.form.name.given_name} proved the mailbox {kept.form.email} and asks "
            f"for Customer Number {kept.form.customer_number}, but neither e-mail nor name and postcode on file match."
        )
        return await self.staff.open_case(
            f"signup-{run.key}", account.account_id, "Portal sign-up could not be proven", description
        )


def number_for(signup_id: str) -> str:
    """Give the Customer Number of an account that the portal makes: always the same for one sign-up."""
    return f"PT-{base64.b32encode(UUID(signup_id).bytes[:10]).decode()}"
