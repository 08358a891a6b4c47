"""What provisioning needs from outside, in our own words.

Neighbours on the bus and the operator raise the portal's problems: TryLater (nothing was decided; for the operator:
nothing was sent), Refused (a definite no) and Misconfigured (our set-up).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.billing import BillingProduct, OrderLine, OrderProtocolState
from portal_contracts.billing_services import ChargeState
from portal_contracts.orders import ProvisioningOrder, ProvisionRequested, RecordOutcome
from portal_fulfillment.attempt import Attempt, AttemptState, Stage, Verdict
from portal_fulfillment.kept_lines import OwnedLine
from portal_fulfillment.sim import (
    Accepted,
    CardActivation,
    EsimActivation,
    EsimReissue,
    Line,
    Target,
    TopUp,
    Usage,
    VoiceOptions,
)

OperationKind = Literal[
    "activate",
    "voice_options",
    "change_voice_options",
    "top_up",
    "change_plan",
    "change_network",
    "reissue",
    "cancel_line",
]
"""`activate` is an order's one activation, whatever it is carried by and wherever its number comes from."""
OperationState = Literal["requested", "accepted", "unknown", "confirmed", "failed", "withdrawn"]
"""The first three are open: a line takes one operation at a time."""


class Unclear(Exception):  # noqa: N818 - named for what happened, as the portal's problems are
    """The operator may or may not have taken a request: look before anything else is sent for the line."""


class Orders(Protocol):
    """The Salesforce side of an order: the orders service."""

    async def read(self, order_id: str) -> ProvisioningOrder:
        """Read it live. Refused NOT_FOUND, CUSTOMER_NOT_LINKED or PRODUCT_UNMAPPED."""

    async def mark_activating(self, order_id: str, attempt: int) -> None:
        """Write Activating, unless it stands there (C20)."""

    async def record(self, outcome: RecordOutcome) -> None:
        """Write how provisioning stands to Order and Opportunity; harmless to repeat."""


class Billing(Protocol):
    """The WHMCS side of an order: the billing service. The order protocol is harmless to repeat."""

    async def can_pay(self, client_id: int) -> bool:
        """Tell, live, whether the client has a usable payment method (R064)."""

    async def products(self, product_ids: Sequence[int]) -> Mapping[int, BillingProduct]:
        """Give what WHMCS knows of products, by id."""

    async def reserve(
        self, order_id: str, generation: int, client_id: int, lines: Sequence[OrderLine], eid: str | None
    ) -> OrderProtocolState:
        """Have exactly one Pending order. For what it is refused see `ReserveOrder`."""

    async def accept(
        self, order_id: str, generation: int, *, phone_number: str | None, iccid: str | None
    ) -> OrderProtocolState:
        """Accept the reserved order and see its service active."""

    async def release(self, order_id: str, generation: int, reason: str) -> OrderProtocolState:
        """Cancel the reservation; done when there is none."""


class Charges(Protocol):
    """What a change of a line costs: the billing service."""

    async def charge(
        self, key: str, whmcs_client_id: int, service_id: int, amount: int, description: str
    ) -> ChargeState:
        """Invoice whole yen, exactly once for a key; harmless to repeat. Refused WHMCS_CHARGE_UNCLEAR or NOT_FOUND."""


class Sims(Protocol):
    """The mobile operator (freebit.md). It knows no request key: what became of a request is seen in the line alone.

    Every write raises Unclear, is Refused SIM_REFUSED for what has no code of its own, and gives TryLater LINE_BUSY
    while another request for the line runs there.
    """

    def looks_after_activation(self, target: Target) -> Sequence[float]:
        """Seconds of business time after an activation at which to look at the line."""

    def looks_after(self, kind: OperationKind) -> Sequence[float]:
        """The same after any other request."""

    async def lines_of(self, eid: str) -> tuple[Line, ...]:
        """Every line ever asked for on an EID, newest first, failed ones included."""

    async def lines_of_card(self, card_number: str) -> tuple[Line, ...]:
        """The same for the number on a SIM card. Misconfigured where the operator has no such look-up."""

    async def line(self, account: str) -> Line | None:
        """The line of a number."""

    async def usage(self, account: str) -> Usage:
        """Data used by a line; only when somebody looks, never for many lines in a row (3.2). Refused SIM_REFUSED."""

    async def quota_history(self, account: str, first: date, last: date) -> tuple[TopUp, ...]:
        """Data added between two Japanese days, both included, newest first. Refused SIM_REFUSED."""

    async def activate(self, wanted: EsimActivation) -> Accepted:
        """Ask for a line on an eSIM, with a new or a ported number.

        Refused SIM_IN_USE, PORTING_RESERVATION_REFUSED or PORTING_IDENTITY_MISMATCH.
        """

    async def activate_physical(self, wanted: CardActivation) -> Accepted:
        """Ask for a line on a SIM card, by whichever route the company uses; goes on with a card that is reserved.

        Refused SIM_CARD_UNKNOWN, PORTING_RESERVATION_REFUSED or PORTING_IDENTITY_MISMATCH.
        """

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """Ask for the options of a voice line, once after its activation; harmless to repeat."""

    async def change_voice_options(self, account: str, changes: VoiceOptions) -> Accepted:
        """Ask for other options; what is None stays."""

    async def top_up(self, account: str, megabytes: int, key: str, expires_on: date | None = None) -> Accepted:
        """Add data. The key is found again in the quota history; what is sent twice is added twice."""

    async def change_plan(self, account: str, plan_code: str, run_on: date | None = None) -> Accepted:
        """Ask for another plan, at once or as a Japanese day begins."""

    async def change_network(self, account: str, network: str) -> Accepted:
        """Ask for "4G" or "5G"; locks the line for about half an hour."""

    async def reissue_esim(self, wanted: EsimReissue) -> Accepted:
        """Ask for a new profile. Refused SIM_IN_USE."""

    async def cancel_line(self, account: str, run_on: date | None = None) -> Accepted:
        """End a line for good, at once or as a Japanese day begins."""


