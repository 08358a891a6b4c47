from dataclasses import dataclass

from portal_billing.change_client import ChangeClient
from portal_billing.ports import Clients
from portal_contracts.billing import ChangeClientAddress
from portal_contracts.message import Acknowledged


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """Writes a new address to WHMCS (R007, R057, C09)."""

    clients: Clients
    change: ChangeClient

    async def __call__(self, command: ChangeClientAddress) -> Acknowledged:
        """A repeat is answered from the log."""
        client_id = command.whmcs_client_id
        await self.change(
            command, client_id, lambda: self.clients.change_address(client_id, command.address), "address_changed"
        )
        return Acknowledged()
