"""After an e-mail address was changed: Salesforce's Contact and WHMCS's client get it too, however long that takes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, Run, Step
from portal_contracts.problems import Refused
from portal_identity.ports import Accounts, Billing, ChangedMailbox, StaffDesk
from portal_identity.store_email_changes import EmailChanges

KIND: Final = "contact_email"


class ContactState(BaseModel):
    """Whose contact; the addresses stay in the row of the change, which is the process's key."""

    account_id: str


@dataclass(frozen=True, slots=True)
class ContactProcess:
    """Two steps, each safe to repeat."""

    changes: EmailChanges
    accounts: Accounts
    billing: Billing
    staff: StaffDesk

    def definition(self) -> ProcessDefinition[ContactState]:
        """Give the process as a list."""
        return ProcessDefinition(
            KIND,
            ContactState,
            (Step("tell_salesforce", self.tell_salesforce), Step("tell_whmcs", self.tell_whmcs)),
        )

    async def tell_salesforce(self, run: Run[ContactState]) -> Outcome:
        """Write the address of now where a former one stands (identity is the one writer of Contact)."""

        async def write(changed: ChangedMailbox) -> None:
            await self.accounts.change_email(changed.account_id, changed.former, changed.email)

        await self._follow(run, write)
        return Next()

    async def tell_whmcs(self, run: Run[ContactState]) -> Outcome:
        """Have billing write it, whose WHMCS is. What WHMCS refuses becomes a case for staff: invoices go by mail."""

        async def write(changed: ChangedMailbox) -> None:
            await self.billing.change_email(f"email-{run.key}-{changed.latest_change_id}", changed)

        try:
            await self._follow(run, write)
        except Refused as problem:
            description = f"WHMCS did not take the customer's new e-mail address ({problem.code}). Change it there."
            await self.staff.open_case(
                f"billing-email-{run.key}", run.state.account_id, "E-mail address in WHMCS", description
            )
        return Done()

    async def _follow(self, run: Run[ContactState], write: Callable[[ChangedMailbox], Awaitable[None]]) -> None:
        """Write until the address that was written is the one of now: two changes may be followed at the same time."""
        told = None
        while (changed := await self.changes.changed(run.key)) is not None and changed.email != told:
            await write(changed)
            told = changed.email
