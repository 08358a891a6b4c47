from dataclasses import dataclass

from portal_billing.change_client import ChangeClient
from portal_billing.ports import BillingReads, Clients
from portal_chassis.logs import get_logger
from portal_contracts.billing_profile import ChangeClientEmail
from portal_contracts.message import Acknowledged
from portal_contracts.values import comparable_email

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChangeEmail:
    """Writes a customer's new e-mail address to WHMCS where a former one stands."""

    clients: Clients
    reads: BillingReads
    change: ChangeClient

    async def __call__(self, command: ChangeClientEmail) -> Acknowledged:
        """A repeat is answered from the log; one whose answer was lost finds the address there and writes nothing."""
        client_id = command.whmcs_client_id

        async def write() -> None:
            standing = (await self.reads.profile(client_id)).email
            if standing == command.email:
                return
            ours = {comparable_email(one) for one in (*command.former_emails, command.email)}
            if standing and comparable_email(standing) not in ours:
                log.warning("WHMCS has an address the customer never had here: it stays", whmcs_client=client_id)
                return
            await self.clients.change_email(client_id, command.email)

        await self.change(command, client_id, write)
        return Acknowledged()
