from portal_chassis.bus import Bus
from portal_contracts.orders import MarkActivating, ProvisioningOrder, ReadOrderForProvisioning, RecordOutcome

SALESFORCE_SECONDS = 20.0
"""Orders asks Salesforce before it answers."""


class BusOrders:
    """The `Orders` port: the orders service, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self, order_id: str) -> ProvisioningOrder:
        """Ask for the order."""
        return await self._bus.ask(ReadOrderForProvisioning(order_id=order_id), timeout=SALESFORCE_SECONDS)

    async def mark_activating(self, order_id: str, attempt: int) -> None:
        """Ask for the mark."""
        await self._bus.ask(MarkActivating(order_id=order_id, attempt=attempt), timeout=SALESFORCE_SECONDS)

    async def record(self, outcome: RecordOutcome) -> None:
        """Ask for the write-back."""
        await self._bus.ask(outcome, timeout=SALESFORCE_SECONDS)
