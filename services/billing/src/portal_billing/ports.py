"""What billing's use cases need from outside, in our words. Adapters: whmcs_*.py and store.py; fakes: testing.py.

Every port that reaches WHMCS raises TryLater (`WHMCS_UNAVAILABLE`: they could not answer) and Misconfigured
(`WHMCS_MISCONFIGURED`: credentials, permissions, addresses); a write that raises either has had no effect. Only
`Unclear` leaves that open.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from portal_billing.client import Client, NewClient
from portal_billing.order import DraftOrder, FoundOrder, OrderInvoice, ServiceNotes
from portal_billing.product import SoldProduct
from portal_contracts.billing import (
    ClientProfile,
    Invoice,
    InvoiceDetail,
    PaymentGateway,
    PaymentMethod,
    SsoDestination,
    Subscription,
)
from portal_contracts.billing_logins import ProvenLogin
from portal_contracts.message import Command, Event, Message
from portal_contracts.problems import Fact
from portal_contracts.values import Address
from portal_contracts.whmcs_orders import BilledClient

if TYPE_CHECKING:
    from portal_billing.invoice import ListedInvoice, OwnedInvoice
    from portal_billing.order_desk import OrderDesk, Verdict
    from portal_chassis.cached import Dated
    from portal_chassis.postgres import Transaction
    from portal_chassis.process import JournalEntry


class Unclear(Exception):  # noqa: N818 - it says what we know
    """A write left, and whether WHMCS has done it or still will is unknown (reliability.md (b)§3.5).

    `evidence` holds what was seen: ids and texts, no personal data.
    """

    def __init__(self, call: str, seen: str) -> None:
        super().__init__(f"{call}: {seen}")
        self.evidence: dict[str, Fact] = {"call": call, "seen": seen}


class BillingReads(Protocol):
    """Everything customers look at, read live; `CustomerReads` puts a cache in front."""

    async def profile(self, client_id: int) -> ClientProfile:
        """Read a client's profile. Refused NOT_FOUND."""
        ...

    async def payment_methods(self, client_id: int) -> Sequence[PaymentMethod]:
        """Read a client's stored cards and accounts; tokens are dropped in the adapter."""
        ...

    async def gateways(self) -> Sequence[PaymentGateway]:
        """Read the ways to pay that the installation offers."""
        ...

    async def invoices(self, client_id: int) -> "Sequence[ListedInvoice]":
        """Read all of a client's invoices, drafts included."""
        ...

    async def invoice(self, invoice_id: int) -> "OwnedInvoice":
        """Read an invoice, whoever owns it. Refused NOT_FOUND."""
        ...

    async def subscriptions(self, client_id: int) -> Sequence[Subscription]:
        """Read all of a client's services, whatever their state."""
        ...

    async def subscription(self, client_id: int, service_id: int) -> Subscription:
        """Read one service of a client. Refused NOT_FOUND, also for another client's."""
        ...


class CustomerReads(Protocol):
    """What a customer looks at, perhaps some minutes old and then dated (R236, R241–R249).

    Only ever the client's own: Refused NOT_FOUND otherwise. `fresh` means nothing older than seconds. TryLater
    `WHMCS_UNAVAILABLE` when WHMCS does not answer while a customer waits and no copy is left.
    """

    async def profile(self, client_id: int) -> "Dated[ClientProfile]":
        """Read the profile."""
        ...

    async def payment_methods(self, client_id: int, *, fresh: bool) -> "Dated[list[PaymentMethod]]":
        """Read stored cards and accounts."""
        ...

    async def gateways(self) -> "Dated[list[PaymentGateway]]":
        """Read the ways to pay that the installation offers."""
        ...

    async def invoices(self, client_id: int, *, fresh: bool) -> "Dated[list[Invoice]]":
        """Read all invoices without drafts, newest first."""
        ...

    async def invoice(self, client_id: int, invoice_id: int, *, fresh: bool = False) -> "Dated[InvoiceDetail]":
        """Read one invoice that is no draft."""
        ...

    async def invoices_of(self, client_id: int, service_id: int, *, fresh: bool) -> "Dated[list[Invoice]]":
        """Read the invoices of one service among the client's newest, newest first."""
        ...

    async def subscriptions(self, client_id: int, *, fresh: bool) -> "Dated[list[Subscription]]":
        """Read all services, whatever their state."""
        ...

    async def subscription(self, client_id: int, service_id: int, *, fresh: bool = False) -> "Dated[Subscription]":
        """Read one service."""
        ...


