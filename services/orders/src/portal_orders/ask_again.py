"""The customer says "I have done it": a waiting order is looked at again now (§2.1, D09)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from portal_chassis.clocks import TOKYO, BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.telemetry import current_traceparent
from portal_contracts.message import Acknowledged
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Refused
from portal_contracts.provisioning_requests import ChangePorting, RecheckOrder
from portal_orders import timeline
from portal_orders.order import KeptOrder, SalesOrder
from portal_orders.own_orders import OwnOrder
from portal_orders.porting import PortingTerms, porting_of
from portal_orders.ports import CommandLog, Hint, Hints, OrderBook, SalesOrders, Transactions
from portal_orders.take_reading import SoldProducts, TakeReading


@dataclass(frozen=True, slots=True)
class CustomersSignal:
    """Hints at an order on a customer's behalf. It wakes what waits and opens nothing."""

    hints: Hints
    clock: BusinessClock
    hinted: Callable[[], None]

    async def leave(self, transaction: Transaction, order_id: str, request_id: str) -> None:
        """Keep the hint; who looks at it reads the order first."""
        now = self.clock.now()
        signal = ProvisionRequested(order_id=order_id, source="customer", request_id=request_id, occurred_at=now)
        hint = Hint(order_id, now, signal=signal, only_wakes=True, traceparent=current_traceparent())
        await self.hints.add(transaction, hint)
        transaction.after_commit(self.hinted)


@dataclass(frozen=True, slots=True)
class Recheck:
    """Looks again at the caller's order."""

    transactions: Transactions
    log: CommandLog
    own: OwnOrder
    signal: CustomersSignal

    async def __call__(self, command: RecheckOrder, account_id: str) -> Acknowledged:
        """Refused NOT_FOUND. An order that does not wait is left as it is."""
        await self.own(command.order_id, account_id)
        async with self.transactions() as transaction:
            if not await self.log.answered(transaction, command, account_id):
                await self.signal.leave(transaction, command.order_id, command.request_id)
                await self.log.remember(transaction, command, account_id)
        return Acknowledged()


@dataclass(frozen=True, slots=True)
class GiveNewReservation:
    """Takes another reservation for the number an order brings along: Salesforce first, then the portal's row."""

    transactions: Transactions
    log: CommandLog
    own: OwnOrder
    book: OrderBook
    sales: SalesOrders
    products: SoldProducts
    take_reading: TakeReading
    signal: CustomersSignal
    terms: PortingTerms
    clock: BusinessClock

    async def __call__(self, command: ChangePorting, account_id: str) -> Acknowledged:
        """Refused NOT_FOUND, PORTING_TOO_SHORT, PORTING_NOT_OFFERED or PROVISIONING_PAST_PIVOT."""
        kept = await self.own(command.order_id, account_id)
        async with self.transactions() as transaction:
            if await self.log.answered(transaction, command, account_id):
                return Acknowledged()
        order = (await self.sales.read([kept.order_id])).get(kept.order_id)
        if order is None:
            raise Refused("NOT_FOUND")
        self._check(command, kept, order)
        written = await self.sales.write_porting(order, command.porting)
        products = await self.products.of([written])
        async with self.transactions() as transaction:
            if not await self.log.answered(transaction, command, account_id):
                after = await self.take_reading(transaction, written, products, ours=True)
                await self.book.save(transaction, replace(after, porting=command.porting))
                entry = timeline.porting_changed(self.clock.now())
                await self.take_reading.tell(transaction, kept.order_id, entry)
                await self.signal.leave(transaction, kept.order_id, command.request_id)
                await self.log.remember(transaction, command, account_id)
        return Acknowledged()

    def _check(self, command: ChangePorting, kept: KeptOrder, order: SalesOrder) -> None:
        """Refuse what cannot change any more, an order that brings no number, and a reservation that is too short."""
        progress = kept.progress
        if order.state in ("completed", "cancelled") or (progress is not None and progress.being_activated):
            raise Refused("PROVISIONING_PAST_PIVOT")
        if not _brings_a_number(order, kept):
            raise Refused("NOT_FOUND")
        today = self.clock.today()
        starts = kept.scheduled_at.astimezone(TOKYO).date() if kept.scheduled and kept.scheduled_at else today
        esim = kept.service is not None and kept.service.esim
        fault = self.terms.fault(command.porting, esim=esim, on=max(today, starts))
        if fault is not None:
            raise fault


def _brings_a_number(order: SalesOrder, kept: KeptOrder) -> bool:
    try:
        return porting_of(order.porting, kept.porting) is not None
    except Refused:  # there is one, and its data cannot be used: that is what is being mended
        return True
