"""What must be true after every schedule (reference reliability.md (b) §4), read from the ledger and the stores.

I11 and I12 (foreign and secret canaries) and I15 (what the customer sees within 30 s) are tested elsewhere.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from portal_contracts.changefeed import ProvisionEventReceived
from portal_simulation.ledger import Effects
from portal_simulation.order_facts import OrderFacts
from portal_simulation.order_invariants import ORDER_CHECKS, QUIET
from portal_simulation.play import Played

MOST_TIMES_FAULT_FREE: Final = 3


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that does not hold."""

    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


def broken_invariants(played: Played) -> list[Broken]:
    """Name everything that does not hold."""
    effects = Effects(played.world.sandbox.core.ledger)
    broken = [Broken("defect", text) for text in played.failures]
    broken += [Broken("defect", text) for vendor in played.world.vendors.values() for text in vendor.failures]
    broken += [Broken("I6", f"not at rest: {text}") for text in played.stuck]
    for order in played.orders:
        facts = OrderFacts.of(played, order, effects)
        for check in ORDER_CHECKS:
            broken += [
                Broken(name, f"order {order.order_id} ({order.plan.kind}) {text}") for name, text in check(facts)
            ]
    broken += _bus(played)
    broken += _calls(played)
    return broken


def _bus(played: Played) -> Iterator[Broken]:
    """I10: the outbox is empty, and no event became a dead letter that was not poison."""
    for service, rows in played.world.rows.items():
        left = len(rows.database.events) - rows.database._relayed
        if left:
            yield Broken("I10", f"{service}'s outbox holds {left} events")
    for letter in played.world.network.dead_letters:
        yield Broken("I10", f"dead letter {letter}")
    effects = Effects(played.world.sandbox.core.ledger)
    published = Counter(str(effect.detail["eventId"]) for effect in effects.of("salesforce.event.published"))
    received = Counter(
        event.event_id
        for event in played.world.rows["changefeed"].database.events
        if isinstance(event, ProvisionEventReceived)
    )
    if published != received:
        lost, twice = published - received, received - published
        yield Broken("I10", f"platform events lost: {sorted(lost)}, passed on again: {sorted(twice)}")


FAULT_FREE: Final = {
    ("whmcs", "AddOrder"): 1,
    ("whmcs", "AcceptOrder"): 1,
    ("freebit", "mvno/esim/addAcnt"): 1,
    ("sendgrid", "mail/send"): 2,
    ("whmcs", "UpdateClientProduct"): 3,
    ("salesforce", "composite"): 3,
}
"""Calls an order makes when nothing goes wrong; those of a customer's whole list or of the sweeper are not counted."""


def _calls(played: Played) -> Iterator[Broken]:
    """I14: calls per order stay within three times those of an order without faults."""
    calls = played.world.sandbox.core.faults.calls
    orders = max(1, len(played.orders))
    for (vendor, call), usual in FAULT_FREE.items():
        made = calls.get(vendor, {}).get(call, 0)
        if made > (MOST_TIMES_FAULT_FREE * usual + _quiet_periods(played, vendor, call)) * orders + 6:
            yield Broken("I14", f"{vendor} {call} was called {made} times for {orders} orders")


def _quiet_periods(played: Played, vendor: str, call: str) -> int:
    """Count the tries an order makes of one call that fails for long: one after each quiet period, and no more."""
    seconds = sum(
        fault.period or 0.0 for fault in played.schedule.faults if fault.vendor == vendor and fault.call in (call, "*")
    )
    return int(seconds / QUIET["AddOrder"].total_seconds())
