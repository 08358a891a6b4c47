"""What the use cases need from outside, in our words.

Everything may raise TryLater while the other side is away, and Misconfigured when it refuses our set-up.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.billing import Subscription
from portal_contracts.catalog import Category, LocalizedText, SoldProduct
from portal_contracts.identity import CustomerLink
from portal_contracts.message import Command
from portal_contracts.orders import ProvisionRequested, TimelineEntry, WhoActs
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import TryLater
from portal_contracts.provisioning_requests import StaffTimelineEntry
from portal_contracts.values import Address
from portal_orders.order import KeptOrder, KeptProgress, SalesOrder

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
    porting: NumberPorting | None = None
    activate_at: datetime | None = None
    """When it is to be activated; None for right after the approval (C17)."""
    instructions: str | None = field(default=None, repr=False)
    """The customer's words to the staff who review it (R127)."""
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Prospects:
    """What there already is for an order about to be placed."""

    placed: SalesOrder | None
    """The order itself, when an earlier try got through."""
    opportunities: Sequence[str]
    """Open opportunities of the same commodity that nothing was ordered from, the newest first (C13)."""


class OrderMoved(TryLater):
    """An order is not any more as it was read, so nothing was written: read it again and decide anew."""

    def __init__(self) -> None:
        super().__init__("SALESFORCE_UNAVAILABLE", retry_after=1)


Concern = Literal["nothing", "data", "approval"]
"""What a change of an order means for provisioning.

`approval` may ask for it, anew too. `data` is what an approved order waits for, such as another date: it wakes and
never starts again what has failed (§2.1).
"""


class SalesOrders(Protocol):
    """Orders and their opportunities in the sales system (Salesforce: one writer, this service).

    A write to an order holds only while the order is as it was read; otherwise nothing is written and OrderMoved
    raised. So one whose answer was lost cannot undo, minutes later, what was written after it.
    """

    async def prospects(self, order: NewOrder) -> Prospects:
        """Look for the order itself and for opportunities it could belong to."""

    async def place(self, order: NewOrder, opportunity_id: str | None) -> SalesOrder:
        """Create order and items as Draft and submit them for review, on the opportunity or a new one, all or nothing.

        Harmless to repeat. Raises Refused PRODUCT_NOT_ORDERABLE when a rule of the org says no.
        """

    async def withdraw(self, key: str, reason: str) -> None:
        """Cancel a placed order and void its opportunity; nothing when there is none or it went on already."""

    async def cancel(self, order: SalesOrder, note: str) -> SalesOrder:
        """Cancel an order pending review with a note and void its opportunity, in one go; gives how it stands then."""

    async def write_review(self, order: SalesOrder, card: str) -> SalesOrder:
        """Put the review card at the front of the description (R127); gives the order as it stands then.

        Raises OrderMoved too for an order that is not in review any more.
        """

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

    async def write_not_started(self, order: SalesOrder) -> SalesOrder:
        """Write the not-started wording back and clear the error: the order waits for its time (C38)."""

    async def write_porting(self, order: SalesOrder, porting: NumberPorting) -> SalesOrder:
        """Write another reservation where the org has fields for it; gives the order as it stands then."""

    async def write_failure(self, order: SalesOrder, code: str, message: str, at: datetime) -> SalesOrder:
        """Write `CODE: message` and the time (R125, C37); gives the order as it stands then."""

    async def write_activated(self, order: SalesOrder, whmcs_order_id: int, whmcs_service_id: int) -> SalesOrder:
        """Write order and opportunity in one go (R126, R161, R162); gives the order as it stands then."""

    async def write_activation_again(self, order: SalesOrder) -> SalesOrder:
        """Write that the order is active and clear the error, nothing else; gives the order as it stands then."""

    async def write_service(self, order: SalesOrder, whmcs_order_id: int, whmcs_service_id: int) -> SalesOrder:
        """Write WHMCS's ids to order and opportunity and nothing else; gives the order as it stands then (D14)."""

    async def void_opportunity(self, order_id: str) -> None:
        """Move the opportunity of a rejected order to Void, with staff's reason (C40); harmless to repeat."""

    def concern_of(self, fields: Collection[str]) -> Concern:
        """Say what a change of these fields means; without names anything may have changed."""


