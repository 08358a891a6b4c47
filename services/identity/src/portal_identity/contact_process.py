"""After an e-mail address was changed: Salesforce's Contact gets it too, however long that takes."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import Done, Outcome, ProcessDefinition, Run, Step
from portal_identity.ports import Accounts
from portal_identity.store_email_changes import EmailChanges

KIND: Final = "contact_email"


class ContactState(BaseModel):
    """Whose contact; the addresses stay in the row of the change, which is the process's key."""

    account_id: str


@dataclass(frozen=True, slots=True)
class ContactProcess:
    """One step, safe to repeat."""

    changes: EmailChanges
    accounts: Accounts

    def definition(self) -> ProcessDefinition[ContactState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, ContactState, (Step("tell_salesforce", self.tell_salesforce),))

    async def tell_salesforce(self, run: Run[ContactState]) -> Outcome:
        """Write the new address where the former one stands (identity is the one writer of Contact)."""
        addresses = await self.changes.addresses(run.key)
        if addresses is not None:
            await self.accounts.change_email(run.state.account_id, *addresses)
        return Done()
