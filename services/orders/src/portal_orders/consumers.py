"""Bus in: requests to their use cases, events to local rows. A consumer asks nobody and calls no vendor."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from portal_chassis.bus import Bus, Call, Delivery
from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.process import ProcessEngine
from portal_chassis.telemetry import current_traceparent
from portal_contracts import drift, orders
from portal_contracts.changefeed import (
    EventsMissed,
    OrderChanged,
    OrderItemChanged,
    ProvisionEventReceived,
    RecordChanged,
)
from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed
from portal_contracts.message import Acknowledged
from portal_contracts.operators import OperatorOutcome
from portal_contracts.orders_rebuild import RebuildOrders
from portal_contracts.provisioning_requests import (
    ChangePorting,
    OrderFile,
    ProvisionCallAccepted,
    ReadOrderFile,
    RecheckOrder,
    RequestProvisioning,
)
from portal_contracts.values import long_salesforce_id
from portal_orders import sweep_orders, timeline
from portal_orders.ask_again import GiveNewReservation, Recheck
from portal_orders.check_out import Buyer, LookAtCheckout, OrderCart
from portal_orders.order import KeptProgress
from portal_orders.ports import Hint, Hints, OrderBook, SalesOrders
from portal_orders.read_for_provisioning import ReadForProvisioning
from portal_orders.read_orders import ReadOrders
from portal_orders.rebuild_orders import Rebuild
from portal_orders.record_outcome import WriteProgress
from portal_orders.repair_difference import Drifts
from portal_orders.take_reading import TakeReading
from portal_orders.take_signed_call import TakeSignedCall

EVENT_VERSIONS: Final = frozenset({None, 1})
"""Versions of `OrderProvisionRequested__e` we can read (R150)."""

COMMITS_LAST: Final = timedelta(seconds=2)
"""How much later than a record's own time, which is exact to a second, its change may be committed."""


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the request handlers delegate to."""

    order_cart: OrderCart
    look_at_checkout: LookAtCheckout
    read_orders: ReadOrders
    read_for_provisioning: ReadForProvisioning
    write_progress: WriteProgress
    take_signed_call: TakeSignedCall
    recheck: Recheck
    give_new_reservation: GiveNewReservation
    drifts: Drifts
    rebuild: Rebuild


@dataclass(frozen=True, slots=True)
class EventDesk:
    """Where events leave their rows. `hinted` is called after a hint was committed."""

    hints: Hints
    book: OrderBook
    sales: SalesOrders
    take_reading: TakeReading
    processes: ProcessEngine
    clock: BusinessClock
    early: timedelta
    hinted: Callable[[], None]

    async def hint(self, delivery: Delivery, hint: Hint) -> None:
        """Keep a hint, with the delivery's trace, in its transaction."""
        await self.hints.add(delivery.transaction, replace(hint, traceparent=current_traceparent()))
        delivery.transaction.after_commit(self.hinted)

    async def hint_if_late(self, delivery: Delivery, event: OrderChanged) -> None:
        """Have a finished order looked at that changed in our name after all was written.

        Anything else that the portal writes, it takes into its rows itself.
        """
        kept = await self.book.read(event.record_id)
        if kept is not None and kept.finished and event.committed_at > kept.changed_at + COMMITS_LAST:
            await self.hint(delivery, Hint(event.record_id, self.clock.now()))


def register(bus: Bus, use: UseCases, desk: EventDesk, machine: MachineClock) -> None:
    """Answer and take everything the topology lists for orders."""
    _register_checkout(bus, use, machine)
    _register_reads(bus, use.read_orders)
    _register_requests(bus, use)
    _register_provisioning(bus, use)
    _register_drift(bus, use.drifts, use.rebuild)
    _register_changes(bus, desk)
    _register_progress(bus, desk)


def _register_checkout(bus: Bus, use: UseCases, machine: MachineClock) -> None:
    @bus.answers(orders.CheckOut)
    async def check_out(command: orders.CheckOut, call: Call) -> orders.Checkout:
        caller = call.customer()
        account_id = long_salesforce_id(caller.account_id)
        buyer = Buyer(account_id, caller.whmcs_client_id, may_change_address=caller.proven_lately(machine.now()))
        return await use.order_cart(command, buyer, call.deadline)

    @bus.answers(orders.ReadCheckout)
    async def read_checkout(query: orders.ReadCheckout, call: Call) -> orders.Checkout:
        return await use.look_at_checkout(query.checkout_id, call.customer().account_id)


def _register_reads(bus: Bus, read: ReadOrders) -> None:
    @bus.answers(orders.ListOrders)
    async def list_orders(query: orders.ListOrders, call: Call) -> orders.OrderList:
        return await read.all(call.customer().account_id, after=query.after, limit=query.limit)

    @bus.answers(orders.ReadOrder)
    async def read_order(query: orders.ReadOrder, call: Call) -> orders.OrderDetail:
        return await read.one(query.order_id, call.customer().account_id)

    @bus.answers(orders.ReadTimeline)
    async def read_timeline(query: orders.ReadTimeline, call: Call) -> orders.Timeline:
        return await read.timeline(query.order_id, call.customer().account_id, query.after)

    @bus.answers(orders.ReadOrderMail)
    async def read_order_mail(query: orders.ReadOrderMail, _: Call) -> orders.OrderMail:
        return await read.mail(query.order_id)


