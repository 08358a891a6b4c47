"""Prepares the review of an order for staff and watches its deadline, as a durable process (R127–R135)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, Next, Outcome, ProcessDefinition, ProcessEngine, Run, Step, Wait
from portal_contracts.catalog import SoldProduct
from portal_contracts.problems import PortalProblem
from portal_orders import tell_staff
from portal_orders.eligibility_ports import AccountEligibility, EligibilityBook, Verifications
from portal_orders.metrics import DEADLINES_MISSED
from portal_orders.order import SalesOrder
from portal_orders.ports import Billing, Customers, OrderBook, SalesOrders
from portal_orders.review import ReviewFacts, ReviewTerms, card_of, commodity_of, with_card
from portal_orders.review_state import REVIEW, ReviewState
from portal_orders.take_reading import SoldProducts
from portal_orders.tell_staff import SUPERVISOR, CaseToOpen

LOOK_AGAIN: Final = timedelta(hours=1)
"""How often the card is worked out anew: what it says, others know, and they tell nobody when it changes."""

_log = get_logger(__name__)


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
    """Writes the card where staff see it, keeps it true while they look, and says so once when they are late."""

    sales: SalesOrders
    gather: GatherFacts
    book: OrderBook
    processes: ProcessEngine
    clock: BusinessClock
    terms: ReviewTerms

    def definition(self) -> ProcessDefinition[ReviewState]:
        """Give the process as a list."""
        return ProcessDefinition(REVIEW, ReviewState, (Step("prepare", self.prepare), Step("watch", self.watch)))

    async def prepare(self, run: Run[ReviewState]) -> Outcome:
        """Gather the facts and write the card, unless the order went on already."""
        return Next() if await self._write_card(run) else Done()

    async def watch(self, run: Run[ReviewState]) -> Outcome:
        """Bring the card up to date, and escalate an order that waits for longer than its deadline (R130, R131).

        While somebody who knows is away the card stays as it is: the deadline does not wait for them.
        """
        state = run.state
        kept = await self.book.read(state.order_id)
        if kept is None or kept.state != "pending_review":
            return Done()
        try:
            if not await self._write_card(run):
                return Done()
        except PortalProblem as problem:
            _log.info("a review card is brought up to date later", order_id=state.order_id, problem=str(problem))
        now = self.clock.now()
        if state.late or (state.due_by is not None and now < state.due_by):
            due = now + LOOK_AGAIN if state.late or state.due_by is None else min(state.due_by, now + LOOK_AGAIN)
            return Wait(until=due, because="staff review the order")
        state.late = True
        kind = "priority" if state.priority else "standard"
        DEADLINES_MISSED.labels(f"review_{kind}").inc()
        _log.error("an order was not reviewed in time", alert=True, order_id=state.order_id, review=kind)
        effects = (self._escalation(state, kept.order_number, kind),)
        return Wait(until=now + LOOK_AGAIN, because="staff review the order", effects=effects)

    async def _write_card(self, run: Run[ReviewState]) -> bool:
        """Write the card if it says something new; take deadline and priority from it. False when staff are done."""
        order = (await self.sales.read([run.state.order_id])).get(run.state.order_id)
        if order is None or order.state != "pending_review":
            return False
        card = card_of(await self.gather(order), self.terms)
        if with_card(order.description, card.text) != order.description:
            async with run.outside("write_review", fingerprint=run.key):
                await self.sales.write_review(order, card.text)
        run.state.due_by, run.state.priority = card.due_by, card.priority
        return True

    def _escalation(self, state: ReviewState, order_number: str, kind: str) -> Effect:
        async def effect(transaction: Transaction) -> None:
            case = CaseToOpen(
                account_id=state.account_id,
                type="general_inquiry",
                title=f"{SUPERVISOR}order {order_number} waits for its review",
                description=f"The {kind} review was due by {state.due_by.isoformat() if state.due_by else '-'}.",
            )
            await tell_staff.tell(transaction, self.processes, f"review-{state.order_id}", case)

        return effect


def _service(products: Sequence[SoldProduct]) -> SoldProduct | None:
    return next((one for one in products if one.item_class == "service"), None)
