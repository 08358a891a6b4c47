"""The checkout as a customer's request: a key, the gates, and a process that outlives the request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from portal_chassis.clocks import TOKYO, BusinessClock
from portal_chassis.deadline import Deadline
from portal_chassis.process import ProcessEngine, ProcessView
from portal_contracts.orders import CheckOut, Checkout
from portal_contracts.problems import FieldError, Refused
from portal_contracts.values import Address
from portal_orders import cart
from portal_orders.checkout import KIND, CheckoutState, wanted_orders
from portal_orders.eligibility_ports import AccountEligibility
from portal_orders.order import OPEN_STATES
from portal_orders.porting import PortingCheck, PortingTerms
from portal_orders.ports import Billing, Checkouts, OrderBook, Products, StoredCheckout, Transactions

SAME_CART: Final = timedelta(minutes=10)
"""How long one cart without a key counts as a repeat (C16)."""
KEYS_KEPT: Final = timedelta(days=30)
ANSWER_SECONDS: Final = 0.5
"""What is left of the caller's time for the way back."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """The signed-in customer."""

    account_id: str
    whmcs_client_id: int
    may_change_address: bool = False
    """Whether the sign-in is fresh enough, and a person's, for a change of the billing address (architecture §9)."""


@dataclass(frozen=True, slots=True)
class CartTerms:
    """What a checkout allows: seconds it is worked on for its caller, days ahead of an activation, numbers."""

    seconds: float
    schedule_days: int
    porting: PortingTerms


