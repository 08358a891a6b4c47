"""Differences between Salesforce, WHMCS and Freebit (D14): found nightly and on demand, each with a proposed repair."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.message import Message, ServiceQuery
from portal_contracts.operators import OperatorCommand, OperatorOutcome, OperatorQuery, Permission

DriftKind = Literal[
    "order_without_service",
    "service_without_opportunity",
    "status_mismatch",
    "price_mismatch",
    "address_mismatch",
    "orphan_client",
    "copy_out_of_date",
]


class Drift(Message):
    """One difference. `id` stays the same as long as the difference does."""

    id: str
    kind: DriftKind
    order_id: str | None = None
    account_id: str | None = None
    whmcs_client_id: int | None = None
    whmcs_service_id: int | None = None
    facts: Mapping[str, str | int] = Field(default_factory=dict, description="What each system says; no personal data")
    repair: str = Field(description="What repairing would do, in plain English")
    repairable: bool = Field(description="Whether the portal can do it; otherwise `repair` tells a person what to do")
    first_seen_at: datetime
    last_seen_at: datetime


class DriftReport(Message):
    """The open differences and when the last comparison ended."""

    drifts: Sequence[Drift]
    totals: Mapping[str, int]
    compared_at: datetime | None = Field(default=None, description="End of the last whole comparison")
    running: bool


class ListDrift(OperatorQuery[DriftReport]):
    """List open differences, oldest first."""

    subject: ClassVar[str] = "orders.drift.list.v1"
    permission: ClassVar[Permission] = "drift.read"
    kind: DriftKind | None = None


class CompareSystems(OperatorCommand[OperatorOutcome]):
    """Compare now instead of tonight. A running comparison is not started twice."""

    subject: ClassVar[str] = "orders.drift.compare.v1"
    permission: ClassVar[Permission] = "drift.act"


class RepairDrift(OperatorCommand[OperatorOutcome]):
    """Do the proposed repair after reading both sides again. Refused with NOT_FOUND or DRIFT_NOT_REPAIRABLE."""

    subject: ClassVar[str] = "orders.drift.repair.v1"
    permission: ClassVar[Permission] = "drift.act"
    drift_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LinkedClients(Message):
    """Which of the WHMCS clients asked about have a portal user, and which had one."""

    linked: Mapping[int, str] = Field(description="Salesforce account id by WHMCS client id")
    deleted: Mapping[int, str] = Field(
        default_factory=dict, description="The same of clients without one whose customer's account was deleted (D17)"
    )


class FindLinkedClients(ServiceQuery[LinkedClients]):
    """Tell which WHMCS clients are linked (D05, orphan clients), and which no more are."""

    subject: ClassVar[str] = "identity.link.find.v1"
    whmcs_client_ids: Sequence[int] = Field(max_length=100)
