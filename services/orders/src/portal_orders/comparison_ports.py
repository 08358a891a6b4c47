"""What the comparison of systems needs from outside, in our words (D14)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.drift import Drift, DriftKind, LinkedClients
from portal_contracts.whmcs_orders import BilledClient, BilledClientPage
from portal_orders.order import SalesOrder


@dataclass(frozen=True, slots=True)
class ComparedAccount:
    """An account as the sales system has it: orders, the stage of each order's opportunity, and its address."""

    account_id: str
    orders: Sequence[SalesOrder] = ()
    stages: Mapping[str, str] = field(default_factory=dict)
    """Canonical stage by opportunity id."""
    service_ids: frozenset[int] = frozenset()
    """WHMCS services that any opportunity of the account names."""
    names_services: bool = True
    """Whether the org's opportunities can name a service at all."""
    address_fingerprint: str | None = None
    """See `values.address_fingerprint`; None for an account without an address."""


class SalesRecords(Protocol):
    """The sales system's side of a comparison."""

    async def accounts(self, account_ids: Collection[str]) -> Mapping[str, ComparedAccount]:
        """Read accounts with all their orders and opportunities, live; those that do not exist are left out."""

    async def page_of_orders(self, after: str | None) -> Sequence[SalesOrder]:
        """Give the next 200 approved or completed orders that the portal placed, by id; empty at the end."""


class BilledClients(Protocol):
    """WHMCS's side, through billing; slow on purpose."""

    async def page(self, after: int, most: int) -> BilledClientPage:
        """Give the next clients by id, with all their services."""

    async def one(self, whmcs_client_id: int) -> BilledClient | None:
        """Give one client."""


class ClientLinks(Protocol):
    """Identity's links."""

    async def of(self, whmcs_client_ids: Collection[int]) -> LinkedClients:
        """Give the Salesforce account of each client that has a portal user, or had one who was deleted (D17)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What two systems say differently. `subject` and `kind` make its id, which stays as long as the difference."""

    kind: DriftKind
    subject: str
    repair: str
    repairable: bool = False
    order_id: str | None = None
    account_id: str | None = None
    whmcs_client_id: int | None = None
    whmcs_service_id: int | None = None
    whmcs_order_id: int | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What it is called in lists and repairs."""
        return f"{self.kind}:{self.subject}"


class Differences(Protocol):
    """The table of differences, and which accounts a comparison has seen."""

    async def see(self, transaction: Transaction, found: Sequence[Difference], at: datetime) -> None:
        """Insert or refresh; one that was closed and is there again opens anew."""

    async def close(self, transaction: Transaction, difference_id: str, at: datetime) -> None:
        """Close one."""

    async def close_unseen(self, transaction: Transaction, since: datetime, at: datetime) -> None:
        """Close what was not seen since a whole comparison began."""

    async def find(self, difference_id: str) -> Drift | None:
        """Give an open difference."""

    async def open(self, kind: DriftKind | None) -> Sequence[Drift]:
        """Give open differences, the oldest first, up to a bound."""

    async def totals(self) -> Mapping[str, int]:
        """Count open differences by kind."""

    async def accounts_seen(self, transaction: Transaction, account_ids: Collection[str], at: datetime) -> None:
        """Note that accounts were compared."""

    async def seen_since(self, account_ids: Collection[str], since: datetime) -> Collection[str]:
        """Give those of the accounts that were compared since a moment."""
