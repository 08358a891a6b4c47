"""What callers want of an order: the row through which a command reaches the process that works on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from portal_billing.order import DraftOrder, OrderUnit, units_of
from portal_contracts.billing import OrderLine

Goal = Literal["reserve", "accept", "release"]


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """One Salesforce order's desk.

    `generation` is the newest a caller has shown: an older caller was taken over and is turned away. `ask` counts the
    wants, so that a problem told to one is looked at anew for the next. `round` counts reservations that were released:
    each has a winner of its own.
    """

    order_id: str
    goal: Goal
    generation: int
    client_id: int = 0
    lines: Sequence[OrderLine] = ()
    eid: str | None = field(default=None, repr=False)
    phone_number: str | None = field(default=None, repr=False)
    iccid: str | None = field(default=None, repr=False)
    round: int = 1
    ask: int = 1

    def units(self) -> tuple[OrderUnit, ...]:
        """Give the services the lines become."""
        return units_of(self.lines)

    def draft(self) -> DraftOrder:
        """Give what AddOrder is to make."""
        return DraftOrder(self.order_id, self.client_id, self.units(), self.eid)
