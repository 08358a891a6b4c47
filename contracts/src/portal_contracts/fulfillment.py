"""What fulfillment announces: how provisioning goes."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from portal_contracts.catalog import Category
from portal_contracts.message import Event
from portal_contracts.values import SalesforceId

ProvisioningStage = Literal[
    "started",
    "scheduled",
    "preflight_passed",
    "preflight_failed",
    "reserved",
    "sim_requested",
    "sim_active",
    "accepted",
    "blocked",
    "resumed",
    "needs_human",
    "failed",
    "withdrawn",
    "cancelled",
    "absorbed",
]


class ProvisioningProgressed(Event):
    """An order's provisioning reached a stage, is blocked, or absorbed another signal (R171, §2.1)."""

    subject: ClassVar[str] = "fulfillment.provisioning.progressed.v1"
    order_id: SalesforceId
    attempt: int
    stage: ProvisioningStage
    code: str | None = Field(default=None, description="Problem code of a blocked, failed or parked order")
    facts: Mapping[str, str | int] = Field(default_factory=dict)
    source: str | None = Field(default=None, description="The signal a started or absorbed entry came from")
    request_id: str | None = None
    requested_by: str = Field(default="", description="Who sent the signal or gave the order (R149)")
    correlation_id: str = ""
    until: datetime | None = Field(default=None, description="When it starts, or is looked at again by itself")
    occurred_at: datetime


class PreflightFailed(Event):
    """A scheduled order will not start as it stands: something is missing three days before (R165, R263)."""

    subject: ClassVar[str] = "fulfillment.preflight.failed.v1"
    order_id: SalesforceId
    account_id: SalesforceId
    code: str = Field(description="Problem code of what is missing, e.g. PAYMENT_METHOD_MISSING")
    facts: Mapping[str, str | int] = Field(default_factory=dict)
    scheduled_at: datetime
    occurred_at: datetime


class OrderActivated(Event):
    """An order is active, billed and written back everywhere."""

    subject: ClassVar[str] = "fulfillment.order.activated.v1"
    order_id: SalesforceId
    account_id: SalesforceId
    whmcs_order_id: int
    whmcs_service_id: int
    category: Category
    occurred_at: datetime
