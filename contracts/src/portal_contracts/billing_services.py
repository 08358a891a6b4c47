"""What other services have done to one WHMCS service: charging something extra, ending it, pricing another plan."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.billing import PositiveId, SubscriptionState
from portal_contracts.catalog import BillingCycle
from portal_contracts.message import Message, ServiceCommand, ServiceQuery
from portal_contracts.values import Yen

Key = Annotated[
    str,
    StringConstraints(min_length=8, max_length=64, pattern="^[A-Za-z0-9:-]+$"),
    Field(examples=["top-up-0001"]),
]


class ChargeState(Message):
    """How far a charge is. `working`: ask the same again at `again_at`."""

    state: Literal["done", "working"]
    invoice_id: int | None = None
    again_at: datetime | None = None


class ChargeExtra(ServiceCommand[ChargeState]):
    """Invoice something extra on a service, such as a top-up, exactly once for a key (C18).

    WHMCS takes the money as for any other invoice. CreateInvoice has no idempotency key: the key stands in the
    invoice's notes and is searched for before anything is sent again (whmcs.md 5.3, 5.5). Refused with NOT_FOUND
    for a service that is not the client's, or WHMCS_CHARGE_UNCLEAR when a person has to look.
    """

    subject: ClassVar[str] = "billing.extra.charge.v1"
    key: ClassVar[str] = "charge_key"
    charge_key: Key
    whmcs_client_id: PositiveId
    service_id: PositiveId
    amount: Yen
    description: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ServiceEnding(Message):
    """How a service stands after it was to be ended. `ended` once WHMCS shows it terminated or cancelled."""

    state: SubscriptionState
    ended: bool


class EndService(ServiceCommand[ServiceEnding]):
    """End a client's service in WHMCS now (C22, automatic mode): cancellation request, then termination; read back.

    Looks first, so that repeats do nothing. Refused with NOT_FOUND for a service that is not the client's.
    """

    subject: ClassVar[str] = "billing.service.end.v1"
    key: ClassVar[str] = "cancellation_id"
    cancellation_id: Key
    whmcs_client_id: PositiveId
    service_id: PositiveId


class PlanQuote(Message):
    """What WHMCS would charge now for another product until the next due date (`UpgradeProduct` with `calconly`)."""

    price_now: Yen | None = Field(description="Whole yen due at once; null when WHMCS gives none")
    days_left: int | None = None
    next_due_on: date | None = None


class QuotePlanChange(ServiceQuery[PlanQuote]):
    """Price another product for a running service; orders nothing (§5 item 3).

    Refused with NOT_FOUND for a service that is not the client's, PLAN_CHANGE_NOT_OFFERED when WHMCS says no.
    """

    subject: ClassVar[str] = "billing.plan_change.quote.v1"
    whmcs_client_id: PositiveId
    service_id: PositiveId
    whmcs_product_id: PositiveId
    billing_cycle: BillingCycle