class Attempts(Protocol):
    """The ledger of attempts (§2.1). Everything takes part in the given transaction."""

    async def lock(self, transaction: Transaction, order_id: str) -> Attempt | None:
        """Lock an order's ledger until the transaction ends and give its latest attempt."""

    async def note_signal(
        self,
        transaction: Transaction,
        signal: ProvisionRequested,
        key: str,
        *,
        verdict: Verdict,
        number: int,
        seen_at: datetime,
    ) -> bool:
        """Keep a signal with what it did and the attempt it opened or met (0: none); False when it was seen before."""

    async def belongs(self, transaction: Transaction, order_id: str, number: int, account_id: str) -> None:
        """Note the Salesforce account whose order it is."""

    async def open(
        self, transaction: Transaction, number: int, signal: ProvisionRequested, opened_at: datetime
    ) -> None:
        """Open an attempt."""

    async def start_early(self, transaction: Transaction, order_id: str, number: int) -> None:
        """Note that a scheduled order is to start before its day."""

    async def first_opened(self, order_id: str) -> datetime | None:
        """Give when the order's first attempt was opened; None when there is none. Read outside any transaction."""

    async def is_early(self, order_id: str, number: int) -> bool:
        """Whether it is; read outside any transaction."""

    async def request_cancel(self, transaction: Transaction, order_id: str, number: int, operator: str) -> None:
        """Note who wants an open attempt to go the way back; the first one stays."""

    async def cancelled_by(self, order_id: str, number: int) -> str | None:
        """Give who does, an e-mail address; None when nobody does. Read outside any transaction."""

    async def reached(
        self,
        transaction: Transaction,
        order_id: str,
        number: int,
        stage: Stage,
        *,
        code: str | None,
        at: datetime,
        scheduled_at: datetime | None = None,
    ) -> None:
        """Note the stage an open attempt has reached, and the time it waits for, if it does."""

    async def end(
        self,
        transaction: Transaction,
        order_id: str,
        number: int,
        state: AttemptState,
        *,
        code: str | None,
        at: datetime,
    ) -> None:
        """End an open attempt."""


class Operations(Protocol):
    """Requests to the operator: one open operation for each line, whoever asks for it (freebit.md §5).

    `line` is an EID or the number on a card while a line is activated, else the line's number. `order_id` and `attempt`
    say who asks; for a change that no order brings about, the id of its request and 1.
    """

    async def claim(self, kind: OperationKind, order_id: str, attempt: int, line: str) -> bool:
        """Open an operation of an attempt and commit it; True also when it is open already, False when another is.

        An open one moves to another line; one that failed or was withdrawn is opened again.
        """

    async def note_sent(self, kind: OperationKind, order_id: str, attempt: int, at: datetime) -> None:
        """Commit when the request of an open operation is about to be sent, in business time."""

    async def last_sent(
        self, line: str, kinds: Sequence[OperationKind], but_for: tuple[OperationKind, str, int]
    ) -> datetime | None:
        """Give when the newest request of some kinds was sent for a line, apart from one's own; refused ones not."""

    async def give_up(self, kind: OperationKind, order_id: str, attempt: int) -> None:
        """Close an open operation as failed and commit that: it was refused."""

    async def remember(self, order_id: str, attempt: int, before: Mapping[str, str]) -> None:
        """Commit which lines the EID had before the activation was sent, by number: they are not ours."""

    async def before(self, order_id: str, attempt: int) -> Mapping[str, str]:
        """Give those lines."""

    async def settle(
        self, transaction: Transaction, kind: OperationKind, order_id: str, attempt: int, state: OperationState
    ) -> None:
        """Write how an open operation stands; nothing when it is not open."""


class Lines(Protocol):
    """The lines we have activated, for what customers do with them later."""

    async def keep(self, transaction: Transaction, order_id: str, line: Line, *, activated_at: datetime) -> None:
        """Keep an active line. Its activation code is sealed before it is written and never logged (D11)."""

    async def belongs(self, transaction: Transaction, order_id: str, account_id: str) -> None:
        """Note the Salesforce account whose line it is: nobody else is ever shown its code."""

    async def serves(self, transaction: Transaction, order_id: str, service_id: int) -> None:
        """Note the WHMCS service as which an order's line is billed."""

    async def renew(self, transaction: Transaction, line: Line) -> None:
        """Note a line's new eSIM profile: its code is sealed as in `keep` and may be shown once, as a first one."""

    async def adopt(self, transaction: Transaction, owned: OwnedLine, line: Line) -> bool:
        """Keep a line that was set up outside the portal, with its owner; False when its number is kept already."""

    async def holder(self, account: str) -> str | None:
        """Give the order whose line has a number; None when no order of ours does. Read outside any transaction."""
