"""What the customer sees of orders, what a mail says and what staff see of one order. From the read model."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_contracts.orders import MOST_LISTED, OrderDetail, OrderList, OrderMail, OrderSummary, Timeline
from portal_contracts.problems import Refused
from portal_contracts.provisioning_requests import OrderFile
from portal_orders.order import KeptOrder, monthly_and_one_time, shown_activation
from portal_orders.own_orders import FetchOlderOrders, OwnOrder
from portal_orders.ports import OrderBook
from portal_orders.rejection import rejection_words
from portal_orders.wording import status_words, who_acts

_MOMENT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class ReadOrders:
    """Answers from the read model. Only the owner's orders exist; drafts do not yet (R098, R111)."""

    book: OrderBook
    fetch_older: FetchOlderOrders
    own: OwnOrder
    clock: BusinessClock
    stuck_after: timedelta

    async def all(self, account_id: str, *, after: str | None = None, limit: int = MOST_LISTED) -> OrderList:
        """List a page of the account's orders, the newest first; TryLater while those of old cannot be fetched (R255).

        `after` is the cursor that the page before ended with.
        """
        await self.fetch_older(account_id)
        now = self.clock.now()
        found = await self.book.page(account_id, _place(after) if after else None, limit + 1)
        shown = found[:limit]
        cursor = _cursor(shown[-1]) if len(found) > len(shown) else None
        return OrderList(orders=[self._summary(order, now) for order in shown], next=cursor)

    async def one(self, order_id: str, account_id: str) -> OrderDetail:
        """Give one order; Refused NOT_FOUND for anybody else's."""
        order = await self.own(order_id, account_id, removed=True)
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
        await self.own(order_id, account_id, removed=True)
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


def _cursor(order: KeptOrder) -> str:
    """Name the place after an order; numbers tell orders of one moment apart."""
    return f"{order.placed_at.astimezone(UTC).strftime(_MOMENT)}.{order.order_number}"


def _place(cursor: str) -> tuple[datetime, str]:
    moment, _, number = cursor.rpartition(".")
    return datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC), number
