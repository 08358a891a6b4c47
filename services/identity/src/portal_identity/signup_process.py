"""Sign-up as a durable process: verify number, make client, link, tell Salesforce (R026, architecture §6)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Fail, Next, Outcome, ProcessDefinition, ProcessEngine, Proof, Run, Step, Wait
from portal_contracts.identity import CustomerLink, CustomerRegistered
from portal_contracts.problems import Refused, TryLater
from portal_identity import profile_process
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
from portal_identity.unproven_claim_process import ask_staff

KIND: Final = "signup"
SOON: Final = timedelta(seconds=1)
_SOURCES: Final = {"portal_signup": "Portal Signup", "portal_checkout": "Portal Checkout"}


class SignupState(BaseModel):
    """How far a sign-up is. The form itself stays sealed in its own row."""

    client_address: str = ""
    """Of who used the link, for the audit."""
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
    processes: ProcessEngine

    def definition(self) -> ProcessDefinition[SignupState]:
        """Give the process as a list."""
        return ProcessDefinition(
            KIND,
            SignupState,
            (
                Step("verify_number", self.verify_number),
                Step("ensure_client", self.ensure_client),
                Step("open_account", self.open_account),
                Step("link", self.link),
                Step("update_salesforce", self.update_salesforce),
            ),
            proof=Proof(state=("linked",)),
        )

    async def verify_number(self, run: Run[SignupState]) -> Outcome:
        """Look the number up before anything else is made (R020-R022), and the proof for it (C39).

        Whoever proves nothing is told one thing, whether the number is unknown, taken or somebody else's (D18).
        """
        kept = await self._kept(run)
        # The number before the mailbox: of two for one mailbox the later one then has the number or sees the user.
        number = kept.form.customer_number or await self.signups.number_of_mailbox(run.key, kept.form.email)
        if await self.users.email_taken(kept.form.email):
            raise Refused("EMAIL_TAKEN")
        if kept.form.customer_number is None:
            return await self._without_number(run, kept, number)
        account = await self.accounts.find(number)
        if account is None or not proven(kept.form, account):
            asked = () if account is None else (ask_staff(self.processes, run, account.account_id),)
            return Fail("CUSTOMER_NUMBER_NOT_PROVEN", effects=asked)
        if await self.users.number_taken(number, account.account_id):
            raise Refused("CUSTOMER_NUMBER_TAKEN")
        return self._takes(run, number, account)

    async def _without_number(self, run: Run[SignupState], kept: KeptSignup, fresh_number: str) -> Outcome:
        """Find the account of the proven mailbox, or have one made with a number of its own (C08, open mode).

        Where nobody can tell which account it is, staff look: another account would be a duplicate.
        """
        try:
            account = await self.accounts.find_by_email(kept.form.email)
        except AccountUnclear:
            raise Refused("LINKING_NOT_POSSIBLE", facts={"case_id": await self._ask_which(run, kept)}) from None
        if account is None:
            run.state.customer_number = fresh_number
            return Next()
        if await self.users.number_taken(account.customer_number, account.account_id):
            raise Refused("EMAIL_TAKEN")
        return self._takes(run, account.customer_number, account)

    @staticmethod
    def _takes(run: Run[SignupState], customer_number: str, account: AccountOnFile) -> Outcome:
        if account.whmcs_client_id:
            raise Refused("BILLING_ACCOUNT_EXISTS")
        run.state.customer_number, run.state.account_id = customer_number, account.account_id
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

    async def open_account(self, run: Run[SignupState]) -> Outcome:
        """Make the Salesforce account of somebody who has none; in the default mode there always is one (R030, C08).

        After the client, which may be refused: an account is not taken back.
        """
        if not run.state.account_id:
            kept = await self._kept(run)
            run.state.account_id = await self.accounts.open_account(run.state.customer_number, kept.form)
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
        user = NewUser(run.key, form.email, form.name, form.locale, kept.password_hash, state.client_address)
        await self.users.create(user, link, registered, "registered")
        run.state.linked = True

        async def free_mailbox(transaction: Transaction) -> None:
            await self.signups.forget_number(transaction, state.customer_number)

        return Next(effects=(free_mailbox,))

    async def update_salesforce(self, run: Run[SignupState]) -> Outcome:
        """Write portal status, WHMCS id, source and contact (R027-R030); who comes with a cart came by the checkout.

        Address and phone on file follow what WHMCS has now, as after every later change (R007).
        """
        form = (await self._kept(run)).form
        source = "portal_checkout" if form.cart_id is not None else form.source
        await self.accounts.register(run.state.account_id, run.state.whmcs_client_id, _SOURCES[source])
        person = (form.date_of_birth, form.nationality, form.gender)
        await self.accounts.ensure_contact(run.state.account_id, NewContact(form.email, form.name, form.phone, *person))

        async def forget_form(transaction: Transaction) -> None:
            await self.signups.forget(transaction, run.key)

        async def keep_alike(transaction: Transaction) -> None:
            state = profile_process.ProfileState(whmcs_client_id=run.state.whmcs_client_id)
            await self.processes.start(transaction, profile_process.KIND, f"signup-{run.key}", state)

        return Done(effects=(forget_form, keep_alike))

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
