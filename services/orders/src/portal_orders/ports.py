"""What the use cases need from outside, in our words.

Everything may raise TryLater while the other side is away, and Misconfigured when it refuses our set-up.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.billing import Subscription
from portal_contracts.catalog import Category, LocalizedText, SoldProduct
from portal_contracts.identity import CustomerLink
from portal_contracts.orders import ProvisionRequested, TimelineEntry, WhoActs
from portal_contracts.values import Address
from portal_orders.order import KeptOrder, SalesOrder

Transactions = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Opens a transaction of the service's own database."""


# other services, asked over the bus


class Customers(Protocol):
    """Identity's links."""

    async def link(self, account_id: str) -> CustomerLink | None:
        """Give the link of an account; None when it belongs to no portal user."""


class Products(Protocol):
    """The catalog, with what an order needs."""

    async def find(self, *, skus: Collection[str] = (), product_ids: Collection[str] = ()) -> Sequence[SoldProduct]:
        """Give the products that exist; unknown ones are left out."""


class Billing(Protocol):
    """Billing, live: nothing of this is ever cached (R064, C14)."""

    async def can_pay(self, whmcs_client_id: int) -> bool:
        """Say whether the client has a usable payment method."""

    async def services(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Give all services of the client, whatever their state."""

    async def address(self, whmcs_client_id: int) -> Address | None:
        """Give the client's address; None when there is none that fits a Japanese address."""

    async def change_address(self, request_id: str, whmcs_client_id: int, address: Address) -> None:
        """Write a new address; harmless to repeat with one request id."""


# the sales system


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to order, at the price of the moment of checkout (R094, R095)."""

    key: str
    entry_id: str
    quantity: int
    unit_price: int
    billing_cycle: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to place. `key` makes it one however often it is asked for."""

    key: str
    account_id: str
    category: Category
    service_name: str
    effective_on: date
    items: Sequence[NewItem]
    address: Address | None = None
    address_changed: bool = False
    eid: str | None = None
    esim: bool | None = None
    """Whether a SIM is an eSIM; None for other services."""
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Prospects:
    """What there already is for an order about to be placed."""

    placed: SalesOrder | None
    """The order itself, when an earlier try got through."""
    opportunities: Sequence[str]
    """Open opportunities of the same commodity that nothing was ordered from, the newest first (C13)."""


class SalesOrders(Protocol):
    """Orders and their opportunities in the sales system (Salesforce: one writer, this service)."""

    async def eligibility(self, account_id: str) -> frozenset[str]:
        """Give the Internet types staff found available, in comparable form, live (R080); empty for none."""

    async def prospects(self, order: NewOrder) -> Prospects:
        """Look for the order itself and for opportunities it could belong to."""

    async def place(self, order: NewOrder, opportunity_id: str | None) -> SalesOrder:
        """Create order and items as Draft and submit them for review, on the opportunity or a new one, all or nothing.

        Harmless to repeat. Raises Refused PRODUCT_NOT_ORDERABLE when a rule of the org says no.
        """

    async def withdraw(self, key: str, reason: str) -> None:
        """Cancel a placed order and void its opportunity; nothing when there is none or it went on already."""

    async def read(self, order_ids: Collection[str]) -> Mapping[str, SalesOrder]:
        """Read orders live, up to 200 in one call; those that do not exist are left out."""

    async def of_account(self, account_id: str) -> Sequence[SalesOrder]:
        """Read all orders of an account."""

    async def orders_of_items(self, item_ids: Collection[str]) -> Mapping[str, str]:
        """Give the order of each item that exists."""

    async def approved(self) -> Sequence[str]:
        """Give the ids of all approved orders that are not completed, all pages (C01)."""

    async def changed_since(self, moment: datetime) -> Sequence[str]:
        """Give the ids of orders changed at or after a moment, all pages."""

    async def write_activating(self, order: SalesOrder) -> SalesOrder:
        """Write that activation runs and clear the error; gives the order as it stands then."""

    async def write_not_started(self, order: SalesOrder) -> None:
        """Write the not-started wording back: the order waits for its day (C38)."""

    async def write_failure(self, order: SalesOrder, code: str, message: str, at: datetime) -> SalesOrder:
        """Write `CODE: message` and the time (R125, C37); gives the order as it stands then."""

    async def write_activated(self, order: SalesOrder, whmcs_order_id: int, whmcs_service_id: int) -> SalesOrder:
        """Write order and opportunity in one go (R126, R161, R162); gives the order as it stands then."""

    async def void_opportunity(self, order_id: str) -> None:
        """Move the opportunity of a rejected order to Void, with staff's reason (C40); harmless to repeat."""

    def concerns_provisioning(self, fields: Collection[str]) -> bool:
        """Say whether a change of these fields may ask for provisioning; no names: anything may have changed."""


# the service's own database


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A timeline entry before it has its number."""

    kind: str
    at: datetime
    text: LocalizedText
    actor: str
    who_acts: WhoActs


class OrderBook(Protocol):
    """The read model of orders and their timelines."""

    async def read(self, order_id: str) -> KeptOrder | None:
        """Give an order."""

    async def of_account(self, account_id: str) -> Sequence[KeptOrder]:
        """Give an account's orders, the newest first."""

    async def unprogressed(self, order_ids: Collection[str], before: datetime) -> Collection[str]:
        """Give those of the orders the sweeper has to look at.

        Nobody asked for their provisioning since `before` and it never made progress; it failed; or they are unknown.
        """

    async def lock(self, transaction: Transaction, order_id: str) -> KeptOrder | None:
        """Give an order and keep others from changing it until the transaction ends."""

    async def save(self, transaction: Transaction, order: KeptOrder) -> None:
        """Insert or replace an order."""

    async def progressed(self, transaction: Transaction, order_id: str, at: datetime, *, parked: bool) -> None:
        """Note that fulfillment was heard of, and whether it waits for a person; nothing for an unknown order."""

    async def requested(self, transaction: Transaction, order_id: str, at: datetime) -> None:
        """Note that provisioning was asked for; nothing for an unknown order."""

    async def append(self, transaction: Transaction, order_id: str, entry: NewEntry) -> int:
        """Add a timeline entry and give its number: 1, 2, 3 for each order."""

    async def entries(self, order_id: str, after: int) -> tuple[Sequence[TimelineEntry], int]:
        """Give the entries after a number, the oldest first, and the last number there is."""

    async def is_complete(self, account_id: str) -> bool:
        """Say whether the account's older orders have been fetched once."""

    async def set_complete(self, transaction: Transaction, account_id: str) -> None:
        """Note that they have."""


@dataclass(frozen=True, slots=True)
class StoredCheckout:
    """A checkout under its idempotency key."""

    checkout_id: str
    fingerprint: str


class Checkouts(Protocol):
    """Keys and claims of checkouts."""

    async def find(self, account_id: str, key: str, now: datetime) -> StoredCheckout | None:
        """Give the checkout the key stands for now; a failed or expired one stands for nothing."""

    async def owner(self, checkout_id: str) -> str | None:
        """Give the account of a checkout, failed ones included."""

    async def begin(
        self,
        transaction: Transaction,
        checkout: StoredCheckout,
        *,
        account_id: str,
        key: str,
        now: datetime,
        expires_at: datetime,
    ) -> StoredCheckout:
        """Take the key, or give the checkout that has it."""

    async def claim_internet(self, transaction: Transaction, account_id: str, checkout_id: str) -> bool:
        """Claim the account's one Internet line (C14); False when somebody has it."""

    async def name_claim(self, transaction: Transaction, checkout_id: str, order_id: str) -> None:
        """Say which order the checkout's claim is for."""

    async def release_claim(
        self, transaction: Transaction, *, checkout_id: str | None = None, order_id: str | None = None
    ) -> None:
        """Give the claim of a checkout or an order back; nothing when there is none."""

    async def settled(self, transaction: Transaction, checkout_id: str, *, placed: bool) -> None:
        """Note how a checkout ended; the key of a failed one is free again."""

    async def is_settled(self, checkout_id: str) -> bool:
        """Say whether a checkout has ended; True for one nobody knows."""

    async def take_opportunity(self, order_key: str, candidates: Sequence[str]) -> str | None:
        """Reserve one of the opportunities for an order, for ever; a repeat gives the same one (C13)."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Something says: look at this order. With a `signal`, provisioning is asked for if the order is approved."""

    record_id: str
    """The order's id, or an item's with `item`."""
    due_at: datetime
    signal: ProvisionRequested | None = None
    give_up_at: datetime | None = None
    """Until when an order that is not approved yet is looked at again: events may precede their commit."""
    item: bool = False
    id: int = 0


class Hints(Protocol):
    """Hints waiting to be looked at. Adding one never waits for anybody."""

    async def add(self, transaction: Transaction, hint: Hint) -> None:
        """Keep a hint."""

    async def take(self, now: datetime, most: int, hidden_for: timedelta) -> Sequence[Hint]:
        """Take due hints and hide them from others for a while; the oldest first."""

    async def drop(self, transaction: Transaction, hints: Sequence[Hint]) -> None:
        """Forget hints that have been worked off."""

    async def postpone(self, transaction: Transaction, hints: Sequence[Hint], due_at: datetime) -> None:
        """Look at hints again later."""
