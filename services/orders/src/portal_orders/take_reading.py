"""Takes a fresh reading of an order into the read model, with everything that follows from it, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_chassis.telemetry import current_ids
from portal_contracts.catalog import SoldProduct
from portal_contracts.orders import OrderRejected, OrderWithdrawn, TimelineGrew
from portal_orders import timeline
from portal_orders.aftercare_process import KIND, AftercareState
from portal_orders.metrics import REVIEW_SECONDS
from portal_orders.order import OPEN_STATES, UNDER_WAY, KeptOrder, SalesOrder, keep_items
from portal_orders.order_changes import noticed, updated
from portal_orders.ports import Checkouts, NewEntry, OrderBook, Products
from portal_orders.review_state import REVIEW, ReviewState

YOUNG: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class TakeReading:
    """Brings the portal's row up to date. `ours`: the portal itself caused the change, so nothing is told."""

    book: OrderBook
    checkouts: Checkouts
    processes: ProcessEngine
    clock: BusinessClock
    reviews: bool = True
    """False for those who look at provisioning alone."""

    async def __call__(
        self, transaction: Transaction, reading: SalesOrder, products: Sequence[SoldProduct], *, ours: bool
    ) -> KeptOrder:
        """Give the row as it stands then; an older reading than the one held changes nothing."""
        before = await self.book.lock(transaction, reading.order_id)
        if before is not None and reading.changed_at < before.changed_at:
            return before
        now = self.clock.now()
        items = keep_items(reading.items, before.items if before else (), products)
        after = updated(before, reading, items, now)
        if after == before:
            return after
        await self.book.save(transaction, after)
        if before is not None and not ours:
            await self._notice(transaction, before, after)
        if self.reviews and after.state == "pending_review":
            await self._review(transaction, before, after)
        if after.state not in OPEN_STATES:
            await self.checkouts.release_claim(transaction, order_id=after.order_id)
        if after.rejected and before is not None and not before.rejected:
            await self._rejected(transaction, after)
        return after

    async def gone(self, transaction: Transaction, order_id: str) -> None:
        """Note that the order is not in the sales system any more; one that comes back is read like any other.

        A young one may just not be readable yet: queries lag behind writes.
        """
        before = await self.book.lock(transaction, order_id)
        if before is None or before.gone or self.clock.now() - before.placed_at < YOUNG:
            return
        await self.book.save(transaction, replace(before, state="cancelled", gone=True, eid=None, porting=None))
        await self.tell(transaction, order_id, timeline.removed(self.clock.now()))
        await self._ended(transaction, before, "withdrawn" if before.withdrawn else "removed")
        await self.checkouts.release_claim(transaction, order_id=order_id)

    async def tell(self, transaction: Transaction, order_id: str, entry: NewEntry) -> None:
        """Add a timeline entry, with the trace it was written in, and hint at it."""
        ids = current_ids()
        if ids is not None and entry.staff.trace_id is None:
            entry = replace(entry, staff=replace(entry.staff, trace_id=ids[0]))
        number = await self.book.append(transaction, order_id, entry)
        await transaction.record(TimelineGrew(order_id=order_id, sequence=number))

    async def _notice(self, transaction: Transaction, before: KeptOrder, after: KeptOrder) -> None:
        for what in noticed(before, after):
            await self.tell(transaction, after.order_id, timeline.told(what, after, self.clock.now()))
            if what == "approved":
                REVIEW_SECONDS.observe(max(0.0, (after.changed_at - after.placed_at).total_seconds()))
            if what in ("withdrawn", "cancelled"):
                await self._ended(transaction, before, what)

    async def _ended(
        self, transaction: Transaction, before: KeptOrder, why: Literal["withdrawn", "cancelled", "removed"]
    ) -> None:
        """Announce the end of an order that was under way; what a service ends with is told with its cancellation."""
        if before.state in UNDER_WAY:
            await transaction.record(OrderWithdrawn(order_id=before.order_id, account_id=before.account_id, why=why))

    async def _review(self, transaction: Transaction, before: KeptOrder | None, after: KeptOrder) -> None:
        """Have staff see what they need of an order that sales entered, and anew when it was changed (R127)."""
        if before is None or before.state != after.state:
            state = ReviewState(order_id=after.order_id, account_id=after.account_id)
            await self.processes.start(transaction, REVIEW, after.order_id, state)
        else:
            await self.processes.wake(transaction, REVIEW, after.order_id)

    async def _rejected(self, transaction: Transaction, order: KeptOrder) -> None:
        """Announce the rejection and see to the opportunity (R129, R265, C40)."""
        await transaction.record(OrderRejected(order_id=order.order_id, account_id=order.account_id))
        state = AftercareState(order_id=order.order_id)
        await self.processes.start(transaction, KIND, f"void:{order.order_id}", state)


class SoldProducts:
    """Names and classes of products, asked once: what an order needs of them does not depend on today's price."""

    def __init__(self, products: Products) -> None:
        self._products = products
        self._known: dict[str, SoldProduct] = {}

    async def of(self, readings: Iterable[SalesOrder]) -> Sequence[SoldProduct]:
        """Give the products of the orders' items; TryLater while the catalog is away and one is not known yet."""
        wanted = {item.product_id for reading in readings for item in reading.items}
        missing = wanted - self._known.keys()
        if missing:
            for product in await self._products.find(product_ids=missing):
                self._known[product.product_id] = product
        return [self._known[product_id] for product_id in wanted if product_id in self._known]
