"""What is done to a running service in WHMCS beyond its order: the ports, in our words.

Reads raise TryLater while WHMCS is away. Writes raise Unclear when nobody can know what became of them, and TryLater or
Misconfigured when nothing was done.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from portal_contracts.billing import SubscriptionState
from portal_contracts.catalog import BillingCycle


@dataclass(frozen=True, slots=True)
class Extra:
    """Something to invoice on a service, tax included. `key` is what its invoice is found again by."""

    key: str
    client_id: int
    service_id: int
    amount: int
    description: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What another product costs until the service is next due; None where WHMCS does not tell."""

    price: int | None
    days_left: int | None
    next_due_on: date | None


class Extras(Protocol):
    """Invoices beyond those WHMCS makes by itself."""

    async def find(self, client_id: int, key: str) -> int | None:
        """Give the invoice that carries a key; None when there is none (any more)."""

    async def create(self, extra: Extra, *, send_by: float) -> int:
        """Make and send an invoice that is due today, once; gives its id. Refused NOT_FOUND without such a client."""


class RunningServices(Protocol):
    """Services of a client. Refused NOT_FOUND for one that is not the client's."""

    async def state(self, client_id: int, service_id: int) -> SubscriptionState:
        """Tell how a service stands, live."""

    async def ask_to_cancel(self, service_id: int, reason: str) -> None:
        """Leave a cancellation request that staff and the client see; one that stands already is enough."""

    async def terminate(self, service_id: int) -> None:
        """End the service now, through its module where it has one; harmless to repeat."""

    async def quote(self, client_id: int, service_id: int, product_id: int, cycle: BillingCycle) -> Quote:
        """Price another product and order nothing. Refused PLAN_CHANGE_NOT_OFFERED when WHMCS says no."""
