"""After address or phone were changed in WHMCS by the portal: Salesforce gets them too, however long that takes."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import Done, Outcome, ProcessDefinition, Run, Step
from portal_identity.ports import Accounts, Billing
from portal_identity.store_users import Users

KIND: Final = "profile"


class ProfileState(BaseModel):
    """Whose profile; its values are read when they are written."""

    whmcs_client_id: int


@dataclass(frozen=True, slots=True)
class ProfileProcess:
    """One step, safe to repeat. Its key is the id of the message that told of the change."""

    users: Users
    accounts: Accounts
    billing: Billing

    def definition(self) -> ProcessDefinition[ProfileState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, ProfileState, (Step("keep_alike", self.keep_alike),))

    async def keep_alike(self, run: Run[ProfileState]) -> Outcome:
        """Write what WHMCS has until it is what was written: two changes may be followed at the same time (R007)."""
        told = None
        client_id = run.state.whmcs_client_id
        while (customer := await self.users.by_client(client_id)) is not None:
            profile = await self.billing.billed_profile(client_id)
            if profile == told:
                break
            await self.accounts.keep_profile(customer.link.account_id, customer.email, profile)
            told = profile
        return Done()
