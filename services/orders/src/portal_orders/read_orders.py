"""What the customer sees of orders, what a mail says and what staff see of one order. From the read model."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.deadline import Deadline, current_deadline, within
from portal_chassis.logs import get_logger
from portal_contracts.orders import OrderDetail, OrderList, OrderMail, OrderSummary, Timeline
from portal_contracts.problems import PortalProblem, Refused
from portal_contracts.provisioning_requests import OrderFile
from portal_orders.checkout import checkout_of
from portal_orders.order import KeptOrder, monthly_and_one_time, shown_activation
from portal_orders.ports import OrderBook, SalesOrders, Transactions
from portal_orders.rejection import rejection_words
from portal_orders.take_reading import SoldProducts, TakeReading
from portal_orders.wording import status_words, who_acts

_log = get_logger(__name__)


FETCH_SECONDS: Final = 2.0
"""How long a customer's list waits for Salesforce; without its answer the list is what the portal knows."""
FETCH_AGAIN_SECONDS: Final = 30.0
MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class FetchOlderOrders:
    """Fetches an account's orders once: those that were there before its customer came to the portal."""

    transactions: Transactions
    book: OrderBook
    sales: SalesOrders
    products: SoldProducts
    take_reading: TakeReading
    machine: MachineClock
    failed: dict[str, float] = field(default_factory=dict)

    async def __call__(self, account_id: str) -> None:
        """Do nothing the second time, and nothing lasting while Salesforce is away."""
        if await self.book.is_complete(account_id) or self._failed_just_now(account_id):
            return
        try:
            with within(_shorter(current_deadline())):
                readings = await self.sales.of_account(account_id)
                products = await self.products.of(readings)
        except PortalProblem as problem:
            _log.info("an account's older orders are fetched later", problem=str(problem))
            if len(self.failed) >= MOST_REMEMBERED:
                self.failed.clear()
            self.failed[account_id] = self.machine.monotonic()
            return
        for reading in readings:
            checkout_id = checkout_of(reading.key)
            if checkout_id is None or await self.take_reading.checkouts.is_settled(checkout_id):
                async with self.transactions() as transaction:
                    await self.take_reading(transaction, reading, products, ours=False)
        async with self.transactions() as transaction:
            await self.book.set_complete(transaction, account_id)

    def _failed_just_now(self, account_id: str) -> bool:
        at = self.failed.get(account_id)
        return at is not None and self.machine.monotonic() - at < FETCH_AGAIN_SECONDS


def _shorter(deadline: Deadline | None) -> Deadline:
    return Deadline.after(FETCH_SECONDS if deadline is None else deadline.capped(FETCH_SECONDS))


@dataclass(frozen=True, slots=True)
class ReadOrders:
    """Answers from the read model. Only the owner's orders exist; drafts do not yet (R098, R111)."""

    book: OrderBook
    fetch_older: FetchOlderOrders
    clock: BusinessClock
    stuck_after: timedelta

    async def all(self, account_id: str) -> OrderList:
        """List the account's orders, the newest first."""
        await self.fetch_older(account_id)
        now = self.clock.now()
        orders = await self.book.of_account(account_id)
        return OrderList(orders=[self._summary(order, now) for order in orders if order.state != "draft"])

    async def one(self, order_id: str, account_id: str) -> OrderDetail:
        """Give one order; Refused NOT_FOUND for anybody else's."""
        order = await self._own(order_id, account_id)
        summary = self._summary(order, self.clock.now())
        _, last = await self.book.entries(order_id, 2**31 - 1)
        return OrderDetail(
            **{name: getattr(summary, name) for name in OrderSummary.model_fields},
            items=[item.shown() for item in order.items],
            address=order.address,
            problem=order.error_code if order.state == "approved" else None,
            rejection=rejection_words(order.rejection) if order.rejected else None,
            withdrawable=order.state == "pending_review" and not order.withdrawn,
            service_id=order.whmcs_service_id,
            activated_at=order.activated_at,
            timeline_sequence=last,
        )

    async def timeline(self, order_id: str, account_id: str, after: int) -> Timeline:
        """Give the entries after a number; Refused NOT_FOUND for anybody else's order."""
        await self._own(order_id, account_id)
        entries, last = await self.book.entries(order_id, after)
        return Timeline(order_id=order_id, entries=entries, last_sequence=last)

    async def mail(self, order_id: str) -> OrderMail:
        """Give what a mail says; Refused NOT_FOUND."""
        order = await self.book.read(order_id)
        if order is None:
            raise Refused("NOT_FOUND")
        monthly, one_time = monthly_and_one_time(order.items)
        return OrderMail(
            order_number=order.order_number,
            account_id=order.account_id,
            name=order.name,
            items=[item.shown() for item in order.items],
            monthly=monthly,
            one_time=one_time,
            rejection=rejection_words(order.rejection) if order.rejected else None,
        )

    async def file(self, order_id: str) -> OrderFile:
        """Give an order with codes, sources and ids, for staff; Refused NOT_FOUND."""
        order = await self.book.read(order_id)
        if order is None:
            raise Refused("NOT_FOUND")
        return OrderFile(
            order_id=order.order_id,
            order_number=order.order_number,
            account_id=order.account_id,
            state=order.state,
            activation=shown_activation(order, self.clock.now(), stuck_after=self.stuck_after),
            error_code=order.error_code,
            error_text=order.error_text,
            error_at=order.error_at,
            scheduled_at=order.scheduled_at if order.scheduled else None,
            whmcs_order_id=order.whmcs_order_id,
            whmcs_service_id=order.whmcs_service_id,
            items=[item.shown() for item in order.items],
            timeline=await self.book.staff_entries(order_id),
        )

    async def _own(self, order_id: str, account_id: str) -> KeptOrder:
        order = await self.book.read(order_id)
        if order is None or order.account_id != account_id or order.state == "draft":
            raise Refused("NOT_FOUND")
        return order

    def _summary(self, order: KeptOrder, now: datetime) -> OrderSummary:
        monthly, one_time = monthly_and_one_time(order.items)
        approved = order.state in ("approved", "completed")
        return OrderSummary(
            order_id=order.order_id,
            order_number=order.order_number,
            state=order.state,
            activation=shown_activation(order, now, stuck_after=self.stuck_after) if approved else None,
            status=status_words(order, now, self.stuck_after),
            category=order.category,
            name=order.name,
            monthly=monthly,
            one_time=one_time,
            placed_at=order.placed_at,
            who_acts=who_acts(order, now, self.stuck_after),
        )
