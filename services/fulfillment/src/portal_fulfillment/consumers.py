from dataclasses import dataclass

from portal_chassis.bus import Bus, Delivery
from portal_chassis.call import Call
from portal_contracts import provisioning
from portal_contracts.operators import OperatorOutcome
from portal_contracts.orders import ProvisionRequested
from portal_contracts.whmcs_orders import WhmcsOrderDecided
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.operate_provisioning import OperateProvisioning
from portal_fulfillment.reveal_esim_code import ShowEsimCode
from portal_fulfillment.show_provisioning import ShowProvisioning
from portal_fulfillment.take_decision import TakeDecision


@dataclass(frozen=True, slots=True)
class PeoplesUseCases:
    """What operators and customers ask for."""

    show: ShowProvisioning
    operate: OperateProvisioning
    show_esim_code: ShowEsimCode


def register(bus: Bus, look_at_signal: LookAtSignal) -> None:
    """Take what asks for provisioning."""
    take_decision = TakeDecision(look_at_signal)

    @bus.consumes(ProvisionRequested)
    async def on_provision_requested(event: ProvisionRequested, delivery: Delivery) -> None:
        await look_at_signal(event, delivery.transaction, delivery.traceparent)

    @bus.consumes(WhmcsOrderDecided)
    async def on_whmcs_order_decided(event: WhmcsOrderDecided, delivery: Delivery) -> None:
        await take_decision(event, delivery.transaction, delivery.message_id)


def register_people(bus: Bus, use: PeoplesUseCases) -> None:
    """Answer operators and customers."""
    _register_operators(bus, use)

    @bus.answers(provisioning.RevealEsimCode)
    async def reveal_esim_code(command: provisioning.RevealEsimCode, call: Call) -> provisioning.EsimCode:
        return await use.show_esim_code(command, call.customer())


def _register_operators(bus: Bus, use: PeoplesUseCases) -> None:
    @bus.answers(provisioning.ListProvisioning)
    async def list_provisioning(query: provisioning.ListProvisioning, _: Call) -> provisioning.ProvisioningList:
        return await use.show.list(query)

    @bus.answers(provisioning.ReadProvisioning)
    async def read_provisioning(query: provisioning.ReadProvisioning, _: Call) -> provisioning.ProvisioningFile:
        return await use.show.read(query)

    @bus.answers(provisioning.RetryProvisioning)
    async def retry_provisioning(command: provisioning.RetryProvisioning, call: Call) -> OperatorOutcome:
        return await use.operate.retry(command, call)

    @bus.answers(provisioning.CancelProvisioning)
    async def cancel_provisioning(command: provisioning.CancelProvisioning, call: Call) -> OperatorOutcome:
        return await use.operate.cancel(command, call)

    @bus.answers(provisioning.ActivateNow)
    async def activate_now(command: provisioning.ActivateNow, call: Call) -> OperatorOutcome:
        return await use.operate.activate_now(command, call)
