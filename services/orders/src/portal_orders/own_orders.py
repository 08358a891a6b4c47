"""A customer's own orders, those included that were there before the portal: fetched once from Salesforce (R098)."""

from dataclasses import dataclass, field
from typing import Final

from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline, current_deadline, within
from portal_chassis.logs import get_logger
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_orders.checkout import checkout_of
from portal_orders.order import KeptOrder
from portal_orders.ports import OrderBook, SalesOrders, Transactions
from portal_orders.take_reading import SoldProducts, TakeReading

_log = get_logger(__name__)

FETCH_SECONDS: Final = 2.0
"""How long a customer waits for Salesforce, once for an account."""
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
        """Do nothing the second time. TryLater while they cannot be fetched: a part is not all (R255)."""
        if await self.book.is_complete(account_id):
            return
        if self._failed_just_now(account_id):
            raise TryLater("SALESFORCE_UNAVAILABLE", retry_after=int(FETCH_AGAIN_SECONDS))
        try:
            with within(_shorter(current_deadline())):
                readings = await self.sales.of_account(account_id)
                products = await self.products.of(readings)
        except PortalProblem as problem:
            _log.info("an account's older orders are fetched later", problem=str(problem))
            if len(self.failed) >= MOST_REMEMBERED:
                self.failed.clear()
            self.failed[account_id] = self.machine.monotonic()
            raise TryLater("SALESFORCE_UNAVAILABLE", retry_after=int(FETCH_AGAIN_SECONDS)) from problem
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
class OwnOrder:
    """Finds one of an account's orders; anybody else's does not exist, nor does a draft (R098, R111)."""

    book: OrderBook
    fetch_older: FetchOlderOrders

    async def __call__(self, order_id: str, account_id: str, *, removed: bool = False) -> KeptOrder:
        """Refused NOT_FOUND; TryLater while nobody can say if it is one of old. `removed`: deleted ones count too."""
        order = await self.book.read(order_id)
        if order is None:
            await self.fetch_older(account_id)
            order = await self.book.read(order_id)
        if order is None or order.account_id != account_id or order.state == "draft" or (order.gone and not removed):
            raise Refused("NOT_FOUND")
        return order
