"""Bus in: the life of a service. Cancelling, another plan, and what fulfillment changed about its line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from portal_chassis.bus import Bus, Call, Delivery
from portal_contracts import cancellation
from portal_contracts.catalog import LocalizedText
from portal_contracts.sim_lines import LineChanged, LineChangeKind, LineChangeState
from portal_contracts.values import long_salesforce_id
from portal_orders.cancel_service import CancelService
from portal_orders.check_out import Buyer
from portal_orders.plan_change import PlanChange
from portal_orders.ports import NewEntry, StaffNote
from portal_orders.take_reading import TakeReading
from portal_orders.wording import NOBODY, both, who_mends

_KINDS: Final[Mapping[LineChangeKind, LocalizedText]] = {
    "top_up": both("Data top-up", "データ追加"),
    "change_voice_options": both("Change of voice options", "音声オプション変更"),
    "change_network": both("Change of network", "ネットワーク変更"),
    "reissue": both("New eSIM", "eSIM再発行"),
}
_STATES: Final[Mapping[LineChangeState, LocalizedText]] = {
    "working": both("asked for", "受付済み"),
    "unclear": both("being checked", "確認中"),
    "done": both("done", "完了"),
    "refused": both("not possible", "受付不可"),
}


@dataclass(frozen=True, slots=True)
class ServiceUse:
    """What the handlers delegate to."""

    cancel: CancelService
    plan_change: PlanChange
    take_reading: TakeReading


def register(bus: Bus, use: ServiceUse) -> None:
    """Answer and take what the topology lists."""
    _register_cancelling(bus, use.cancel)
    _register_plans(bus, use.plan_change)

    @bus.consumes(LineChanged)
    async def on_line_changed(event: LineChanged, delivery: Delivery) -> None:
        await use.take_reading.tell(delivery.transaction, event.order_id, line_changed(event))


def _register_cancelling(bus: Bus, cancel: CancelService) -> None:
    @bus.answers(cancellation.PreviewCancellation)
    async def preview(query: cancellation.PreviewCancellation, call: Call) -> cancellation.CancellationPreview:
        return await cancel.preview(query, _buyer(call))

    @bus.answers(cancellation.RequestCancellation)
    async def request(command: cancellation.RequestCancellation, call: Call) -> cancellation.Cancellation:
        return await cancel.request(command, _buyer(call))

    @bus.answers(cancellation.ReadCancellation)
    async def read(query: cancellation.ReadCancellation, call: Call) -> cancellation.Cancellation:
        return await cancel.read(query.service_id, _buyer(call))

    @bus.answers(cancellation.RevokeCancellation)
    async def revoke(command: cancellation.RevokeCancellation, call: Call) -> cancellation.Cancellation:
        return await cancel.revoke(command, _buyer(call))

    @bus.answers(cancellation.ReadServiceContract)
    async def contract(query: cancellation.ReadServiceContract, call: Call) -> cancellation.ServiceContract:
        return await cancel.contract(query.service_id, _buyer(call))


def _register_plans(bus: Bus, plan_change: PlanChange) -> None:
    @bus.answers(cancellation.PreviewPlanChange)
    async def preview(query: cancellation.PreviewPlanChange, call: Call) -> cancellation.PlanChangePreview:
        return await plan_change.preview(query, _buyer(call))

    @bus.answers(cancellation.RequestPlanChange)
    async def request(command: cancellation.RequestPlanChange, call: Call) -> cancellation.PlanChangeRequested:
        return await plan_change.request(command, _buyer(call))


def line_changed(event: LineChanged) -> NewEntry:
    """Give the timeline's entry of a change of the order's line."""
    kind, state = _KINDS[event.kind], _STATES[event.state]
    size = f" {event.megabytes} MB" if event.megabytes else ""
    text = both(f"{kind.en}{size}: {state.en}", f"{kind.ja}{size}:{state.ja}")
    acts = who_mends(event.code, event.order_id) if event.code is not None else NOBODY
    actor = "customer" if event.state == "working" else "mobile operator"
    staff = StaffNote(code=event.code, facts={"change_id": event.change_id})
    return NewEntry(f"line.{event.kind}.{event.state}", event.occurred_at, text, actor, acts, staff)


def _buyer(call: Call) -> Buyer:
    caller = call.customer()
    return Buyer(long_salesforce_id(caller.account_id), caller.whmcs_client_id)
