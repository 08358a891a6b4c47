from dataclasses import dataclass

from portal_billing.ports import Clients, ClientTurns, CommandLog
from portal_contracts.billing import ChangeClientAddress
from portal_contracts.message import Acknowledged
from portal_contracts.problems import TryLater


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """Writes a new address to WHMCS (R007, R057, C09)."""

    clients: Clients
    turns: ClientTurns
    log: CommandLog

    async def __call__(self, command: ChangeClientAddress) -> Acknowledged:
        """A repeat is answered from the log; one that comes before the log is written writes the same once more."""
        if await self.log.answered(command):
            return Acknowledged()
        async with self.turns.turn(command.whmcs_client_id) as ours:
            if not ours:
                raise TryLater("IN_PROGRESS")
            await self.clients.change_address(command.whmcs_client_id, command.address)
        await self.log.remember(command, Acknowledged())
        return Acknowledged()
