"""Takes a fresh reading of an order into the read model, with everything that follows from it, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.catalog import SoldProduct
from portal_contracts.orders import OrderRejected, TimelineGrew
from portal_orders import timeline
from portal_orders.aftercare_process import KIND, AftercareState
from portal_orders.order import OPEN_STATES, KeptOrder, SalesOrder, keep_items, waits_for_its_day
from portal_orders.order_changes import noticed, updated
from portal_orders.ports import Checkouts, NewEntry, OrderBook, Products


@dataclass(frozen=True, slots=True)
class TakeReading:
    """Brings the portal's row up to date. `ours`: the portal itself caused the change, so nothing is told."""

    book: OrderBook
    checkouts: Checkouts
    processes: ProcessEngine
    clock: BusinessClock

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
            for what in noticed(before, after):
                await self.tell(transaction, after.order_id, timeline.told(what, after, now))
        if after.state not in OPEN_STATES:
            await self.checkouts.release_claim(transaction, order_id=after.order_id)
        if after.rejected and before is not None and not before.rejected:
            await self._rejected(transaction, after)
        activating = after.activation == "activating" and (before is None or before.activation != "activating")
        if activating and not ours and waits_for_its_day(after, now):  # the Flow said so; fulfillment waits (C38)
            await self._aftercare(transaction, after, "write_not_started", after.changed_at)
        return after

    async def tell(self, transaction: Transaction, order_id: str, entry: NewEntry) -> None:
        """Add a timeline entry and hint at it."""
        number = await self.book.append(transaction, order_id, entry)
        await transaction.record(TimelineGrew(order_id=order_id, sequence=number))

    async def _rejected(self, transaction: Transaction, order: KeptOrder) -> None:
        """Announce the rejection and see to the opportunity (R129, R265, C40)."""
        await transaction.record(OrderRejected(order_id=order.order_id, account_id=order.account_id))
        state = AftercareState(order_id=order.order_id, work="void_opportunity")
        await self.processes.start(transaction, KIND, f"void:{order.order_id}", state)

    async def _aftercare(self, transaction: Transaction, order: KeptOrder, work: str, at: datetime) -> None:
        state = AftercareState.model_validate({"order_id": order.order_id, "work": work})
        await self.processes.start(transaction, KIND, f"{work}:{order.order_id}:{at.isoformat()}", state)


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
