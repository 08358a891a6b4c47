"""Compares Salesforce, WHMCS and the portal's links, nightly and on demand, a page at a time (D14).

Each page commits what it found together with how far it is: after a crash the comparison goes on with the next page.
A page that cannot be read is tried again, never left out, so that at the end what was not seen is really gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.clocks import TOKYO, BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import Next, Outcome, ProcessDefinition, ProcessView, Run, Step, Wait
from portal_contracts.whmcs_orders import BilledClient
from portal_orders.comparison_ports import BilledClients, ClientLinks, Difference, Differences, SalesRecords
from portal_orders.differences import Compared, order_without_client
from portal_orders.order import KeptOrder
from portal_orders.ports import OrderBook
from portal_orders.take_reading import SoldProducts

KIND: Final = "system_comparison"
KEY: Final = "systems"
AT_REST: Final = "wait"
BEGIN: Final = "begin"


class ComparisonState(BaseModel):
    """How far a comparison is, business time. `ended_at` is the end of the last whole one."""

    due_at: datetime | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    after_client_id: int = 0
    after_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class LookAtClients:
    """Compares WHMCS clients with everything that is known of them elsewhere, all read at this moment."""

    links: ClientLinks
    records: SalesRecords
    products: SoldProducts
    book: OrderBook
    clock: BusinessClock

    async def __call__(self, clients: Sequence[BilledClient]) -> tuple[list[Difference], list[str]]:
        """Give the differences and the accounts looked at."""
        links = await self.links.of([client.whmcs_client_id for client in clients])
        linked = links.linked
        accounts = await self.records.accounts(set(linked.values()))
        orders = [order for account in accounts.values() for order in account.orders]
        products = {product.product_id: product for product in await self.products.of(orders)}
        found: list[Difference] = []
        for client in clients:
            account = accounts.get(linked.get(client.whmcs_client_id, ""))
            if account is None and client.whmcs_client_id in {*linked, *links.deleted}:
                continue  # its account is gone or its customer was deleted: nothing to compare with, and no orphan
            kept = await self._kept(account.account_id) if account else {}
            found += Compared(client, account, kept, products, self.clock.now()).differences()
        return found, sorted({*accounts, *links.deleted.values()})

    async def _kept(self, account_id: str) -> Mapping[str, KeptOrder]:
        return {order.order_id: order for order in await self.book.of_account(account_id)}


@dataclass(frozen=True, slots=True)
class ComparisonProcess:
    """A process that never ends. `hour` is Japanese time; `pause` lies between two pages of `clients_a_page`."""

    clients: BilledClients
    records: SalesRecords
    look: LookAtClients
    differences: Differences
    clock: BusinessClock
    hour: int
    pause: timedelta
    clients_a_page: int

    def definition(self) -> ProcessDefinition[ComparisonState]:
        """Give the process as a list."""
        steps = (
            Step(AT_REST, self.wait),
            Step(BEGIN, self.begin),
            Step("clients", self.page_of_clients),
            Step("orders", self.page_of_orders),
            Step("close", self.close),
        )
        return ProcessDefinition(KIND, ComparisonState, steps)

    async def wait(self, run: Run[ComparisonState]) -> Outcome:
        """Wait for the night."""
        now = self.clock.now()
        due = run.state.due_at
        if due is not None and due <= now:
            return Next(BEGIN)
        run.state.due_at = due or next_night(now, self.hour)
        return Wait(until=run.state.due_at, because="next comparison")

    async def begin(self, run: Run[ComparisonState]) -> Outcome:
        """Start from the first page."""
        now = self.clock.now()
        run.state.begun_at, run.state.due_at = now, next_night(now, self.hour)
        run.state.after_client_id, run.state.after_order_id = 0, None
        return Next()

    async def page_of_clients(self, run: Run[ComparisonState]) -> Outcome:
        """Compare the next clients."""
        page = await self.clients.page(run.state.after_client_id, self.clients_a_page)
        found, accounts = await self.look(page.clients)
        now = self.clock.now()

        async def effect(transaction: Transaction) -> None:
            await self.differences.see(transaction, found, now)
            await self.differences.accounts_seen(transaction, accounts, now)

        if page.last_client_id is None or page.last_client_id <= run.state.after_client_id:
            return Next(effects=(effect,))
        run.state.after_client_id = page.last_client_id
        return Wait(after=self.pause, because="next page of clients", effects=(effect,))

    async def page_of_orders(self, run: Run[ComparisonState]) -> Outcome:
        """Look for completed orders whose account no client belongs to."""
        page = await self.records.page_of_orders(run.state.after_order_id)
        if not page:
            return Next()
        begun = run.state.begun_at or self.clock.now()
        seen = await self.differences.seen_since({order.account_id for order in page}, begun)
        found = [
            order_without_client(order) for order in page if order.state == "completed" and order.account_id not in seen
        ]
        now = self.clock.now()
        run.state.after_order_id = page[-1].order_id

        async def effect(transaction: Transaction) -> None:
            await self.differences.see(transaction, found, now)

        return Wait(after=self.pause, because="next page of orders", effects=(effect,))

    async def close(self, run: Run[ComparisonState]) -> Outcome:
        """Close what is gone, and rest."""
        now = self.clock.now()
        begun = run.state.begun_at or now
        run.state.ended_at = now

        async def effect(transaction: Transaction) -> None:
            await self.differences.close_unseen(transaction, begun, now)

        return Next(AT_REST, effects=(effect,))


def is_running(view: ProcessView | None) -> bool:
    """Whether a comparison is under way; one that stands still may be begun anew."""
    return view is not None and view.step != AT_REST and view.status in ("running", "waiting")


def next_night(now: datetime, hour: int) -> datetime:
    """Give the next time it is that hour in Japan."""
    tonight = now.astimezone(TOKYO).replace(hour=hour, minute=0, second=0, microsecond=0)
    return (tonight if tonight > now else tonight + timedelta(days=1)).astimezone(UTC)