class Copies(Protocol):
    """The copies of what WHMCS has, by client (R243, R246, R249, R252)."""

    async def clear(self, client_id: int) -> None:
        """Forget all of a client's after a change of our own; never fails: at worst they end with their time."""
        ...

    async def drop(self, client_id: int) -> None:
        """Forget all of a client's; TryLater SERVICE_UNAVAILABLE when that did not happen."""
        ...


class Products(Protocol):
    """WHMCS's catalogue."""

    async def read(self, product_ids: Sequence[int]) -> Mapping[int, SoldProduct]:
        """Read products by id; unknown ones are missing."""
        ...


class SignOn(Protocol):
    """Single sign-on into WHMCS (D03)."""

    async def mint(self, client_id: int, destination: SsoDestination, related_id: int | None) -> str:
        """Give a single-use URL, good for 60 s. Refused SSO_REFUSED when WHMCS blocks it for this client."""
        ...


class SignOnLog(Protocol):
    """Who was given links into WHMCS, for the audit and against abuse (D03). Never the link itself."""

    async def admit(self, client_id: int, user_id: str, destination: SsoDestination, related_id: int | None) -> None:
        """Write down that a link is made now; TryLater RATE_LIMITED when there were too many in the last minute."""
        ...


class Logins(Protocol):
    """WHMCS log-ins, which are users and not clients (C21)."""

    async def prove(self, email: str, password: str) -> ProvenLogin:
        """Check a password, once, and find the client its user owns. Never repeated by itself.

        Refused CREDENTIALS_WRONG, or LINKING_NOT_POSSIBLE when the user owns no client or several.
        """
        ...


class Clients(Protocol):
    """WHMCS clients: who is billed."""

    async def find(self, email: str) -> Client | None:
        """Read the client with this e-mail; None when there is none."""
        ...

    async def create(self, new: NewClient, *, send_by: float) -> int:
        """Make a client with a password nobody ever sees and no mail (D04); its id. Not idempotent.

        Refused BILLING_ACCOUNT_EXISTS when the e-mail is taken and BAD_REQUEST naming a field WHMCS does not accept.
        Raises Unclear. Nothing leaves after `send_by` (monotonic seconds): TryLater.
        """
        ...

    async def set_customer_number(self, client_id: int, customer_number: str) -> None:
        """Write the Customer Number's field; repeating is harmless."""
        ...

    async def change_address(self, client_id: int, address: Address) -> None:
        """Write a new address; repeating is harmless. Refused NOT_FOUND and BAD_REQUEST."""
        ...

    async def change_profile(self, client_id: int, *, company: str | None, phone: str | None) -> None:
        """Write what is given and leave the rest; repeating is harmless. Refused NOT_FOUND and BAD_REQUEST."""
        ...

    async def change_email(self, client_id: int, email: str) -> None:
        """Write a new e-mail address; repeating is harmless.

        Refused NOT_FOUND, BAD_REQUEST, and BILLING_ACCOUNT_EXISTS when another client has it.
        """
        ...


class Orders(Protocol):
    """WHMCS orders. AddOrder and AcceptOrder are two phases: only an accepted order is billed and set up."""

    async def search(self, client_id: int, order_id: str) -> Sequence[FoundOrder]:
        """Find all orders of a client that carry the marker of a Salesforce order, cancelled ones included.

        Reads every page of the client's services and, as a cross-check, of its orders with notes and lines (rule 3). A
        search that could not be finished, or lists that do not agree, raise TryLater: that is not "nothing".
        """
        ...

    async def read(self, client_id: int, whmcs_order_id: int) -> FoundOrder | None:
        """Read one order with its services; None when it does not exist or is another client's."""
        ...

    async def add(self, draft: DraftOrder, *, send_by: float) -> int:
        """Make a Pending order, without any mail; its id. Not idempotent.

        Refused WHMCS_ORDER_REFUSED. Raises Unclear. Nothing leaves after `send_by` (monotonic seconds): TryLater.
        """
        ...

    async def accept(self, whmcs_order_id: int, *, send_by: float) -> bool:
        """Accept a Pending order; False when it is not Pending. Refused WHMCS_ORDER_REFUSED. Raises Unclear."""
        ...

    async def cancel(self, whmcs_order_id: int, *, send_by: float) -> bool:
        """Cancel a Pending order; False when it is not Pending. Raises Unclear."""
        ...

    async def failed_set_ups(self, service_id: int) -> Sequence[str]:
        """Name the module actions that failed for a service and wait for a person (D02).

        Empty also when the API role may not look; that is logged.
        """
        ...

    async def invoice(self, client_id: int, invoice_id: int) -> OrderInvoice | None:
        """Read an order's first invoice; None when it does not exist or is another client's."""
        ...

    async def cancel_invoice(self, invoice_id: int, *, send_by: float) -> None:
        """Mark an invoice that was not paid as cancelled; repeating is harmless. Raises Unclear.

        Refused WHMCS_ORDER_REFUSED.
        """
        ...

    async def annotate(self, notes: ServiceNotes) -> None:
        """Write notes for people and a line's numbers to a service; repeating is harmless.

        Raises Unclear. Refused WHMCS_ORDER_REFUSED.
        """
        ...

    async def mark(self, service_id: int, product_id: int, text: str) -> None:
        """Write a marker into a service's field; repeating is harmless.

        Raises Unclear. Refused MARKER_UNMAPPED when the product has no such field, WHMCS_ORDER_REFUSED.
        """
        ...