# the service's own database


@dataclass(frozen=True, slots=True)
class StaffNote:
    """What only staff see of a timeline entry. Long numbers in `facts` are masked before they are kept."""

    code: str | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)
    source: str | None = None
    request_id: str | None = None
    requested_by: str = ""
    correlation_id: str = ""
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A timeline entry before it has its number."""

    kind: str
    at: datetime
    text: LocalizedText
    actor: str
    who_acts: WhoActs
    staff: StaffNote = StaffNote()


class OrderBook(Protocol):
    """The read model of orders and their timelines."""

    async def read(self, order_id: str) -> KeptOrder | None:
        """Give an order."""

    async def of_account(self, account_id: str) -> Sequence[KeptOrder]:
        """Give all of an account's orders, the newest first."""

    async def page(self, account_id: str, after: tuple[datetime, str] | None, most: int) -> Sequence[KeptOrder]:
        """Give those that are no drafts, the newest first, after one that was placed then and has that number."""

    async def order_ids(self) -> Collection[str]:
        """Give the ids of all orders there are rows of."""

    async def unprogressed(
        self, order_ids: Collection[str], *, asked_before: datetime, silent_before: datetime
    ) -> Collection[str]:
        """Give those of the orders the sweeper has to look at.

        They are unknown; their attempt failed; or provisioning was asked for before `asked_before` and never began or
        was withdrawn; or it began and neither side was heard of since `silent_before`: fulfillment may have lost it.
        """

    async def reviewing(self) -> tuple[int, datetime | None]:
        """Say how many orders wait for their review, and since when the oldest does."""

    async def lock(self, transaction: Transaction, order_id: str) -> KeptOrder | None:
        """Give an order and keep others from changing it until the transaction ends."""

    async def save(self, transaction: Transaction, order: KeptOrder) -> None:
        """Insert or replace an order."""

    async def progressed(self, transaction: Transaction, order_id: str, said: KeptProgress) -> None:
        """Note what fulfillment said; nothing for an unknown order, nor for what was overtaken on the way."""

    async def requested(self, transaction: Transaction, order_id: str, at: datetime) -> None:
        """Note that provisioning was asked for; nothing for an unknown order."""

    async def append(self, transaction: Transaction, order_id: str, entry: NewEntry) -> int:
        """Add a timeline entry and give its number: 1, 2, 3 for each order."""

    async def entries(self, order_id: str, after: int) -> tuple[Sequence[TimelineEntry], int]:
        """Give the entries after a number, the oldest first, and the last number there is."""

    async def staff_entries(self, order_id: str) -> Sequence[StaffTimelineEntry]:
        """Give all entries with what only staff see; those written before staff's part was kept have none."""

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
    only_wakes: bool = False
    """The signal is about data: it wakes what waits and opens nothing (§2.1)."""
    traceparent: str | None = None
    """The trace of whoever hinted, which what follows continues."""
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


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A signed call under its idempotency key."""

    fingerprint: str


class SignedCalls(Protocol):
    """Nonces and answers of signed calls, in the transaction of their effect (R141, R142)."""

    async def take_nonce(self, transaction: Transaction, nonce: str) -> bool:
        """Use a nonce up; False when it was used before. One that is being used elsewhere is waited for."""

    async def enter(self, transaction: Transaction, key: str) -> bool:
        """Take the key until the transaction ends; False while somebody else has it."""

    async def find(self, transaction: Transaction, key: str) -> StoredCall | None:
        """Give the call that was answered under the key."""

    async def keep(self, transaction: Transaction, key: str, call: StoredCall) -> None:
        """Keep a call that is answered now."""

    async def prune(self, transaction: Transaction) -> None:
        """Forget nonces and keys that nobody can use again."""


class CommandLog(Protocol):
    """Keys of customers' commands, kept with the effect."""

    async def answered(self, transaction: Transaction, command: Command[Any], account_id: str) -> bool:
        """Say whether the command was carried out; Refused IDEMPOTENCY_KEY_REUSED for another one under its key."""

    async def remember(self, transaction: Transaction, command: Command[Any], account_id: str) -> None:
        """Keep the key of a command that is answered with nothing but Acknowledged."""
