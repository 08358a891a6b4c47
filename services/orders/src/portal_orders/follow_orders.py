"""Works hints off: reads the orders they name, many at once, and lets what is found follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.telemetry import span
from portal_contracts.catalog import SoldProduct
from portal_contracts.problems import PortalProblem
from portal_orders.checkout import checkout_of
from portal_orders.metrics import SIGNALS
from portal_orders.order import SalesOrder
from portal_orders.pass_signals import PassSignals, is_early
from portal_orders.ports import Checkouts, Customers, Hint, Hints, OrderBook, SalesOrders, Transactions
from portal_orders.stay_active import StayActive
from portal_orders.take_reading import SoldProducts, TakeReading

MOST_HINTS: Final = 1000
HIDDEN: Final = timedelta(seconds=30)
"""How long taken hints are kept from others; after a crash somebody takes them again."""
SOON: Final = timedelta(seconds=1)
AWAY: Final = timedelta(seconds=5)
BROKEN: Final = timedelta(seconds=60)
STRANGER: Final = timedelta(minutes=10)
MOST_STRANGERS: Final = 10_000

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FollowOrders:
    """One round of looking at orders that somebody hinted at."""

    transactions: Transactions
    hints: Hints
    book: OrderBook
    checkouts: Checkouts
    sales: SalesOrders
    customers: Customers
    products: SoldProducts
    take_reading: TakeReading
    pass_signals: PassSignals
    stay_active: StayActive
    clock: BusinessClock
    strangers: dict[str, datetime] = field(default_factory=dict)
    """Accounts without a portal user, and until when that is believed: an org has many of them."""

    async def __call__(self) -> int:
        """Give the number of hints taken. What fails is looked at again later; a vendor's absence is raised."""
        taken = await self.hints.take(self.clock.now(), MOST_HINTS, HIDDEN)
        if taken:
            with span("follow orders"):
                await self._follow(taken)
        return len(taken)

    async def _follow(self, taken: Sequence[Hint]) -> None:
        try:
            groups = await self._by_order(taken)
            readings = await self.sales.read(groups.keys())
            products = await self.products.of(readings.values())
        except PortalProblem:
            await self._later(taken, AWAY)
            raise
        for order_id in sorted(groups):
            await self._one(order_id, groups[order_id], readings.get(order_id), products)

    async def _by_order(self, taken: Sequence[Hint]) -> dict[str, list[Hint]]:
        """Group the hints by order; those of items that are gone are dropped."""
        items = {hint.record_id for hint in taken if hint.item}
        owners: Mapping[str, str] = await self.sales.orders_of_items(items) if items else {}
        groups: dict[str, list[Hint]] = {}
        lost: list[Hint] = []
        for hint in taken:
            order_id = owners.get(hint.record_id) if hint.item else hint.record_id
            if order_id is None:
                lost.append(hint)
            else:
                groups.setdefault(order_id, []).append(hint)
        await self._forget(lost)
        return groups

    async def _one(
        self, order_id: str, hints: Sequence[Hint], reading: SalesOrder | None, products: Sequence[SoldProduct]
    ) -> None:
        """Work one order off; its failure is its own."""
        try:
            if reading is None:
                await self._not_there(order_id, hints)
            else:
                await self._look(hints, reading, products)
        except PortalProblem as problem:
            _log.info("an order is looked at again later", problem=str(problem))
            await self._later(hints, AWAY)
        except Exception:  # noqa: BLE001 - one order's failure must not keep the others from being followed
            _log.exception("an order could not be followed", order_id=order_id)
            await self._later(hints, BROKEN)

    async def _not_there(self, order_id: str, hints: Sequence[Hint]) -> None:
        """An order nobody can see: an event may be ahead of it; else it was deleted, or never committed."""
        early = [hint for hint in hints if is_early(hint, self.clock)]
        lost = [hint for hint in hints if hint not in early]
        await self._later(early, SOON)
        if not lost:
            return
        async with self.transactions() as transaction:
            await self.hints.drop(transaction, lost)
            await self.take_reading.gone(transaction, order_id)
        for hint in lost:
            if hint.signal is not None:
                SIGNALS.labels(hint.signal.source, "unknown_order").inc()
                _log.warning("a signal names an order that is not there", order_id=order_id, source=hint.signal.source)

    async def _look(self, hints: Sequence[Hint], reading: SalesOrder, products: Sequence[SoldProduct]) -> None:
        kept = await self.book.read(reading.order_id)
        if kept is None:
            checkout_id = checkout_of(reading.key)
            if checkout_id is not None and not await self.checkouts.is_settled(checkout_id):
                await self._later(hints, SOON)  # the checkout itself writes the first row
                return
        ours = kept is not None or await self._is_customer(reading.account_id)
        written = await self.stay_active(kept, reading)
        async with self.transactions() as transaction:
            if written is not None:
                reading = written
                await self.stay_active.note(transaction, written, products)
            elif ours:
                await self.take_reading(transaction, reading, products, ours=False)
            await self.pass_signals(transaction, hints, reading, kept, known=ours)

    async def _is_customer(self, account_id: str) -> bool:
        now = self.clock.now()
        believed = self.strangers.get(account_id)
        if believed is not None and believed > now:
            return False
        if await self.customers.link(account_id) is not None:
            return True
        if len(self.strangers) >= MOST_STRANGERS:
            self.strangers.clear()
        self.strangers[account_id] = now + STRANGER
        return False

    async def _later(self, hints: Sequence[Hint], after: timedelta) -> None:
        if hints:
            async with self.transactions() as transaction:
                await self.hints.postpone(transaction, hints, self.clock.now() + after)

    async def _forget(self, hints: Sequence[Hint]) -> None:
        if hints:
            async with self.transactions() as transaction:
                await self.hints.drop(transaction, hints)
