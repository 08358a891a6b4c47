"""What cancelling a service needs from outside, in our words. Errors as in `ports`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.billing import Subscription
from portal_contracts.billing_services import PlanQuote, ServiceEnding
from portal_contracts.cancellation import CancellationState, ContractStage, LineReturn
from portal_contracts.catalog import BillingCycle, Category
from portal_contracts.sim_lines import LineEnding, ServiceLine

OPEN: Final[frozenset[CancellationState]] = frozenset({"requested", "ending", "withdrawing"})


@dataclass(frozen=True, slots=True)
class Contract:
    """The opportunity a service stands on, as the sales system has it now (R208)."""

    opportunity_id: str
    account_id: str
    stage: ContractStage
    changed_at: datetime
    """Its last change there: a write holds only while it is so."""
    order_id: str | None = None
    category: Category | None = None
    ends_at: datetime | None = None
    line_return: LineReturn = "unknown"


@dataclass(frozen=True, slots=True)
class KeptCancellation:
    """A cancellation as the portal keeps it. `request` and `fingerprint` are the command's."""

    cancellation_id: str
    account_id: str
    service_id: int
    order_id: str | None
    category: Category
    request: str
    fingerprint: bytes
    initial: bool
    requested_at: datetime
    ends_on: date
    effective_at: datetime
    state: CancellationState = "requested"


class Contracts(Protocol):
    """Opportunities with a running service (one writer: this service).

    A write holds only while the opportunity is as it was read; else nothing is written and OrderMoved raised.
    """

    async def of_service(self, account_id: str, service_id: int) -> Contract | None:
        """Find an account's opportunity by its WHMCS service."""

    async def write_cancelling(self, contract: Contract, ends_at: datetime, *, equipment: bool) -> None:
        """Write the stage Cancelling, the date, that notice came, and whether equipment is to come back (R209-R218)."""

    async def write_active(self, contract: Contract) -> None:
        """Write Active again and take date and notice back."""

    async def write_cancelled(self, contract: Contract) -> None:
        """Write the stage Cancelled (R213)."""


class Cancellations(Protocol):
    """The cancellations customers asked for. A service has one open one at most."""

    async def add(self, transaction: Transaction, cancellation: KeptCancellation) -> bool:
        """Keep a new one; False when its request is known or the service has an open one."""

    async def of_request(self, account_id: str, request: str) -> KeptCancellation | None:
        """Give the one a request has brought about. Reads outside any transaction."""

    async def of_service(self, account_id: str, service_id: int) -> KeptCancellation | None:
        """Give the newest of a service. Reads outside any transaction."""

    async def lock(self, transaction: Transaction, cancellation_id: str) -> KeptCancellation | None:
        """Give one and keep others from changing it until the transaction ends."""

    async def move(
        self, transaction: Transaction, cancellation_id: str, before: Sequence[CancellationState], to: CancellationState
    ) -> bool:
        """Write a state over one of the states before; False when it is in none of them."""

    async def reschedule(self, transaction: Transaction, cancellation_id: str, ends_on: date, at: datetime) -> None:
        """Write the end that staff gave it."""


class ServiceBilling(Protocol):
    """Billing, live: WHMCS's side of a service."""

    async def services(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Give all services of the client, whatever their state."""

    async def end(self, cancellation_id: str, whmcs_client_id: int, service_id: int) -> ServiceEnding:
        """End a service now; harmless to repeat (C22, automatic mode)."""

    async def quote(self, whmcs_client_id: int, service_id: int, product_id: int, cycle: BillingCycle) -> PlanQuote:
        """Price another product. Refused PLAN_CHANGE_NOT_OFFERED or NOT_FOUND."""


class ServiceLines(Protocol):
    """Fulfillment: the SIM line of a service."""

    async def end(self, cancellation_id: str, account_id: str, service_id: int) -> LineEnding | None:
        """End the line now, once for the cancellation; None for a line the portal did not set up."""

    async def find(self, account_id: str, service_id: int) -> ServiceLine | None:
        """Look the line up; None for a line the portal did not set up."""


class RequestCases(Protocol):
    """Support: the cases in which staff see to what a customer asked for; the customer sees them, but for tasks."""

    async def open_cancellation(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Open a Cancellation Request once for a key and give its id (R207)."""

    async def open_inquiry(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Open a General Inquiry once for a key and give its id."""

    async def open_task(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Open a case that staff keep among themselves, once for a key, and give its id."""

    async def close(self, key: str) -> None:
        """Close the case of a key (R213); nothing when there is none."""
