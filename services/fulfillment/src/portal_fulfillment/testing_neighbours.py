# ruff: noqa: ARG002 - fakes keep the signature of their port
"""Fakes of fulfillment's neighbours on the bus. Each keeps a ledger of what really happened. For tests alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from portal_chassis.clocks import BusinessClock
from portal_contracts.billing import BillingProduct, OrderLine, OrderProtocolState
from portal_contracts.orders import ProvisioningOrder, RecordOutcome
from portal_contracts.problems import Refused, TryLater
from portal_fulfillment.testing_operator import Fallible, Fault

_WRITTEN: Mapping[str, Mapping[str, str]] = {
    "activated": {"activation": "activated", "state": "completed"},
    "scheduled": {"activation": "scheduled"},
    "blocked": {"activation": "failed"},
    "failed": {"activation": "failed"},
}


class FakeOrders(Fallible):
    """The `Orders` port: orders as Salesforce has them. `outcomes` holds every write that changed something."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, ProvisioningOrder] = {}
        self.refuses: Refused | None = None
        self.outcomes: list[RecordOutcome] = []
        self.marks: list[str] = []

    def put(self, order: ProvisioningOrder) -> None:
        """Add or change an order."""
        self.orders[order.order_id] = order

    async def read(self, order_id: str) -> ProvisioningOrder:
        """Give the order."""
        self.end(self.begin("orders.read"))
        if self.refuses is not None:
            raise self.refuses
        if order_id not in self.orders:
            raise Refused("NOT_FOUND")
        return self.orders[order_id]

    async def mark_activating(self, order_id: str, attempt: int) -> None:
        """Mark it, unless it is marked. Refused ORDER_NOT_APPROVED."""
        fault = self.begin("orders.mark_activating")
        order = self.orders[order_id]
        if order.state != "approved":
            raise Refused("ORDER_NOT_APPROVED")
        if order.activation != "activating":
            self.put(order.model_copy(update={"activation": "activating"}))
            self.marks.append(order_id)
        self.end(fault)

    async def record(self, outcome: RecordOutcome) -> None:
        """Write it once, while the order is Approved; Refused ORDER_NOT_APPROVED for an activated one that is not."""
        fault = self.begin(f"orders.record_{outcome.outcome}")
        order = self.orders[outcome.order_id]
        activated = outcome.outcome == "activated"
        if activated and order.state not in {"approved", "completed"}:
            raise Refused("ORDER_NOT_APPROVED")
        written = _WRITTEN[outcome.outcome]
        stands = bool(self.outcomes) and self.outcomes[-1] == outcome and order.activation == written["activation"]
        if order.state == "approved" and not stands:
            self.outcomes.append(outcome)
            self.put(order.model_copy(update=written))
        self.end(fault)


@dataclass
class _Reservation:
    order_id: str
    number: int
    state: Literal["pending", "active", "cancelled"] = "pending"


class FakeBilling(Fallible):
    """The `Billing` port. `ledger` is what WHMCS did, in order: created, accepted, cancelled."""

    def __init__(self, clock: BusinessClock) -> None:
        super().__init__()
        self._clock = clock
        self.payment_method = True
        self.prices: dict[int, int] = {}
        self.unmarked: set[int] = set()
        self.refuses: dict[str, Refused] = {}
        self.working: dict[str, int] = {}
        self.ledger: list[tuple[str, str]] = []
        self.accepted_with: dict[str, tuple[str | None, str | None]] = {}
        self._generations: dict[str, int] = {}
        self._reservations: list[_Reservation] = []

    async def can_pay(self, client_id: int) -> bool:
        """Tell `payment_method`."""
        self.end(self.begin("billing.can_pay"))
        return self.payment_method

    async def products(self, product_ids: Sequence[int]) -> Mapping[int, BillingProduct]:
        """Give those with a price in `prices`."""
        self.end(self.begin("billing.products"))
        return {
            number: BillingProduct(
                whmcs_product_id=number,
                exists=True,
                marker_mapped=number not in self.unmarked,
                prices={"monthly": self.prices[number], "one_time": self.prices[number]},
            )
            for number in product_ids
            if number in self.prices
        }

    async def reserve(
        self, order_id: str, generation: int, client_id: int, lines: Sequence[OrderLine], eid: str | None
    ) -> OrderProtocolState:
        """Create unless there is one."""
        fault = self._ordered("reserve", order_id, generation)
        held = self._standing(order_id)
        if held is None:
            held = _Reservation(order_id, 900 + len(self._reservations))
            self._reservations.append(held)
            self.ledger.append(("created", order_id))
        return self._answer("reserve", fault, held)

    async def accept(
        self, order_id: str, generation: int, *, phone_number: str | None, iccid: str | None
    ) -> OrderProtocolState:
        """Accept the standing one, once."""
        fault = self._ordered("accept", order_id, generation)
        held = self._standing(order_id)
        if held is None:
            raise Refused("NOT_FOUND")
        if held.state == "pending":
            held.state = "active"
            self.ledger.append(("accepted", order_id))
            self.accepted_with[order_id] = (phone_number, iccid)
        return self._answer("accept", fault, held)

    async def release(self, order_id: str, generation: int, reason: str) -> OrderProtocolState:
        """Cancel the standing one; an accepted one stays."""
        fault = self._ordered("release", order_id, generation)
        held = self._standing(order_id)
        if held is not None and held.state == "active":
            raise Refused("WHMCS_ORDER_REFUSED", facts={"message": "accepted already"})
        if held is not None:
            held.state = "cancelled"
            self.ledger.append(("cancelled", order_id))
        return self._answer("release", fault, held)

    def count(self, effect: str, order_id: str) -> int:
        """Give how often something happened to an order."""
        return self.ledger.count((effect, order_id))

    def is_reserved(self, order_id: str) -> bool:
        """Whether an order stands in WHMCS."""
        return self._standing(order_id) is not None

    def _standing(self, order_id: str) -> _Reservation | None:
        return next((one for one in self._reservations if one.order_id == order_id and one.state != "cancelled"), None)

    def _ordered(self, what: str, order_id: str, generation: int) -> Fault | None:
        fault = self.begin(f"billing.{what}")
        if generation < self._generations.get(order_id, 0):
            raise TryLater("IN_PROGRESS")
        self._generations[order_id] = generation
        if what in self.refuses:
            raise self.refuses[what]
        return fault

    def _answer(self, what: str, fault: Fault | None, held: _Reservation | None) -> OrderProtocolState:
        self.end(fault)
        if self.working.get(what, 0):
            self.working[what] -= 1
            return OrderProtocolState(state="working", again_at=self._clock.now() + timedelta(seconds=5))
        number = held.number if held is not None else None
        service = number + 1000 if number is not None and what == "accept" else None
        return OrderProtocolState(state="done", whmcs_order_id=number, service_id=service)
