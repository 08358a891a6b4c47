"""Prepares the review of an order for staff and watches its deadline, as a durable process (R127–R135)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Next, Outcome, ProcessDefinition, ProcessEngine, Run, Step, Wait
from portal_contracts.catalog import SoldProduct
from portal_orders import tell_staff
from portal_orders.eligibility_ports import AccountEligibility, EligibilityBook, Verifications
from portal_orders.metrics import DEADLINES_MISSED
from portal_orders.order import SalesOrder
from portal_orders.ports import Billing, Customers, OrderBook, SalesOrders
from portal_orders.review import ReviewFacts, ReviewTerms, card_of, commodity_of
from portal_orders.take_reading import SoldProducts
from portal_orders.tell_staff import SUPERVISOR, CaseToOpen

KIND: Final = "order_review"

_log = get_logger(__name__)


class ReviewState(BaseModel):
    """An order that waits for staff, and by when they mean to have looked at it."""

    order_id: str
    account_id: str
    due_by: datetime | None = None
    priority: bool = False


@dataclass(frozen=True, slots=True)
class GatherFacts:
    """Reads all that a review needs; TryLater while anybody who knows is away."""

    customers: Customers
    products: SoldProducts
    billing: Billing
    verifications: Verifications
    accounts: AccountEligibility
    eligibility: EligibilityBook
    book: OrderBook

    async def __call__(self, order: SalesOrder) -> ReviewFacts:
        """Join what the others say about the order and its account."""
        link = await self.customers.link(order.account_id)
        service = _service(await self.products.of([order]))
        verification = None
        if link is not None and service is not None:
            verification = await self.verifications.check(order.account_id, commodity_of(service))
        return ReviewFacts(
            order=order,
            service=service,
            verification=verification,
            found=await self.accounts.read(order.account_id),
            kept=await self.eligibility.read(order.account_id),
            services=await self.billing.services(link.whmcs_client_id) if link else (),
            orders=await self.book.of_account(order.account_id),
        )


@dataclass(frozen=True, slots=True)
class ReviewProcess:
    """Two steps: write the card where staff see it; say so once when they are late."""

    sales: SalesOrders
    gather: GatherFacts
    book: OrderBook
    processes: ProcessEngine
    clock: BusinessClock
    terms: ReviewTerms

    def definition(self) -> ProcessDefinition[ReviewState]:
        """Give the process as a list."""
        return ProcessDefinition(KIND, ReviewState, (Step("prepare", self.prepare), Step("watch", self.watch)))

    async def prepare(self, run: Run[ReviewState]) -> Outcome:
        """Gather the facts and write the card, unless the order went on already."""
        order = (await self.sales.read([run.state.order_id])).get(run.state.order_id)
        if order is None or order.state != "pending_review":
            return Done()
        card = card_of(await self.gather(order), self.terms)
        async with run.outside("write_review", fingerprint=run.key):
            await self.sales.write_review(order, card.text)
        run.state.due_by, run.state.priority = card.due_by, card.priority
        return Next()

    async def watch(self, run: Run[ReviewState]) -> Outcome:
        """Wait for the deadline; an order that still waits then is escalated (R130, R131)."""
        state, now = run.state, self.clock.now()
        kept = await self.book.read(state.order_id)
        if kept is None or kept.state != "pending_review":
            return Done()
        if state.due_by is not None and now < state.due_by:
            return Wait(until=state.due_by, because="staff review the order")
        kind = "priority" if state.priority else "standard"
        DEADLINES_MISSED.labels(f"review_{kind}").inc()
        _log.error("an order was not reviewed in time", alert=True, order_id=state.order_id, review=kind)

        async def effect(transaction: Transaction) -> None:
            case = CaseToOpen(
                account_id=state.account_id,
                type="general_inquiry",
                title=f"{SUPERVISOR}order {kept.order_number} waits for its review",
                description=f"The {kind} review was due by {state.due_by.isoformat() if state.due_by else '-'}.",
            )
            await tell_staff.tell(transaction, self.processes, f"review-{state.order_id}", case)

        return Done(effects=(effect,))


def _service(products: Sequence[SoldProduct]) -> SoldProduct | None:
    return next((one for one in products if one.item_class == "service"), None)
