from portal_chassis.bus import Bus, Delivery
from portal_contracts.orders import ProvisionRequested
from portal_fulfillment.look_at_signal import LookAtSignal


def register(bus: Bus, look_at_signal: LookAtSignal) -> None:
    """Take what asks for provisioning."""

    @bus.consumes(ProvisionRequested)
    async def on_provision_requested(event: ProvisionRequested, delivery: Delivery) -> None:
        await look_at_signal(event, delivery.transaction, delivery.traceparent)