def wanted_time(activate_at: datetime | None, today: date, most_days: int) -> datetime | None:
    """Give the wanted time of activation, to the minute, in UTC; one without a zone is Japanese time (D15).

    Refused SCHEDULE_INVALID outside of tomorrow to `most_days` ahead, Japanese dates (R164).
    """
    if activate_at is None:
        return None
    moment = activate_at.replace(tzinfo=TOKYO) if activate_at.tzinfo is None else activate_at
    days = (moment.astimezone(TOKYO).date() - today).days
    if not 1 <= days <= most_days:
        facts = {"days": most_days}
        raise Refused(
            "SCHEDULE_INVALID",
            facts=facts,
            fields=[FieldError(field="activateAt", code="SCHEDULE_INVALID", facts=facts)],
        )
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class OrderCart:
    """Orders a cart (R093, C12, C14, C16). Repeats with one key find the same checkout, working or placed."""

    transactions: Transactions
    checkouts: Checkouts
    book: OrderBook
    products: Products
    billing: Billing
    accounts: AccountEligibility
    processes: ProcessEngine
    clock: BusinessClock
    terms: CartTerms
    new_id: Callable[[], str]

    async def __call__(self, command: CheckOut, buyer: Buyer, deadline: Deadline) -> Checkout:
        """Give the orders, or `working` when the time is up; Refused as `CheckOut` lists."""
        fingerprint = cart.fingerprint(command)
        key = f"key:{command.idempotency_key}" if command.idempotency_key else f"cart:{fingerprint}"
        known = await self.checkouts.find(buyer.account_id, key, self.clock.now())
        if known is None:
            known = await self._begin(command, buyer, StoredCheckout(self.new_id(), fingerprint), key)
        if known.fingerprint != fingerprint:
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        until = Deadline.after(deadline.capped(self.terms.seconds + ANSWER_SECONDS) - ANSWER_SECONDS)
        view = await self.processes.run_inline(KIND, known.checkout_id, until=until)
        return answer(view)

    async def _begin(self, command: CheckOut, buyer: Buyer, mine: StoredCheckout, key: str) -> StoredCheckout:
        """Pass the gates, then take key, claim and process in one transaction; gives whoever has the key."""
        state = await self._wanted(command, buyer)
        now = self.clock.now()
        expires_at = now + (KEYS_KEPT if command.idempotency_key else SAME_CART)
        account = buyer.account_id
        async with self.transactions() as transaction:
            taken = await self.checkouts.begin(
                transaction, mine, account_id=account, key=key, now=now, expires_at=expires_at
            )
            if taken.checkout_id != mine.checkout_id:
                return taken
            if state.has_internet and not await self.checkouts.claim_internet(transaction, account, mine.checkout_id):
                raise Refused("INTERNET_ALREADY_ORDERED")
            await self.processes.start(transaction, KIND, mine.checkout_id, state, inline=True)
        return mine

    async def _wanted(self, command: CheckOut, buyer: Buyer) -> CheckoutState:
        """Check and split the cart and pass the gates; gives what is to be ordered."""
        found = await self.products.find(skus={line.sku for line in command.lines}) if command.lines else ()
        activate_at = wanted_time(command.activate_at, self.clock.today(), self.terms.schedule_days)
        starts_on = (activate_at or self.clock.now()).astimezone(TOKYO).date()
        orders = cart.split_cart(command, found, PortingCheck(self.terms.porting, starts_on))
        await self._pass_gates(orders, buyer)
        new_address = cart.changed_address(command, orders)
        await self._check_proof(new_address, buyer)
        return CheckoutState(
            account_id=buyer.account_id,
            whmcs_client_id=buyer.whmcs_client_id,
            orders=wanted_orders(orders),
            new_address=new_address,
            activate_at=activate_at,
            instructions=command.instructions,
        )

    async def _check_proof(self, new_address: Address | None, buyer: Buyer) -> None:
        """Refuse STEP_UP_REQUIRED for a change of the billing address without a fresh sign-in, as its own page does."""
        if new_address is None or buyer.may_change_address:
            return
        if new_address != await self.billing.address(buyer.whmcs_client_id):
            raise Refused("STEP_UP_REQUIRED")

    async def _pass_gates(self, orders: Sequence[cart.ServiceOrder], buyer: Buyer) -> None:
        """Check what must hold before anything is written: a payment method, eligibility, no other Internet order."""
        if not await self.billing.can_pay(buyer.whmcs_client_id):
            raise Refused("PAYMENT_METHOD_MISSING")
        plans = [order.service.product for order in orders if order.service.product.category == "internet"]
        if not plans:
            return
        if any(
            order.category == "internet" and order.state in OPEN_STATES
            for order in await self.book.of_account(buyer.account_id)
        ):
            raise Refused("INTERNET_ALREADY_ORDERED")
        found = await self.accounts.read(buyer.account_id)
        for plan in plans:
            if plan.eligibility is not None and (found is None or not found.allows(plan.eligibility)):
                raise Refused("NOT_ELIGIBLE", facts={"sku": plan.sku})


@dataclass(frozen=True, slots=True)
class LookAtCheckout:
    """Tells how far a checkout is."""

    checkouts: Checkouts
    processes: ProcessEngine

    async def __call__(self, checkout_id: str, account_id: str) -> Checkout:
        """Refused NOT_FOUND for anybody else's, and with the checkout's own refusal when it failed."""
        if await self.checkouts.owner(checkout_id) != account_id:
            raise Refused("NOT_FOUND")
        view = await self.processes.read(KIND, checkout_id)
        if view is None:
            raise Refused("NOT_FOUND")
        return answer(view)


def answer(view: ProcessView) -> Checkout:
    """Say how a checkout stands; raises Refused when it failed."""
    if view.status in ("failed", "cancelled"):
        facts = {name: fact for name, fact in view.facts.items() if name != "step" and isinstance(fact, str | int)}
        raise Refused(view.code or "NOT_FOUND", facts=facts)
    if view.status != "done":
        return Checkout(checkout_id=view.key, state="working")
    state = CheckoutState.model_validate(view.state)
    placed = [placed for order in state.orders if (placed := order.placed()) is not None]
    return Checkout(checkout_id=view.key, state="placed", orders=placed)
