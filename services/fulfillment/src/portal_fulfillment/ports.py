"""What provisioning needs from outside, in our own words.

Neighbours on the bus and the operator raise the portal's problems: TryLater (nothing was decided; for the operator:
nothing was sent), Refused (a definite no) and Misconfigured (our set-up).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.billing import BillingProduct, OrderLine, OrderProtocolState
from portal_contracts.orders import ProvisioningOrder, ProvisionRequested, RecordOutcome
from portal_fulfillment.attempt import Attempt, AttemptState, Stage
from portal_fulfillment.sim import Accepted, EsimActivation, Line, VoiceOptions

OperationKind = Literal["activate", "voice_options"]
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


class Sims(Protocol):
    """The mobile operator. It knows no request key: what became of a request is seen in the line alone."""

    @property
    def looks_after_activation(self) -> Sequence[float]:
        """Seconds of business time after an activation at which to look at the line."""

    @property
    def looks_after_options(self) -> Sequence[float]:
        """The same after voice options were asked for."""

    async def lines_of(self, eid: str) -> tuple[Line, ...]:
        """Every line ever asked for on an EID, newest first, failed ones included."""

    async def line(self, account: str) -> Line | None:
        """The line of a number."""

    async def activate(self, wanted: EsimActivation) -> Accepted:
        """Ask for a line. Refused SIM_IN_USE or SIM_REFUSED; raises Unclear."""

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """Ask for the options of a voice line, once after its activation; harmless to repeat.

        Refused SIM_REFUSED; TryLater while another request for the line runs; raises Unclear.
        """


class Attempts(Protocol):
    """The ledger of attempts (§2.1). Everything takes part in the given transaction."""

    async def lock(self, transaction: Transaction, order_id: str) -> Attempt | None:
        """Lock an order's ledger until the transaction ends and give its latest attempt."""

    async def is_new(self, transaction: Transaction, order_id: str, signal_key: str) -> bool:
        """Remember a signal; False when it was seen before."""

    async def open(
        self, transaction: Transaction, number: int, signal: ProvisionRequested, opened_at: datetime
    ) -> None:
        """Open an attempt."""

    async def start_early(self, transaction: Transaction, order_id: str, number: int) -> None:
        """Note that a scheduled order is to start before its day."""

    async def is_early(self, order_id: str, number: int) -> bool:
        """Whether it is; read outside any transaction."""

    async def reached(
        self, transaction: Transaction, order_id: str, number: int, stage: Stage, *, code: str | None, at: datetime
    ) -> None:
        """Note the stage an open attempt has reached."""

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

    `line` is an EID before there is a number, else the number.
    """

    async def claim(self, kind: OperationKind, order_id: str, attempt: int, line: str) -> bool:
        """Open an operation of an attempt and commit it; True also when it is open already, False when another is."""

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