def _register_requests(bus: Bus, use: UseCases) -> None:
    @bus.answers(RequestProvisioning)
    async def request_provisioning(command: RequestProvisioning, _: Call) -> ProvisionCallAccepted:
        return await use.take_signed_call(command)

    @bus.answers(RecheckOrder)
    async def recheck(command: RecheckOrder, call: Call) -> Acknowledged:
        return await use.recheck(command, call.customer().account_id)

    @bus.answers(ChangePorting)
    async def change_porting(command: ChangePorting, call: Call) -> Acknowledged:
        return await use.give_new_reservation(command, call.customer().account_id)

    @bus.answers(ReadOrderFile)
    async def read_order_file(query: ReadOrderFile, _: Call) -> OrderFile:
        return await use.read_orders.file(query.order_id)


def _register_drift(bus: Bus, drifts: Drifts, rebuild: Rebuild) -> None:
    @bus.answers(RebuildOrders)
    async def rebuild_orders(command: RebuildOrders, call: Call) -> OperatorOutcome:
        return await rebuild(command, call)

    @bus.answers(drift.ListDrift)
    async def list_drift(query: drift.ListDrift, _: Call) -> drift.DriftReport:
        return await drifts.report(query.kind)

    @bus.answers(drift.CompareSystems)
    async def compare_systems(command: drift.CompareSystems, call: Call) -> OperatorOutcome:
        return await drifts.compare(command, call)

    @bus.answers(drift.RepairDrift)
    async def repair_drift(command: drift.RepairDrift, call: Call) -> OperatorOutcome:
        return await drifts.repair(command, call)


def _register_provisioning(bus: Bus, use: UseCases) -> None:
    @bus.answers(orders.ReadOrderForProvisioning)
    async def read_for_provisioning(query: orders.ReadOrderForProvisioning, _: Call) -> orders.ProvisioningOrder:
        return await use.read_for_provisioning(query.order_id)

    @bus.answers(orders.MarkActivating)
    async def mark_activating(command: orders.MarkActivating, _: Call) -> Acknowledged:
        return await use.write_progress.mark_activating(command)

    @bus.answers(orders.RecordOutcome)
    async def record_outcome(command: orders.RecordOutcome, _: Call) -> Acknowledged:
        return await use.write_progress.record(command)


def _register_changes(bus: Bus, desk: EventDesk) -> None:
    @bus.consumes(OrderChanged)
    async def on_order_changed(event: OrderChanged, delivery: Delivery) -> None:
        if event.by_us:
            await desk.hint_if_late(delivery, event)
        else:
            concern = "nothing" if event.change == "deleted" else desk.sales.concern_of(event.fields)
            signal = None if concern == "nothing" else change_signal(event, delivery.message_id)
            hint = Hint(event.record_id, desk.clock.now(), signal=signal, only_wakes=concern == "data")
            await desk.hint(delivery, hint)

    @bus.consumes(OrderItemChanged)
    async def on_order_item_changed(event: OrderItemChanged, delivery: Delivery) -> None:
        if not event.by_us:
            signal = change_signal(event, delivery.message_id)  # a corrected price or product is waited for
            await desk.hint(
                delivery, Hint(event.record_id, desk.clock.now(), signal=signal, item=True, only_wakes=True)
            )

    @bus.consumes(ProvisionEventReceived)
    async def on_provision_event(event: ProvisionEventReceived, delivery: Delivery) -> None:
        signal = event_signal(event)
        now = desk.clock.now()
        await desk.hint(delivery, Hint(signal.order_id, now, signal=signal, give_up_at=now + desk.early))

    @bus.consumes(EventsMissed)
    async def on_events_missed(_: EventsMissed, delivery: Delivery) -> None:
        await desk.processes.wake(delivery.transaction, sweep_orders.KIND, sweep_orders.KEY)


def _register_progress(bus: Bus, desk: EventDesk) -> None:
    @bus.consumes(ProvisioningProgressed)
    async def on_progressed(event: ProvisioningProgressed, delivery: Delivery) -> None:
        if event.stage != "absorbed":
            await desk.book.progressed(delivery.transaction, event.order_id, progress_of(event))
        await desk.take_reading.tell(delivery.transaction, event.order_id, timeline.progressed(event))

    @bus.consumes(OrderActivated)
    async def on_activated(event: OrderActivated, delivery: Delivery) -> None:
        await desk.take_reading.tell(delivery.transaction, event.order_id, timeline.activated(event))


def progress_of(event: ProvisioningProgressed) -> KeptProgress:
    """Give what an order's row keeps of fulfillment's progress."""
    return KeptProgress(
        attempt=event.attempt,
        stage=event.stage,
        at=event.occurred_at,
        code=event.code,
        facts=timeline.masked(event.facts),
        until=event.until,
    )


def change_signal(event: RecordChanged, message_id: str) -> orders.ProvisionRequested:
    """Give what a change of an order or an item by somebody else asks for (R154); who reads it names the order."""
    return orders.ProvisionRequested(
        order_id=event.record_id,
        source="change_event",
        request_id=message_id,
        occurred_at=event.committed_at,
    )


def event_signal(event: ProvisionEventReceived) -> orders.ProvisionRequested:
    """Give what the platform event asks for.

    Raises ValueError, which makes a dead letter, when the order is missing (R146) or the version unknown (R150).
    """
    if event.version not in EVENT_VERSIONS:
        raise ValueError(f"OrderProvisionRequested__e has version {event.version}, which nobody knows here")
    return orders.ProvisionRequested(
        order_id=long_salesforce_id(event.order_id.strip()),
        source="platform_event",
        request_id=event.event_id,
        requested_by=event.requested_by,
        correlation_id=event.correlation_id,
        occurred_at=event.occurred_at,
    )
