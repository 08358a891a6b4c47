from dataclasses import dataclass
from hashlib import sha256

from portal_billing.change_client_address import ChangeAddress
from portal_billing.ports import BillingReads
from portal_chassis.logs import get_logger
from portal_contracts.billing import ChangeClientAddress, ChangeOwnAddress, ClientProfile

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChangeCustomersAddress:
    """Writes a customer's new address to WHMCS and reads it back (R007, R057). WHMCS's word is what is told."""

    change: ChangeAddress
    reads: BillingReads

    async def __call__(self, whmcs_client_id: int, command: ChangeOwnAddress) -> ClientProfile:
        """Give the profile as WHMCS has it now; a repeat writes nothing and reads again."""
        # A client's own keys: two customers may choose the same.
        key = sha256(f"{whmcs_client_id}:{command.request_id}".encode()).hexdigest()
        await self.change(
            ChangeClientAddress(request_id=f"own-{key}", whmcs_client_id=whmcs_client_id, address=command.address)
        )
        profile = await self.reads.profile(whmcs_client_id)
        if profile.address != command.address:
            log.warning("WHMCS has another address than was written", whmcs_client=whmcs_client_id)
        return profile
