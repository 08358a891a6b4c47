from dataclasses import dataclass
from hashlib import sha256

from portal_billing.change_client import ChangeClient
from portal_billing.ports import BillingReads, Clients
from portal_contracts.billing import ClientProfile
from portal_contracts.billing_profile import ChangeOwnProfile


@dataclass(frozen=True, slots=True)
class ChangeCustomersProfile:
    """Writes a customer's company and phone number to WHMCS and reads them back (R007): its word is what is told."""

    clients: Clients
    change: ChangeClient
    reads: BillingReads

    async def __call__(self, client_id: int, command: ChangeOwnProfile) -> ClientProfile:
        """Give the profile as WHMCS has it now; a repeat writes nothing and reads again."""
        # A client's own keys: two customers may choose the same.
        key = sha256(f"{client_id}:{command.request_id}".encode()).hexdigest()

        async def write() -> None:
            if command.company is not None or command.phone is not None:
                await self.clients.change_profile(client_id, company=command.company, phone=command.phone)

        await self.change(command.model_copy(update={"request_id": f"own-{key}"}), client_id, write, "profile_changed")
        return await self.reads.profile(client_id)
