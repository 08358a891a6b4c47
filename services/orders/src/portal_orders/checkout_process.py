"""The durable part of a checkout. Whatever is lost or crashes on the way, each service gets one order or none.

Each order is created in one call that Salesforce carries out whole or not at all, with a key it takes once; so a repeat
finds the order of the first try, and a first try that arrives late is refused.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Fail, Next, Outcome, ProcessDefinition, Proof, Run, Step
from portal_contracts.orders import OrderPlaced, TimelineGrew
from portal_contracts.problems import Refused, TryLater
from portal_orders import timeline
from portal_orders.checkout import KIND, CheckoutState, WantedOrder, item_key, new_order, order_key
from portal_orders.internet_line import line_in_use
from portal_orders.order import KeptOrder, SalesOrder
from portal_orders.ports import Billing, Checkouts, NewOrder, OrderBook, SalesOrders

CHANGE_ADDRESS = "change_address"
PLACE_ORDER = "place_order"
PROOF = Proof(state=("account_id", "whmcs_client_id", "orders"))
"""Whoever asks again under its key or id is told the same orders; the person was forgotten at its end."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CheckoutProcess:
    """The steps. `internet_groups` are comparable names of WHMCS groups with Internet services."""

    billing: Billing
    sales: SalesOrders
    book: OrderBook
    checkouts: Checkouts
    clock: BusinessClock
    internet_groups: frozenset[str]
    also_when_placed: Callable[[Transaction, KeptOrder], Awaitable[None]] | None = None
    """What else follows from a placed order, in the transaction that records it."""

    def definition(self) -> ProcessDefinition[CheckoutState]:
        """Give the process as a list."""
        steps = (
            Step("confirm", self.confirm),
            Step("address", self.address),
            Step("order", self.order),
            Step("record", self.record),
            Step("give_up", self.give_up),
        )
        return ProcessDefinition(KIND, CheckoutState, steps, on_failure="give_up", proof=PROOF)

    async def confirm(self, run: Run[CheckoutState]) -> Outcome:
        """Look for an Internet service while the account's claim is ours: nobody else can pass meanwhile (C14)."""
        if run.state.has_internet:
            services = await self.billing.services(run.state.whmcs_client_id)
            ordered = {order.items[0].whmcs_product_id for order in run.state.orders if order.category == "internet"}
            if line_in_use(services, ordered, self.internet_groups) is not None:
                raise Refused("INTERNET_ALREADY_ORDERED")
        return Next()

    async def address(self, run: Run[CheckoutState]) -> Outcome:
        """Take the snapshot of the address; one typed at checkout goes to WHMCS first (R054, C09)."""
        state = run.state
        current = await self.billing.address(state.whmcs_client_id)
        state.address_changed = bool(await run.journal(CHANGE_ADDRESS))
        if state.new_address is not None and state.new_address != current:
            async with run.outside(CHANGE_ADDRESS, fingerprint=run.key):
                await self.billing.change_address(f"{run.key}-address", state.whmcs_client_id, state.new_address)
            state.address_changed = True
        state.address = state.new_address or current
        if state.has_internet and state.address is None:
            raise Refused("ADDRESS_NOT_CONFIRMED")
        return Next()

    async def order(self, run: Run[CheckoutState]) -> Outcome:
        """Place the next order, or go on when all are."""
        order = next((order for order in run.state.orders if order.order_id is None), None)
        if order is None:
            return Next("record")
        trace_id = run.traceparent.split("-")[1] if run.traceparent else None
        wanted = new_order(run.state, run.key, order, self.clock.today(), trace_id)
        placed = await self._place(run, wanted)
        order.order_id, order.order_number = placed.order_id, placed.order_number
        order.opportunity_id = placed.opportunity_id
        order.placed_at, order.changed_at = placed.created_at, placed.changed_at
        _log.info("an order was placed", order_id=placed.order_id, order_number=placed.order_number)
        return Next("order")

    async def _place(self, run: Run[CheckoutState], wanted: NewOrder) -> SalesOrder:
        prospects = await self.sales.prospects(wanted)
        if prospects.placed is not None:
            return prospects.placed
        opportunity = await self.checkouts.take_opportunity(wanted.key, prospects.opportunities)
        try:
            async with run.outside(PLACE_ORDER, fingerprint=wanted.key) as intent:
                placed = await self.sales.place(wanted, opportunity)
                intent.external_id = placed.order_id
        except TryLater:
            found = (await self.sales.prospects(wanted)).placed  # an answer that was lost is found again at once
            if found is None:
                raise
            return found
        return placed

    async def record(self, run: Run[CheckoutState]) -> Outcome:
        """Write our own rows, tell others, and settle the key, all in the transaction that ends the process."""
        kept = [_kept(run.state, run.key, order, run.traceparent) for order in run.state.orders]
        now = self.clock.now()
        internet = next((order.order_id for order in kept if order.category == "internet"), None)

        async def effect(transaction: Transaction) -> None:
            for order in kept:
                await self._record_one(transaction, order, now)
            if internet is not None:
                await self.checkouts.name_claim(transaction, run.key, internet)
            await self.checkouts.settled(transaction, run.key, placed=True)

        run.state.forget()
        return Done(effects=(effect,))

    async def _record_one(self, transaction: Transaction, order: KeptOrder, now: datetime) -> None:
        await self.book.save(transaction, order)
        number = await self.book.append(transaction, order.order_id, timeline.placed(now))
        await transaction.record(OrderPlaced(order_id=order.order_id, account_id=order.account_id))
        if self.also_when_placed is not None:
            await self.also_when_placed(transaction, order)
        await transaction.record(TimelineGrew(order_id=order.order_id, sequence=number))

    async def give_up(self, run: Run[CheckoutState]) -> Outcome:
        """Take back what was placed, free key and claim, and end with the refusal."""
        code = run.failure.code if run.failure else "PRODUCT_NOT_ORDERABLE"
        if await run.journal(PLACE_ORDER):
            for order in run.state.orders:
                key = order_key(run.key, order.ordinal)
                async with run.outside("withdraw_order", fingerprint=key):
                    await self.sales.withdraw(key, f"The checkout could not be finished: {code}")

        async def effect(transaction: Transaction) -> None:
            await self.checkouts.release_claim(transaction, checkout_id=run.key)
            await self.checkouts.settled(transaction, run.key, placed=False)

        run.state.forget()
        facts = {name: fact for name, fact in (run.failure.facts if run.failure else {}).items() if name != "step"}
        return Fail(code, facts, effects=(effect,))


def _kept(state: CheckoutState, checkout_id: str, order: WantedOrder, traceparent: str | None) -> KeptOrder:
    if order.order_id is None or order.order_number is None or order.placed_at is None or order.changed_at is None:
        raise ValueError("an order is recorded before it was placed")
    key = order_key(checkout_id, order.ordinal)
    return KeptOrder(
        order_id=order.order_id,
        account_id=state.account_id,
        order_number=order.order_number,
        key=key,
        opportunity_id=order.opportunity_id,
        state="pending_review",
        activation="not_started",
        changed_at=order.changed_at,
        placed_at=order.placed_at,
        items=tuple(item.kept(item_key(key, position)) for position, item in enumerate(order.items, 1)),
        scheduled=state.activate_at is not None,
        scheduled_at=state.activate_at,
        eid=order.eid,
        porting=order.porting,
        address=state.address,
        traceparent=traceparent,
    )