class BilledClients(Protocol):
    """Who is billed for what, all clients together (D14). Slow: two calls for each client."""

    async def ids(self) -> Sequence[int]:
        """List all clients, the lowest id first, as they were within the last hour."""
        ...

    async def read(self, client_id: int) -> BilledClient | None:
        """Read a client with all services; None when there is no such client."""
        ...


class ClientTurns(Protocol):
    """One write at a time per WHMCS client, whichever worker makes it."""

    def turn(self, client_id: int) -> AbstractAsyncContextManager[bool]:
        """Hold the client's turn for the block; gives False at once when somebody else holds it."""
        ...


class CommandLog(Protocol):
    """Remembers which commands were carried out, so that a repeat has no second effect."""

    async def answered(self, command: Command[Any]) -> bool:
        """Whether this command was carried out before. Refused IDEMPOTENCY_KEY_REUSED for other content."""
        ...

    async def remember(self, command: Command[Any], reply: Message, *events: Event) -> None:
        """Note that it was carried out and record what happened; does nothing when somebody else just did."""
        ...


class OrderBook(Protocol):
    """What billing itself decides about orders. Methods that take a transaction take part in it."""

    async def want(self, transaction: "Transaction", desk: "OrderDesk") -> "OrderDesk":
        """Store what a caller wants of an order and give it back as it now stands.

        The first want of an order inserts it; how later ones change it, and what they raise, is `order_desk.merged`.
        """
        ...

    async def read(self, order_id: str) -> "OrderDesk | None":
        """Read what is wanted of an order; None when nothing ever was."""
        ...

    async def lock(self, transaction: "Transaction", order_id: str) -> "OrderDesk | None":
        """Read the same and keep everybody else from changing it until the transaction ends."""
        ...

    async def put(self, transaction: "Transaction", desk: "OrderDesk") -> None:
        """Write a desk back that was locked."""
        ...

    async def elect(self, order_id: str, round_: int, whmcs_order_id: int) -> int | None:
        """Register the winner of a round unless it has one (rule 6), and give the round's winner.

        None when there is none and the candidate was judged otherwise before: an extra, or an earlier round's winner.
        """
        ...

    async def discard(self, order_id: str, round_: int, whmcs_order_id: int) -> bool:
        """Judge a WHMCS order to be an extra; False when it is a winner. Both verdicts exclude one another."""
        ...

    async def crown(self, transaction: "Transaction", order_id: str, round_: int, whmcs_order_id: int) -> None:
        """Make a WHMCS order the winner of a round, whatever was decided before: the former winner is an extra then.

        Only for an order that is Active already or that a person has named. Refused WHMCS_ORDER_NOT_OURS when it was
        judged for another Salesforce order.
        """
        ...

    async def verdicts(self, order_id: str) -> "Mapping[int, Verdict]":
        """Read what was decided about the WHMCS orders of a Salesforce order, by WHMCS order id."""
        ...

    async def released(self, transaction: "Transaction", order_id: str) -> None:
        """Begin the next round: the reservation is cancelled, and what operators allowed in this one is used up."""
        ...

    async def sweep(self, transaction: "Transaction", order_id: str, until: datetime) -> "OrderDesk":
        """Have late twins looked for until then, at least (`order_desk.swept`), and give the desk as it then stands."""
        ...

    async def stays(self, transaction: "Transaction", order_id: str) -> None:
        """Give a release up: the order was accepted by hand."""
        ...

    async def closed(self, transaction: "Transaction", order_id: str) -> None:
        """Forget the personal data of an accepted order: WHMCS has it now."""
        ...


class OrderJournal(Protocol):
    """The outside calls of an order's process, for people."""

    async def entries(self, order_id: str) -> "Sequence[JournalEntry]":
        """Give all of them, the oldest first; those of searches for late twins too."""
        ...
